"""The arbiter: where watchers, sockets, control and the loop meet.

Commands arrive through circus.control.api.ArbiterView: each edits what is wanted, marks the
watchers it touched for the engine, and returns at once.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from circus import config
from circus.arbiter.announcer import Announcer, Publish
from circus.arbiter.engine import Engine
from circus.arbiter.launch import WorkerLauncher
from circus.arbiter.operations import LIFE, Operations
from circus.arbiter.processes import Processes
from circus.arbiter.reconfigure import Reconfiguration, apply_change
from circus.arbiter.roster import Roster
from circus.arbiter.strangers import Strangers
from circus.arbiter.view import WatcherProxy
from circus.arbiter.watcher import Watcher
from circus.control.api import Operation, Payload, WatcherView
from circus.loop.loop import Loop
from circus.model.errors import CommandError, ConfigError, SocketError
from circus.model.events import Action
from circus.model.specs import ArbiterSpec, WatcherSpec
from circus.model.units import signal_name
from circus.process import tree
from circus.sockets.table import SocketTable

log = logging.getLogger(__name__)

HURRIED_GRACE: Final = 1.0
"""Seconds of grace that are left after a second request to quit."""


class Arbiter:
    """Keeps the watchers of *spec* as they are wanted, until it is told to quit.

    *changed* is told the lower-case names of watchers that something happened to. *strangers*: it
    owns the whole process, and reaps children that it did not start. *nofile*: the soft and hard
    limit of descriptors that workers get, where it is not circusd's own. *read* reads the
    configuration again; by default, from where *spec* came from.
    """

    def __init__(
        self,
        spec: ArbiterSpec,
        loop: Loop,
        *,
        publish: Publish,
        listened: Callable[[], bool],
        changed: Callable[[frozenset[str]], None],
        endpoint: str,
        pubsub_endpoint: str,
        strangers: bool = True,
        read: Callable[[], config.Loaded] | None = None,
        nofile: tuple[int, int] | None = None,
    ) -> None:
        self.spec = spec
        self.loop = loop
        self.endpoint = endpoint
        self.pubsub_endpoint = pubsub_endpoint
        self.pid = os.getpid()
        self.sockets = SocketTable()
        self.exit_code = 0
        self.restarts = 0
        self._changed = changed
        self._read = read or self._read_source
        self._announcer = Announcer(publish, listened)
        self.processes = Processes(
            loop,
            self._announcer,
            launcher=lambda spec: WorkerLauncher(spec, self.sockets, nofile),
            changed=self._mark,
            strangers=strangers,
        )
        self.engine = Engine(loop, self.processes, self._announcer, settled=self._settled)
        self.roster = Roster(
            loop, self.engine, self.sockets, warmup_delay=lambda: self.spec.warmup_delay
        )
        self.roster.take_in(spec.watchers)
        self._operations = Operations(
            self.processes, loop.time, self.roster.queued, lambda: self.spec.warmup_delay
        )
        self._busy: set[Watcher] | None = None  # while everything stops: who is not done
        self._next_life: ArbiterSpec | None = None  # what to go on with after that
        self._strangers = strangers
        self._life_error: str | None = None  # why the last restart is not what was asked for
        self._quits = 0
        self._recorder: Any = None

    def _mark(self, watcher: Watcher) -> None:
        self.engine.mark(watcher)

    # Life

    def open(self) -> None:
        """Bind the managed sockets; SocketError when one cannot be bound."""
        self.sockets.open_all(self.spec.sockets)

    def begin(self) -> None:
        """Start what is to start with circusd."""
        self.roster.start_in_turn(self.roster.ordered())

    def close(self) -> None:
        """Give up sockets and descriptors."""
        self.roster.release_sockets()
        self.sockets.close_all()
        self.processes.close()

    def quit_by_signal(self) -> None:
        """SIGTERM: stop in order; the second time within a second, the third time at once."""
        self._quits += 1
        if self._quits == 1 or self._busy is None or self._next_life is not None:
            log.info("stopping: all watchers get their grace")
            self.quit()
        elif self._quits == 2:
            log.warning("stopping: told again, %g s of grace are left", HURRIED_GRACE)
            self.processes.hurry(HURRIED_GRACE)
        else:
            log.warning("stopping: told three times, killing what is left")
            self.processes.hurry(0.0)

    # What commands see

    def watchers(self) -> Sequence[WatcherView]:
        """All watchers, highest priority first."""
        return [self._view(watcher) for watcher in self.roster.ordered()]

    def watcher(self, name: str) -> WatcherView:
        """The watcher called *name*; KeyError when there is none."""
        watcher = self.roster.get(name)
        if watcher is None:
            raise KeyError(name)
        return self._view(watcher)

    def _view(self, watcher: Watcher) -> WatcherView:
        return WatcherProxy(watcher, self.processes, self.loop.time)

    def numprocesses(self) -> int:
        """How many processes exist over all watchers."""
        return sum(watcher.count() for watcher in self.roster.ordered())

    def listsockets(self) -> list[Payload]:
        """The managed sockets, sorted by descriptor."""
        return self.sockets.listing()

    def process_record(self, pid: int) -> Payload | str:
        """The stats record of a process, or a text when it is gone."""
        if self._recorder is None:
            from circus.stats.record import Recorder

            self._recorder = Recorder(tree.children)
        record: Payload | str = self._recorder.record(pid, children=pid != self.pid)
        known = self.processes.process(pid)
        if isinstance(record, dict) and known is not None:
            slot = known[1]
            record.update(started=slot.started, wid=slot.wid, age=time.time() - slot.started)
        return record

    # Commands

    def start(self, names: Sequence[str] | None) -> Operation:
        """Start these watchers; none named, or several: only those with autostart."""
        self._refuse_while_leaving()
        if names is not None and len(names) == 1:
            watcher = self.roster.named(names[0])
            self.roster.start(watcher)
            return self._operations.started([watcher] if not watcher.spec.on_demand else [])
        watchers = [watcher for watcher in self.roster.chosen(names) if watcher.spec.autostart]
        self.roster.start_in_turn(watchers)
        return self._operations.started([w for w in watchers if not w.spec.on_demand])

    def stop(self, names: Sequence[str] | None) -> Operation:
        """Stop these watchers, or all."""
        watchers = self.roster.chosen(names)
        self.roster.stop(reversed(watchers))
        one = names is not None and len(names) == 1
        return self._operations.stopped(watchers, {"info": None} if one else {})

    def restart(self, names: Sequence[str] | None) -> Operation:
        """Stop and start these watchers; none named: all of circusd, configuration included."""
        self._refuse_while_leaving()
        if names is None:
            self._next_life = self._read_config() if self.spec.source else self.spec
            keys = [spec.name.lower() for spec in self._next_life.watchers]
            life = self.restarts + 1
            return self._operations.reborn(
                self._stop_everything(), keys, lambda: self._life_begun(life)
            )
        watchers = self.roster.chosen(names)
        if len(watchers) > 1:
            for watcher in watchers:
                if not watcher.spec.autostart:
                    self.roster.stop([watcher])
            watchers = [watcher for watcher in watchers if watcher.spec.autostart]
        for watcher in watchers:
            if watcher.spec.on_demand and not watcher.wanted.running:
                self.roster.start(watcher)
                continue
            watcher.restart(self.loop.time())
            self.engine.mark(watcher)
        return self._operations.replaced(watchers, told=len(names) == 1)

    def reload(self, name: str | None, *, graceful: bool, sequential: bool) -> Operation:
        """Replace the processes of one watcher, or of all that run."""
        self._refuse_while_leaving()
        now = self.loop.time()
        rolled = []
        if name is not None:
            watchers = [self.roster.named(name)]
        else:
            watchers = [watcher for watcher in self.roster.ordered() if watcher.wanted.running]
        for watcher in watchers:
            if not watcher.wanted.running:
                self.roster.start(watcher)
            elif not graceful:
                watcher.restart(now)
            elif watcher.spec.send_hup:
                for pid in watcher.pids():
                    self._send(pid, signal.SIGHUP)
                self._announcer.event(watcher, Action.RELOAD)
            else:
                watcher.roll(now, sequential=sequential)
                rolled.append(watcher)
            self.engine.mark(watcher)
        return self._operations.replaced(watchers, told=name is not None, rolled=rolled)

    def scale(self, name: str, numprocesses: int) -> Operation:
        """Want this many processes."""
        watcher = self.roster.named(name)
        watcher.wanted.numprocesses = max(0, numprocesses)
        self.engine.mark(watcher)
        return self._operations.scaled(watcher)

    def kill(
        self, name: str, pid: int | None, signum: int | None, timeout: float | None
    ) -> Operation:
        """End processes with a signal and a grace of the caller's own; respawn follows."""
        watcher = self.roster.named(name)
        grace = watcher.spec.graceful_timeout if timeout is None else timeout
        slots = [slot for slot in watcher.workers() if pid is None or slot.pid == pid]
        ended = self._operations.ended(watcher, slots, grace)
        for slot in slots:
            self.processes.end(watcher, slot, signum or watcher.spec.stop_signal, grace)
        return ended

    def signal(
        self,
        name: str,
        signum: int,
        *,
        pid: int | None = None,
        childpid: int | None = None,
        children: bool = False,
        recursive: bool = False,
    ) -> None:
        """Send a signal to processes of a watcher, or to their children."""
        watcher = self.roster.named(name)
        pids = [slot.pid for slot in watcher.workers()]
        workers = [own for own in pids if pid is None or own == pid]
        if childpid is not None:
            if not any(childpid in tree.children(own) for own in workers):
                raise CommandError(f"pid {childpid} is no child of a process of {name}")
            self._send(childpid, signum)
            return
        if children and pid is not None and not workers:
            raise CommandError(f"pid {pid} is no process of {name}")
        for own in workers:
            family = tree.descendants(own) if recursive else []
            if children:
                for child in tree.children(own):
                    self._send(child, signum)
                continue
            self._send(own, signum)
            for process in family:
                if tree.is_alive(process):
                    self._send(process.pid, signum)

    def add(self, spec: WatcherSpec, *, start: bool) -> Operation:
        """Take a new watcher in."""
        self._refuse_while_leaving()
        if spec.name in self.roster:
            raise CommandError(f"{spec.name!r} already exist")
        (watcher,) = self.roster.take_in([spec])
        self._announcer.event(watcher, Action.ADD)
        if not start:
            return self._operations.done()
        self.roster.start(watcher)
        return self._operations.added(watcher)

    def remove(self, name: str, *, nostop: bool) -> Operation:
        """Let a watcher go, with its processes unless *nostop*."""
        watcher = self.roster.named(name)
        self._announcer.event(watcher, Action.REMOVE)
        self.roster.depart(watcher, nostop=nostop)
        if not nostop:
            return self._operations.stopped([watcher], {})
        self._changed(frozenset((watcher.key,)))  # who waited for it waits no longer
        self._done_with(watcher)
        return self._operations.done()

    def configure(self, name: str, changes: Mapping[str, Any]) -> Operation:
        """Replace fields of a watcher's spec, all or none."""
        self._refuse_while_leaving()
        watcher = self.roster.named(name)
        rolled = apply_change(watcher, changes, self.loop.time())
        for _ in changes:
            self._announcer.event(watcher, Action.UPDATED)
        self.engine.mark(watcher)
        return self._operations.settled([watcher], rolled=[watcher] if rolled else [])

    def reload_config(self) -> Operation:
        """Read the configuration again and apply what differs, or nothing at all."""
        self._refuse_while_leaving()
        if self.spec.source is None:
            raise CommandError(
                "there is no configuration file to read again: circusd was started without one"
            )
        spec = self._read_config()
        reconfiguration = Reconfiguration(self.spec, spec, self.roster, self.sockets, self.engine)
        touched, removed = reconfiguration.apply(self.loop.time())
        self.spec = spec
        self.roster.start_in_turn(reconfiguration.added)
        return self._operations.settled(
            touched, reconfiguration.rolled, reconfiguration.added, removed
        )

    def quit(self) -> Operation:
        """Stop everything, then circusd."""
        self._next_life = None
        return self._stop_everything()

    # The end, or the next life

    def _read_config(self) -> ArbiterSpec:
        try:
            loaded = self._read()
        except ConfigError as exc:
            raise CommandError(f"nothing was changed. {exc}") from exc
        for warning in loaded.warnings:
            log.warning("%s", warning)
        return loaded.spec

    def _read_source(self) -> config.Loaded:
        assert self.spec.source is not None
        return config.load(self.spec.source)

    def _refuse_while_leaving(self) -> None:
        if self._busy is not None:
            what = "restarting" if self._next_life is not None else "stopping"
            raise CommandError(f"arbiter is {what}...")

    def _stop_everything(self) -> Operation:
        watchers = [*self.roster.ordered(), *self.roster.departing]
        if self._busy is None:
            self._busy = set(watchers)
        self.roster.stop(reversed(watchers))
        if not self._busy:
            self.loop.call_soon(self._all_stopped)
        return self._operations.stopped(watchers, {})

    def _settled(self, watcher: Watcher) -> None:
        """The engine has nothing left to do for *watcher* now."""
        self.roster.settled(watcher)
        self._changed(frozenset((watcher.key,)))
        if self._busy is None:
            return
        left, stuck = len(watcher.workforce.slots), len(watcher.stuck())
        if left == stuck:
            if stuck:
                if self._next_life is None:
                    self.exit_code = 1
                log.error(
                    "leaving watcher=%s pids=%s", watcher.name, self.processes.remains(watcher)
                )
            self._done_with(watcher)

    def _done_with(self, watcher: Watcher) -> None:
        """While everything stops: nothing is left to do for *watcher*."""
        if self._busy is not None:
            self._busy.discard(watcher)
            if not self._busy:
                self.loop.call_soon(self._all_stopped)

    def _life_begun(self, life: int) -> Operation | None:
        """Return what tells when the life number *life* runs, once it has begun."""
        if self.restarts < life:
            return None
        if self._life_error is not None:
            raise CommandError(self._life_error)
        starting = [
            watcher
            for watcher in self.roster.ordered()
            if watcher.spec.autostart and not watcher.spec.on_demand
        ]
        return self._operations.started(starting)

    def _all_stopped(self) -> None:
        if self._busy is None:
            return
        if self._next_life is None:
            if self._strangers:
                Strangers(self.loop, self.processes.workers, self.loop.stop).end()
            else:
                self.loop.stop()
            return
        spec, self._next_life, self._busy = self._next_life, None, None
        self.restarts += 1
        self._life_error = None
        self.roster.release_sockets()
        try:
            self.sockets.apply(spec.sockets)
        except SocketError as exc:  # the table holds what it held before
            self._life_error = f"restarted with the configuration from before: {exc}"
            log.error("%s", self._life_error)
            spec = self.spec
        self.spec = spec
        self.roster.replace_all(spec.watchers)
        self.begin()
        self._changed(frozenset([LIFE]))

    # Helpers

    def _send(self, pid: int, signum: int) -> None:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        except OSError as exc:
            raise CommandError(
                f"cannot send {signal_name(signum)} to pid {pid}: {exc.strerror}", errno=4
            ) from exc
