"""What a waiting client is answered, and when: predicates on watchers.

Each function looks at the watchers as they are when the command was given, and returns an Operation
whose poll() says whether what was asked for is true by now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from typing import Final

from circus.arbiter.engine import is_settled
from circus.arbiter.processes import PATIENCE, Processes
from circus.arbiter.watcher import Watcher
from circus.control.api import Operation, Payload
from circus.core.rollout import Mode
from circus.core.status import Slot
from circus.model.errors import CommandError

LIFE: Final = "\0life"
"""Stands among the names of watchers for circusd itself, whose next life has begun."""
SLACK: Final = 60.0
"""Seconds beyond grace and warm-up times that an operation may take before it is called late."""


def _patience(watchers: Collection[Watcher]) -> float:
    """How long stopping and starting all of *watchers* may take."""
    return SLACK + max(
        (
            watcher.spec.graceful_timeout
            + PATIENCE
            + watcher.places * (watcher.spec.warmup_delay + watcher.spec.ready_after)
            + _one_by_one(watcher)
            for watcher in watchers
        ),
        default=0.0,
    )


def _one_by_one(watcher: Watcher) -> float:
    """How long it may take to stop the workers of *watcher* one after another, if they are."""
    rollout = watcher.wanted.rollout
    if rollout is None or rollout.mode is not Mode.OLD_FIRST:
        return 0.0
    return watcher.places * (watcher.spec.graceful_timeout + PATIENCE)


def _unfinished(watchers: Collection[Watcher]) -> str:
    names = [watcher.name for watcher in watchers if not is_settled(watcher)]
    shown = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
    return f"not finished yet: {shown or 'nothing'}. It goes on; ask with: circusctl status"


def _refuse_stuck(processes: Processes, watcher: Watcher) -> None:
    """Raise CommandError where all that is left to end did not end by SIGKILL."""
    stuck = watcher.stuck()
    if stuck and len(stuck) == len(watcher.workforce.ending):
        pids = ", ".join(map(str, processes.remains(watcher)))
        raise CommandError(
            f"{watcher.name} is not stopped: SIGKILL did not end pid {pids}. "
            "Look at their state in /proc/PID/status: D waits for a device"
        )


class _Each:
    """Asks a question of each watcher until the answer was yes once."""

    def __init__(self, watchers: Iterable[Watcher], question: Callable[[Watcher], bool]) -> None:
        self._left = list(watchers)
        self._question = question

    def done(self) -> bool:
        """Say whether all have answered yes; asks no more of them than it has to."""
        while self._left and self._question(self._left[-1]):
            self._left.pop()
        return not self._left


class Operations:
    """Makes operations.

    *time* is the loop's clock, *queued* tells who is still to be started, *pause* how many seconds
    lie between the starts of two watchers.
    """

    def __init__(
        self,
        processes: Processes,
        time: Callable[[], float],
        queued: Callable[[str], bool],
        pause: Callable[[], float],
    ) -> None:
        self._processes = processes
        self._time = time
        self._queued = queued
        self._pause = pause

    def _make(
        self,
        watchers: Sequence[Watcher],
        question: Callable[[Watcher], bool],
        answer: Callable[[], Payload],
        extra: float = 0.0,
    ) -> Operation:
        each = _Each(watchers, lambda watcher: watcher.unmanaged or question(watcher))
        return Operation(
            watchers=frozenset(watcher.key for watcher in watchers),
            poll=lambda: answer() if each.done() else None,
            remaining=lambda: _unfinished(watchers),
            deadline=self._time() + _patience(watchers) + self._pause() * len(watchers) + extra,
        )

    def started(self, watchers: Sequence[Watcher]) -> Operation:
        """All of *watchers* run with all their processes, or gave up."""
        before = {watcher: set(watcher.pids()) for watcher in watchers}

        def is_up(watcher: Watcher) -> bool:
            if watcher.gave_up:
                raise CommandError(f"{watcher.name} did not start: {watcher.reason}")
            if watcher.wanted.running:
                return watcher.reached and watcher.workforce.settled >= watcher.places
            return not self._queued(watcher.key)

        def answer() -> Payload:
            if len(watchers) != 1:
                return {}
            now, known = set(watchers[0].pids()), before[watchers[0]]
            return {"info": {"started": sorted(now - known), "kept": sorted(now & known)}}

        return self._make(watchers, is_up, answer)

    def added(self, watcher: Watcher) -> Operation:
        """Like started(), with the pids at the top level of the reply."""
        up = self.started([watcher])

        def poll() -> Payload | None:
            answer = up.poll()
            return None if answer is None else answer["info"]

        return Operation(up.watchers, poll, up.remaining, up.deadline)

    def stopped(self, watchers: Sequence[Watcher], answer: Payload) -> Operation:
        """Nothing of *watchers* is left; an error names what SIGKILL did not end."""

        def is_down(watcher: Watcher) -> bool:
            if watcher.wanted.running:
                return True  # somebody started it again meanwhile
            _refuse_stuck(self._processes, watcher)
            return not watcher.workforce.slots

        return self._make(watchers, is_down, lambda: dict(answer))

    def replaced(
        self, watchers: Sequence[Watcher], *, told: bool, rolled: Collection[Watcher] = ()
    ) -> Operation:
        """Restart or reload is over: all is new, the old are gone. *told*: the answer has pids.

        *rolled* are those whose processes are replaced by a rollout, which may be given up.
        """
        before = {watcher: set(watcher.pids()) for watcher in watchers}
        generations = {watcher: watcher.wanted.generation for watcher in rolled}

        def is_new(watcher: Watcher) -> bool:
            failed = watcher.rolled_back
            # A later rollout that failed has taken this one's newcomers along.
            if failed is not None and failed[0] >= generations.get(watcher, inf):
                kept = len(set(watcher.pids()) & before[watcher])
                raise CommandError(
                    f"reload of {watcher.name} given up: {failed[1]}. "
                    f"{kept} of the workers from before go on serving"
                )
            if watcher.gave_up:
                raise CommandError(f"{watcher.name} did not start: {watcher.reason}")
            if not watcher.wanted.running:
                return not watcher.workforce.slots
            return (
                watcher.reached
                and not watcher.wanted.bounce
                and watcher.wanted.rollout is None
                and not watcher.workforce.ending
                and watcher.workforce.settled == watcher.places
            )

        def answer() -> Payload:
            if not told or len(watchers) != 1:
                return {}
            now, known = set(watchers[0].pids()), before[watchers[0]]
            return {
                "info": {
                    "stopped": sorted(known - now),
                    "started": sorted(now - known),
                    "kept": sorted(now & known),
                }
            }

        return self._make(watchers, is_new, answer)

    def scaled(self, watcher: Watcher) -> Operation:
        """The watcher has as many processes as are wanted."""

        def has_all(watcher: Watcher) -> bool:
            workforce = watcher.workforce
            if not watcher.wanted.running or watcher.wanted.rollout is not None:
                return True
            running = len(workforce.live) + workforce.finished
            held_back = len(workforce.waiting) > len(workforce.due)
            if running < watcher.places and held_back and watcher.reason is not None:
                raise CommandError(
                    f"{watcher.name} has {len(workforce.live)} of {watcher.places} processes: "
                    f"{watcher.reason}"
                )
            return running == watcher.places and not workforce.leaving

        return self._make([watcher], has_all, lambda: {"numprocesses": watcher.numprocesses})

    def ended(self, watcher: Watcher, slots: Sequence[Slot], grace: float) -> Operation:
        """What these slots hold now is gone with its tree."""
        held = [(slot, slot.pid) for slot in slots]

        def are_gone(watcher: Watcher) -> bool:
            _refuse_stuck(self._processes, watcher)
            ending = watcher.workforce.ending
            return all(slot.pid != pid and slot.wid not in ending for slot, pid in held)

        return self._make([watcher], are_gone, dict, extra=grace)

    def settled(
        self,
        changed: Collection[Watcher],
        rolled: Collection[Watcher] = (),
        added: Sequence[Watcher] = (),
        removed: Sequence[Watcher] = (),
    ) -> Operation:
        """A new configuration is in force: who changed or was added runs, the removed are gone."""
        parts = (
            self.replaced(list(changed), told=False, rolled=rolled),
            self.started(added),
            self.stopped(removed, {}),
        )

        def poll() -> Payload | None:
            return {} if all(part.poll() is not None for part in parts) else None

        return Operation(
            watchers=frozenset().union(*(part.watchers for part in parts)),
            poll=poll,
            remaining=lambda: _unfinished([*changed, *added, *removed]),
            deadline=max(part.deadline for part in parts),
        )

    def reborn(
        self, stopped: Operation, keys: Collection[str], alive: Callable[[], Operation | None]
    ) -> Operation:
        """All is stopped and runs again from a new configuration.

        *keys* are the lower-case names in it, *alive* gives, once it is in force, the operation
        that says when all of it runs.
        """
        running: list[Operation] = []

        def poll() -> Payload | None:
            if not running:
                begun = alive()
                if begun is None:
                    return None
                running.append(begun)
            return running[0].poll()

        return Operation(
            watchers=stopped.watchers | {LIFE, *keys},
            poll=poll,
            remaining=stopped.remaining,
            deadline=stopped.deadline + SLACK + self._pause() * len(keys),
        )

    def done(self) -> Operation:
        """Nothing is left to wait for."""
        return Operation(frozenset(), dict, str, self._time() + SLACK)
