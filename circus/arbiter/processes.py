"""The processes of all watchers: started, signalled, reaped, and their trees swept.

No policy is here: the engine says what to do with which slot, the kernel says what became of it,
and `outcome` (pure) says what follows.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections import ChainMap
from collections.abc import Callable, Container, Sequence
from typing import Final

from circus.arbiter.announcer import Announcer
from circus.arbiter.launch import WorkerLauncher
from circus.arbiter.watcher import Watcher
from circus.core import outcome
from circus.core.status import Slot
from circus.loop.loop import Loop
from circus.model.errors import ConfigError, SpawnError
from circus.model.events import Action
from circus.model.specs import WatcherSpec
from circus.model.states import LIVE, Event, State
from circus.model.units import signal_name
from circus.process import tree
from circus.process.reaper import Reaper
from circus.process.sweeper import Sweeper
from circus.process.tree import Ref

log = logging.getLogger(__name__)

PATIENCE: Final = 3.0
"""Seconds that SIGKILL may take before what is left is reported."""


class Processes:
    """Acts on processes and hears of their ends.

    *launcher* makes what starts a watcher's processes; *changed* is told of each watcher that
    something happened to; *strangers*: children that nobody started are reaped, too.
    """

    def __init__(
        self,
        loop: Loop,
        announcer: Announcer,
        *,
        launcher: Callable[[WatcherSpec], WorkerLauncher],
        changed: Callable[[Watcher], None],
        strangers: bool,
    ) -> None:
        self._loop = loop
        self._announcer = announcer
        self._make_launcher = launcher
        self._changed = changed
        self.reaper = Reaper(loop, self._exited, strangers=strangers)
        self._by_pid: dict[int, tuple[Watcher, Slot]] = {}
        self._unmanaged: dict[int, tuple[Watcher, Slot]] = {}  # they are only reaped
        self._sweeper = Sweeper(loop, self._emptied, workers=self._by_pid)
        self._owners: dict[Slot, Watcher] = {}  # of slots whose tree is being swept
        self._snapshots: dict[Slot, list[Ref]] = {}  # descendants before the first signal
        self._stop_signals: dict[Slot, int] = {}  # where the stop asked for its own
        self.short_grace: float | None = None
        """While circusd is told to hurry: the longest grace any stop gets, in seconds."""

    def __len__(self) -> int:
        return len(self._by_pid)

    @property
    def workers(self) -> Container[int]:
        """The pids of all workers that were not reaped yet, the unmanaged included."""
        return ChainMap(self._by_pid, self._unmanaged)

    def process(self, pid: int) -> tuple[Watcher, Slot] | None:
        """Return the watcher and the slot of a worker that was not reaped yet."""
        return self._by_pid.get(pid)

    def remains(self, watcher: Watcher) -> list[int]:
        """Return the pids of what SIGKILL did not end."""
        pids: list[int] = []
        for slot in watcher.stuck():
            pids += [slot.pid] if slot.pid else self._sweeper.pids(slot)
        return pids

    def close(self) -> None:
        """Give up every descriptor."""
        self.reaper.close()
        self._sweeper.close()

    # What the engine wants done

    def spawn(self, watcher: Watcher, wid: int) -> None:
        """Start a process in slot *wid*, opening it where it is free."""
        now = self._loop.time()
        workforce = watcher.workforce
        slot = workforce.slots.get(wid) or workforce.open(wid, now)
        try:
            if watcher.launcher is None:
                watcher.launcher = self._make_launcher(watcher.spec)
            child = watcher.launcher.launch(wid)
        except (SpawnError, ConfigError) as exc:
            self._spawn_failed(watcher, slot, str(exc))
            return
        started, now = time.time(), self._loop.time()
        watcher.attempts = 0
        watcher.next_spawn_at = now + watcher.spec.warmup_delay
        self._by_pid[child.pid] = (watcher, slot)
        outcome.spawned(
            watcher.spec,
            watcher.wanted,
            workforce,
            slot,
            child.pid,
            now=now,
            started=started,
            jitter=random.random(),
        )
        self.reaper.watch(child.pid, child.pidfd)
        log.debug("spawned watcher=%s wid=%d pid=%d", watcher.name, wid, child.pid)
        self._announcer.event(watcher, Action.SPAWN, started, process_pid=child.pid)

    def _spawn_failed(self, watcher: Watcher, slot: Slot, reason: str) -> None:
        watcher.attempts += 1
        if reason != watcher.reason:
            log.error("%s", reason)
        watcher.reason = reason
        watcher.gave_up = outcome.spawn_failed(
            watcher.spec,
            watcher.wanted,
            watcher.workforce,
            slot,
            now=self._loop.time(),
            jitter=random.random(),
        )
        self._announcer.undone(watcher, reason)
        if watcher.gave_up:
            log.error("gave up watcher=%s after %d tries", watcher.name, watcher.attempts)

    def look_at_families(self, slots: Sequence[Slot]) -> None:
        """Take the snapshots of those that are about to be stopped: one question for many."""
        families = tree.families([slot.pid for slot in slots], self._by_pid)
        self._snapshots.update(zip(slots, families, strict=True))

    def stop(self, watcher: Watcher, slot: Slot, signum: int, *, leaving: bool) -> None:
        """Send the stop signal, to the children too where the spec says so."""
        now = self._loop.time()
        grace = slot.grace if slot.grace >= 0 else watcher.spec.graceful_timeout
        if self.short_grace is not None:
            grace = min(grace, self.short_grace)
        slot.leaving = leaving
        family = self._snapshots.get(slot)
        if family is None:
            family = tree.descendants(slot.pid)
        if family:
            self._snapshots[slot] = family
        else:
            self._snapshots.pop(slot, None)
        if signum != watcher.spec.stop_signal:
            self._stop_signals[slot] = signum
        self._signal(watcher, slot.pid, signum)
        if watcher.spec.stop_children:
            for process in family:
                self._signal_ref(watcher, process, signum)
        watcher.workforce.move(slot, Event.STOP, now, now + grace)

    def kill(self, watcher: Watcher, slot: Slot) -> None:
        """SIGKILL for the whole tree: looked up first, as the dead have no children."""
        if slot.pid:
            family = dict.fromkeys(self._snapshots.get(slot, ()))
            family.update(dict.fromkeys(tree.descendants(slot.pid)))
            self._snapshots[slot] = list(family)
            self._signal(watcher, slot.pid, signal.SIGKILL)
            for process in family:
                self._signal_ref(watcher, process, signal.SIGKILL)
        else:
            self._sweep(watcher, slot, signal.SIGKILL)
        now = self._loop.time()
        watcher.workforce.move(slot, Event.DEADLINE, now, now + PATIENCE)
        log.warning("killed watcher=%s wid=%d: its grace was over", watcher.name, slot.wid)

    def report(self, watcher: Watcher, slot: Slot) -> None:
        """SIGKILL did not end it in time: say what is left."""
        watcher.workforce.move(slot, Event.DEADLINE, self._loop.time())
        left = [slot.pid] if slot.pid else self._sweeper.pids(slot)
        log.error("SIGKILL did not end watcher=%s wid=%d pids=%s", watcher.name, slot.wid, left)

    # What commands want done

    def end(self, watcher: Watcher, slot: Slot, signum: int, timeout: float) -> None:
        """Ask one worker to end, with a signal and a grace of the caller's own.

        One that is ending already gets the signal, too, and no more than that grace.
        """
        if slot.state in LIVE:
            slot.grace = timeout
            self.look_at_families([slot])
            self.stop(watcher, slot, signum, leaving=False)
        elif slot.pid:
            now = self._loop.time()
            self._signal(watcher, slot.pid, signum)
            if slot.state is State.STOPPING:
                watcher.workforce.shorten(slot, now, now + timeout)
        self._changed(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Leave the processes of *watcher* alone from now on; they are only reaped."""
        for slot in watcher.workforce.slots.values():
            known = self._by_pid.pop(slot.pid, None)
            if known is not None:
                self._unmanaged[slot.pid] = known
            self._sweeper.forget(slot)
            self._clear(slot)

    def hurry(self, seconds: float) -> None:
        """Give no stop, under way or to come, more than *seconds* of grace."""
        self.short_grace = seconds
        now = self._loop.time()
        for watcher in {watcher for watcher, _ in self._by_pid.values()} | set(
            self._owners.values()
        ):
            for slot in watcher.workforce.ending.values():
                if slot.state in (State.STOPPING, State.SWEEPING):
                    watcher.workforce.shorten(slot, now, now + seconds)
            self._changed(watcher)

    # Signals

    def _signal(self, watcher: Watcher, pid: int, signum: int) -> None:
        """Signal a child that was not reaped yet: its pid cannot be somebody else's."""
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        except PermissionError as exc:
            log.error("cannot signal watcher=%s pid=%d: %s", watcher.name, pid, exc)
            return
        self._announcer.event(watcher, Action.KILL, process_pid=pid)

    def _signal_ref(self, watcher: Watcher, process: Ref, signum: int) -> None:
        if tree.is_alive(process):
            self._signal(watcher, process.pid, signum)

    def _sweep(self, watcher: Watcher, slot: Slot, signum: int) -> None:
        for pid in self._sweeper.signal(slot, signum):
            self._announcer.event(watcher, Action.KILL, process_pid=pid)

    # What the kernel says

    def _exited(self, pid: int, code: int) -> None:
        known = self._by_pid.pop(pid, None)
        if known is None:
            self._unmanaged.pop(pid, None)
            return
        watcher, slot = known
        now, before = self._loop.time(), slot.state
        uptime = now - slot.born
        newcomer = watcher.wanted.rollout
        leftovers = self._sweeper.begin(slot, pid, self._snapshots.pop(slot, ()))
        slot.pid = 0
        outcome.process_ended(
            watcher.spec,
            watcher.wanted,
            watcher.workforce,
            slot,
            clean=code == 0,
            leftovers=leftovers,
            now=now,
            jitter=random.random(),
        )
        if self.short_grace is not None:
            watcher.workforce.shorten(slot, now, now + self.short_grace)
        if before in LIVE:
            told = watcher.reason = _how_it_ended(slot.wid, pid, code, uptime)
            if newcomer is not watcher.wanted.rollout:
                self._announcer.undone(watcher, told)
            log.info("reaped watcher=%s %s", watcher.name, told)
        if leftovers:
            self._owners[slot] = watcher
            gentle = self._stop_signals.get(slot, watcher.spec.stop_signal)
            hard = slot.state in (State.KILLING, State.STUCK)
            self._sweep(watcher, slot, signal.SIGKILL if hard else gentle)
        else:
            self._stop_signals.pop(slot, None)
        self._announcer.event(watcher, Action.REAP, process_pid=pid, exit_code=code)
        self._changed(watcher)

    def _emptied(self, slot: Slot) -> None:
        watcher = self._owners[slot]
        self._clear(slot)
        outcome.tree_emptied(
            watcher.spec, watcher.wanted, watcher.workforce, slot, now=self._loop.time()
        )
        self._changed(watcher)

    def _clear(self, slot: Slot) -> None:
        self._owners.pop(slot, None)
        self._snapshots.pop(slot, None)
        self._stop_signals.pop(slot, None)


def _how_it_ended(wid: int, pid: int, code: int, uptime: float) -> str:
    how = f"exited with code {code}" if code >= 0 else f"was killed by {signal_name(-code)}"
    return f"worker {wid} (pid {pid}) {how} after {uptime:.1f} s"
