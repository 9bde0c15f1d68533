"""The engine: observe, plan, apply, for those watchers only that something happened to.

A watcher that something happened to is marked. In the next turn of the loop it is planned, the
plan is applied, and so on until nothing is left to do now; then a timer is set for its next
deadline. Work is bounded by BUDGET seconds a turn: what is left over stays marked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Final

from circus.arbiter.announcer import Announcer
from circus.arbiter.processes import Processes
from circus.arbiter.watcher import Watcher
from circus.core.planner import Action, Drop, Forget, Kill, Plan, Report, Spawn, Stop, plan
from circus.core.rollout import Mode, is_over
from circus.loop.loop import Loop
from circus.model.events import Action as Happening
from circus.model.states import Event, WatcherState

log = logging.getLogger(__name__)

BUDGET: Final = 0.005
ACTIONS_PER_PLAN: Final = 256
"""Of these, stops are not cut short by BUDGET: their families were looked at together."""
MANY_WORKERS: Final = 4096
"""With more, a look at many families costs more each (see tree.families): half as many at once."""
TEND_AGAIN: Final = 0.5


class Engine:
    """Keeps watchers as they are wanted; *settled* is told of each watcher that was planned."""

    def __init__(
        self,
        loop: Loop,
        processes: Processes,
        announcer: Announcer,
        *,
        settled: Callable[[Watcher], None],
    ) -> None:
        self._loop = loop
        self._processes = processes
        self._announcer = announcer
        self._settled = settled
        self._dirty: dict[Watcher, None] = {}
        self._scheduled = False

    def mark(self, watcher: Watcher) -> None:
        """Have *watcher* planned in the next turn: something happened to it."""
        if watcher.unmanaged:
            return
        self._dirty[watcher] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pass)

    def forget(self, watcher: Watcher) -> None:
        """Leave *watcher* and its processes alone from now on."""
        watcher.unmanaged = True
        if watcher.timer is not None:
            watcher.timer.cancel()
        self._dirty.pop(watcher, None)
        self._processes.forget(watcher)

    # One pass

    def _pass(self) -> None:
        self._scheduled = False
        until = self._loop.time() + BUDGET
        while self._dirty:
            watcher = next(iter(self._dirty))
            del self._dirty[watcher]
            try:
                settled = self._settle(watcher, until)
            except OSError as exc:
                # The system is short of something: it costs this watcher a pause.
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
            self._announcer.state(watcher)
            step = plan(
                watcher.spec,
                watcher.wanted,
                watcher.workforce,
                now,
                next_spawn_at=watcher.next_spawn_at,
                limit=ACTIONS_PER_PLAN // (1 + (len(self._processes) > MANY_WORKERS)),
            )
            if not step.actions:
                self._arm(watcher, step)
                self._settled(watcher)
                return True
            slots = watcher.workforce.slots
            stopped = [slots[action.wid] for action in step.actions if isinstance(action, Stop)]
            if stopped:
                self._processes.look_at_families(stopped)
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
            self._announcer.told(watcher, WatcherState.STOPPED)
        if wanted.rollout is not None and is_over(wanted, workforce, watcher.places):
            undone = wanted.rollout.mode is Mode.UNDO
            wanted.rollout = None
            if not undone:
                self._announcer.event(watcher, Happening.RELOAD)
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

    def _apply(self, watcher: Watcher, action: Action) -> None:
        workforce, processes = watcher.workforce, self._processes
        match action:
            case Spawn(wid):
                processes.spawn(watcher, wid)
            case Stop(wid, leaving):
                signum = watcher.spec.stop_signal
                processes.stop(watcher, workforce.slots[wid], signum, leaving=leaving)
            case Kill(wid):
                processes.kill(watcher, workforce.slots[wid])
            case Report(wid):
                processes.report(watcher, workforce.slots[wid])
            case Drop(wid):
                workforce.move(workforce.slots[wid], Event.DROP, self._loop.time())
            case Forget(count):
                workforce.finished -= count


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
