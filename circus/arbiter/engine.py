"""The engine: observe, plan, apply, for those watchers only that something happened to.

A watcher that something happened to is marked. In the next turn of the loop it is planned, the
plan is applied, and so on until nothing is left to do now; then a timer is set for its next
deadline. Work is bounded by BUDGET seconds a turn: what is left over stays marked.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections import ChainMap
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, Final

from circus.arbiter.launch import WorkerLauncher
from circus.arbiter.watcher import Watcher
from circus.core import outcome
from circus.core.planner import Action, Drop, Forget, Kill, Plan, Report, Spawn, Stop, plan
from circus.core.rollout import Mode, is_over
from circus.core.status import Slot
from circus.loop.loop import Loop
from circus.model.errors import ConfigError, SpawnError
from circus.model.events import Action as Happening
from circus.model.events import topic
from circus.model.specs import WatcherSpec
from circus.model.states import ENDING, LIVE, Event, State, WatcherState
from circus.model.units import signal_name
from circus.process import tree
from circus.process.reaper import Reaper
from circus.process.sweeper import Sweeper
from circus.process.tree import Ref

log = logging.getLogger(__name__)

BUDGET: Final = 0.005
ACTIONS_PER_PLAN: Final = 256
"""Of these, stops are not cut short by BUDGET: their families were looked at together."""
MANY_WORKERS: Final = 4096
"""With more, a look at many families costs more each (see tree.families): half as many at once."""
TEND_AGAIN: Final = 0.5
PATIENCE: Final = 3.0
"""Seconds that SIGKILL may take before what is left is reported."""

Publish = Callable[[str, Callable[[], Mapping[str, Any]]], None]


class Engine:
    """Keeps watchers as they are wanted.

    *publish* sends an event, where anybody *listened*; *settled* is told of each watcher that was
    planned; *launcher* makes what starts a watcher's processes.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        publish: Publish,
        listened: Callable[[], bool],
        settled: Callable[[Watcher], None],
        launcher: Callable[[WatcherSpec], WorkerLauncher],
        strangers: bool,
    ) -> None:
        self._loop = loop
        self._publish = publish
        self._listened = listened
        self._settled = settled
        self._make_launcher = launcher
        self.reaper = Reaper(loop, self._exited, strangers=strangers)
        self._by_pid: dict[int, tuple[Watcher, Slot]] = {}
        self._unmanaged: dict[int, tuple[Watcher, Slot]] = {}  # they are only reaped
        self._sweeper = Sweeper(loop, self._emptied, workers=self._by_pid)
        self._owners: dict[Slot, Watcher] = {}  # of slots whose tree is being swept
        self._snapshots: dict[Slot, list[Ref]] = {}  # descendants before the first signal
        self._stop_signals: dict[Slot, int] = {}  # where the stop asked for its own
        self._dirty: dict[Watcher, None] = {}
        self._scheduled = False
        self.short_grace: float | None = None
        """While circusd is told to hurry: the longest grace any stop gets, in seconds."""

    # Something happened

    def mark(self, watcher: Watcher) -> None:
        """Have *watcher* planned in the next turn."""
        self._dirty[watcher] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pass)

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

    def forget(self, watcher: Watcher) -> None:
        """Leave the processes of *watcher* alone from now on; they are only reaped."""
        watcher.unmanaged = True
        if watcher.timer is not None:
            watcher.timer.cancel()
        self._dirty.pop(watcher, None)
        for slot in watcher.workforce.slots.values():
            known = self._by_pid.pop(slot.pid, None)
            if known is not None:
                self._unmanaged[slot.pid] = known
            self._sweeper.forget(slot)
            self._clear(slot)

    def kill(self, watcher: Watcher, slot: Slot, signum: int, timeout: float) -> None:
        """Ask one worker to end, with a signal and a grace of the caller's own.

        One that is ending already gets the signal, too, and no more than that grace.
        """
        if slot.state in LIVE:
            slot.grace = timeout
            self._stop(watcher, slot, signum, leaving=False)
        elif slot.pid:
            now = self._loop.time()
            self._signal(watcher, slot.pid, signum)
            if slot.state is State.STOPPING:
                watcher.workforce.shorten(slot, now, now + timeout)
        self.mark(watcher)

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
            self.mark(watcher)

    def close(self) -> None:
        """Give up every descriptor."""
        self.reaper.close()
        self._sweeper.close()

    # One pass

    def _pass(self) -> None:
        self._scheduled = False
        until = self._loop.time() + BUDGET
        while self._dirty:
            watcher = next(iter(self._dirty))
            del self._dirty[watcher]
            try:
                settled = self._settle(watcher, until)
            except (
                OSError
            ) as exc:  # the system is short of something: it costs this watcher a pause
                log.error("cannot tend watcher=%s: %s; trying again soon", watcher.name, exc)
                self._loop.call_later(TEND_AGAIN, partial(self.mark, watcher))
                continue
            if not settled:
                self.mark(watcher)  # at the end of the line: others get their turn
                if watcher.reached:
                    self._settled(watcher)  # it may never come to rest; others wait for it
            if self._loop.time() >= until:
                break
        if self._dirty and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pass)

    def _settle(self, watcher: Watcher, until: float) -> bool:
        """Plan and apply until nothing is left to do now; say whether it came that far."""
        while True:
            now = self._loop.time()
            watcher.workforce.advance(now)
            self._turn_over(watcher, now)
            self._announce(watcher)
            step = plan(
                watcher.spec,
                watcher.wanted,
                watcher.workforce,
                now,
                next_spawn_at=watcher.next_spawn_at,
                limit=ACTIONS_PER_PLAN // (1 + (len(self._by_pid) > MANY_WORKERS)),
            )
            if not step.actions:
                self._arm(watcher, step)
                self._settled(watcher)
                return True
            self._look_at_families(watcher, step.actions)
            phase = self._phase(watcher)
            for action in step.actions:
                self._apply(watcher, action)
                if self._phase(watcher) != phase:
                    break  # a spawn that failed changed what is wanted: the rest is void
                if self._loop.time() >= until and not isinstance(action, Stop):
                    return False
            if self._loop.time() >= until:
                return False

    @staticmethod
    def _phase(watcher: Watcher) -> tuple[bool, object]:
        return watcher.wanted.running, watcher.wanted.rollout

    def _arm(self, watcher: Watcher, step: Plan) -> None:
        """Have it planned again at its next deadline."""
        timer = watcher.timer
        if timer is not None and not timer.cancelled:
            if timer.deadline == step.wake_at:
                return
            timer.cancel()
        watcher.timer = None
        if step.wake_at < inf:
            watcher.timer = self._loop.call_at(step.wake_at, lambda: self._wake(watcher))

    def _wake(self, watcher: Watcher) -> None:
        watcher.timer = None
        self.mark(watcher)

    def _turn_over(self, watcher: Watcher, now: float) -> None:
        """Go on to what follows once a phase is complete."""
        wanted, workforce = watcher.wanted, watcher.workforce
        if wanted.bounce and not workforce.slots:
            wanted.bounce = False
            self._tell(watcher, WatcherState.STOPPED)
        if wanted.rollout is not None and is_over(wanted, workforce, watcher.places):
            undone = wanted.rollout.mode is Mode.UNDO
            wanted.rollout = None
            if not undone:
                self._event(watcher, Happening.RELOAD)
        ended = workforce.finished and workforce.finished >= watcher.places
        if wanted.running and ended and not workforce.slots:
            wanted.stop()  # respawn = false, and the last one ended
            workforce.finished = 0
        if wanted.running and not watcher.reached and not wanted.bounce:
            # A place whose process ended already counts: a crash loop is up, if not well.
            watcher.reached = workforce.settled >= watcher.places and watcher.attempts == 0
        if watcher.on_call and watcher.reached and not workforce.live and not workforce.ending:
            wanted.stop()  # on_demand, and the last one ended: the next connection starts it
            watcher.announced = WatcherState.STOPPED  # nobody asked for it: no event
        if watcher.reached and not workforce.waiting:
            watcher.reason = None

    # Effects: no policy, one action each

    def _apply(self, watcher: Watcher, action: Action) -> None:
        workforce = watcher.workforce
        match action:
            case Spawn(wid):
                self._spawn(watcher, wid)
            case Stop(wid, leaving):
                slot = workforce.slots[wid]
                self._stop(watcher, slot, watcher.spec.stop_signal, leaving=leaving)
            case Kill(wid):
                self._kill(watcher, workforce.slots[wid])
            case Report(wid):
                slot = workforce.slots[wid]
                workforce.move(slot, Event.DEADLINE, self._loop.time())
                log.error(
                    "SIGKILL did not end watcher=%s wid=%d pids=%s",
                    watcher.name,
                    wid,
                    [slot.pid] if slot.pid else self._sweeper.pids(slot),
                )
            case Drop(wid):
                workforce.move(workforce.slots[wid], Event.DROP, self._loop.time())
            case Forget(count):
                workforce.finished -= count

    def _spawn(self, watcher: Watcher, wid: int) -> None:
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
        self._event(watcher, Happening.SPAWN, started, process_pid=child.pid)

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
        self._note_undo(watcher, reason)
        if watcher.gave_up:
            log.error("gave up watcher=%s after %d tries", watcher.name, watcher.attempts)

    def _look_at_families(self, watcher: Watcher, batch: Sequence[Action]) -> None:
        """Take the snapshots of all that are about to be stopped: one question for many."""
        slots = [
            watcher.workforce.slots[action.wid] for action in batch if isinstance(action, Stop)
        ]
        if slots:
            families = tree.families([slot.pid for slot in slots], self._by_pid)
            self._snapshots.update(zip(slots, families, strict=True))

    def _stop(self, watcher: Watcher, slot: Slot, signum: int, *, leaving: bool) -> None:
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

    def _kill(self, watcher: Watcher, slot: Slot) -> None:
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

    def _signal(self, watcher: Watcher, pid: int, signum: int) -> None:
        """Signal a child that was not reaped yet: its pid cannot be somebody else's."""
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        except PermissionError as exc:
            log.error("cannot signal watcher=%s pid=%d: %s", watcher.name, pid, exc)
            return
        self._event(watcher, Happening.KILL, process_pid=pid)

    def _signal_ref(self, watcher: Watcher, process: Ref, signum: int) -> None:
        if tree.is_alive(process):
            self._signal(watcher, process.pid, signum)

    def _sweep(self, watcher: Watcher, slot: Slot, signum: int) -> None:
        for pid in self._sweeper.signal(slot, signum):
            self._event(watcher, Happening.KILL, process_pid=pid)

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
                self._note_undo(watcher, told)
            log.info("reaped watcher=%s %s", watcher.name, told)
        if leftovers:
            self._owners[slot] = watcher
            gentle = self._stop_signals.get(slot, watcher.spec.stop_signal)
            hard = slot.state in (State.KILLING, State.STUCK)
            self._sweep(watcher, slot, signal.SIGKILL if hard else gentle)
        else:
            self._stop_signals.pop(slot, None)
        self._event(watcher, Happening.REAP, process_pid=pid, exit_code=code)
        self.mark(watcher)

    def _emptied(self, slot: Slot) -> None:
        watcher = self._owners[slot]
        self._clear(slot)
        outcome.tree_emptied(
            watcher.spec, watcher.wanted, watcher.workforce, slot, now=self._loop.time()
        )
        self.mark(watcher)

    def _clear(self, slot: Slot) -> None:
        self._owners.pop(slot, None)
        self._snapshots.pop(slot, None)
        self._stop_signals.pop(slot, None)

    # What people are told

    def _note_undo(self, watcher: Watcher, reason: str) -> None:
        """A rollout that was given up says why, to whoever asked for it."""
        wanted = watcher.wanted
        if wanted.rollout is not None and wanted.rollout.mode is Mode.UNDO:
            watcher.rolled_back = (wanted.generation, reason)
            watcher.note = reason
            log.error("reload of watcher=%s given up: %s", watcher.name, reason)

    def _event(
        self, watcher: Watcher, action: Happening, moment: float | None = None, **body: Any
    ) -> None:
        if self._listened():
            self._publish(
                topic(watcher.name, action),
                lambda: {**body, "time": time.time() if moment is None else moment},
            )

    def _announce(self, watcher: Watcher) -> None:
        state = watcher.status()
        if state is not watcher.announced:
            self._tell(watcher, state)

    def _tell(self, watcher: Watcher, state: WatcherState) -> None:
        watcher.announced = state
        if state is WatcherState.ACTIVE:
            log.info("%s started", watcher.name)
            self._event(watcher, Happening.START)
        elif state is WatcherState.STOPPED:
            log.info("%s stopped", watcher.name)
            if not watcher.succeeded:
                self._event(watcher, Happening.STOP)


def _how_it_ended(wid: int, pid: int, code: int, uptime: float) -> str:
    how = f"exited with code {code}" if code >= 0 else f"was killed by {signal_name(-code)}"
    return f"worker {wid} (pid {pid}) {how} after {uptime:.1f} s"


def is_settled(watcher: Watcher) -> bool:
    """Say whether *watcher* has just what is wanted: nothing starts, ends or waits."""
    workforce = watcher.workforce
    if not watcher.wanted.running:
        return not workforce.slots
    return (
        not watcher.wanted.bounce
        and watcher.wanted.rollout is None
        and not workforce.ending
        and not workforce.waiting
        and len(workforce.live) + workforce.finished == watcher.places
    )


__all__ = ["ENDING", "Engine", "is_settled"]
