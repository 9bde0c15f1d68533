"""What is true of one watcher's slots, indexed by what the planner asks.

Each change of a slot goes through Workforce, which keeps every index right, so that a pass costs
what changed and not what exists. Time comes in as *now*, monotonic seconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain, count, islice
from math import inf

from circus.core.machine import step
from circus.model.states import ENDING, LIVE, Event, State


@dataclass(slots=True, eq=False)
class Slot:
    """A place for one worker process. At most one process is in it."""

    wid: int
    state: State = State.WAITING
    generation: int = 0
    pid: int = 0
    since: float = 0.0  # when the state began, monotonic
    started: float = 0.0  # when the process was spawned, wall clock: for people
    born: float = 0.0  # the same, monotonic
    deadline: float = inf  # when the state must end: next try, readiness, grace, patience
    expires: float = inf  # when max_age is reached
    failures: int = 0  # quick ends in a row
    leaving: bool = False  # on its end nothing comes back into this slot for it
    grace: float = -1.0  # seconds until SIGKILL, where the stop asked for its own
    retry_at: float = 0.0  # once the slot is empty: when its next process may start
    tries: int = 0  # spawns that failed in a row


class Workforce:
    """The slots of one watcher."""

    __slots__ = (
        "_deadlines",
        "_free",
        "_high",
        "due",
        "ending",
        "expired",
        "finished",
        "fresh",
        "generation",
        "leaving",
        "live",
        "overdue",
        "slots",
        "starting",
        "unproven",
        "waiting",
    )

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.live: dict[int, Slot] = {}  # oldest first
        self.starting: dict[int, Slot] = {}  # the live that are not ready yet
        self.waiting: dict[int, Slot] = {}  # all without a process
        self.due: dict[int, Slot] = {}  # the waiting whose time has come
        self.ending: dict[int, Slot] = {}
        self.overdue: dict[int, Slot] = {}  # the ending whose deadline has passed
        self.expired: dict[int, Slot] = {}  # the live past their max_age
        self.leaving = 0  # how many of the ending will not come back
        self.finished = 0  # places whose process ended and is not to be replaced (respawn = false)
        self.generation = 0
        self.fresh = 0  # how many of the live are of this generation
        self.unproven = 0  # how many of the fresh are not known to be good yet
        self._free: list[int] = []  # wids below _high that are free, sorted
        self._high = 0
        self._deadlines: list[tuple[float, int]] = []  # heap; stale entries are skipped

    def free_wids(self, number: int) -> Iterator[int]:
        """Return the *number* lowest free wids, without taking them."""
        return islice(chain(self._free, count(self._high + 1)), number)

    def open(self, wid: int, now: float) -> Slot:
        """Take the free *wid* as a waiting slot that is due at once."""
        if wid > self._high:
            for between in range(self._high + 1, wid):
                self._free.append(between)
            self._high = wid
        else:
            self._take(wid)
        slot = self.slots[wid] = Slot(wid, since=now, deadline=now)
        self.waiting[wid] = self.due[wid] = slot
        return slot

    def _take(self, wid: int) -> None:
        del self._free[bisect_left(self._free, wid)]

    def raise_generation(self, generation: int) -> None:
        """From now on only processes of *generation* are fresh."""
        self.generation, self.fresh, self.unproven = generation, 0, 0

    @property
    def stale(self) -> int:
        """How many of the live are of an older generation: the first ones of `live`."""
        return len(self.live) - self.fresh

    @property
    def settled(self) -> int:
        """How many places are filled, waiting to be, or given up: the ending have no say."""
        return len(self.live) + len(self.waiting) + self.finished

    @property
    def staying(self) -> int:
        """How many of the ending will be replaced in their slots."""
        return len(self.ending) - self.leaving

    def move(self, slot: Slot, event: Event, now: float, deadline: float = inf) -> bool:
        """Apply *event*; say whether the state changed. *deadline* is the new state's."""
        before, after = slot.state, step(slot.state, event)
        if after is before and event is not Event.FAIL:
            return False
        self._leave(slot, before)
        slot.state, slot.since = after, now
        self._enter(slot, after, now, deadline)
        return True

    def _leave(self, slot: Slot, state: State) -> None:
        wid = slot.wid
        if state in LIVE:
            del self.live[wid]
            fresh = slot.generation == self.generation
            self.fresh -= fresh
            if self.starting.pop(wid, None) is not None:
                self.unproven -= fresh
            self.expired.pop(wid, None)
        elif state is State.WAITING:
            del self.waiting[wid]
            self.due.pop(wid, None)
        elif state in ENDING:
            del self.ending[wid]
            self.overdue.pop(wid, None)
            self.leaving -= slot.leaving

    def _enter(self, slot: Slot, state: State, now: float, deadline: float) -> None:
        wid = slot.wid
        slot.deadline = deadline
        if state in LIVE:
            self.live[wid] = slot
            fresh = slot.generation == self.generation
            self.fresh += fresh
            if state is State.STARTING:
                self.starting[wid] = slot
                self.unproven += fresh
            if slot.expires < inf:
                heappush(self._deadlines, (slot.expires, wid))
        elif state is State.WAITING:
            self.waiting[wid] = slot
            if deadline <= now:
                self.due[wid] = slot
        elif state in ENDING:
            self.ending[wid] = slot
            self.leaving += slot.leaving
            if deadline <= now:
                self.overdue[wid] = slot
        else:
            del self.slots[wid]
            insort(self._free, wid)
            return
        if now < deadline < inf:
            heappush(self._deadlines, (deadline, wid))

    def set_ready(self, slot: Slot, now: float) -> None:
        """A starting process proved good: its place in the order of age stays."""
        if slot.state is State.STARTING:
            slot.state, slot.since, slot.deadline = step(slot.state, Event.READY), now, inf
            del self.starting[slot.wid]
            self.unproven -= slot.generation == self.generation

    def come_back(self, slot: Slot, now: float, deadline: float) -> None:
        """Let the slot, just emptied, wait for its next process until *deadline*."""
        self._take(slot.wid)
        self.slots[slot.wid] = slot
        slot.pid, slot.leaving, slot.grace, slot.expires = 0, False, -1.0, inf
        self.move(slot, Event.WAIT, now, deadline)

    def shorten(self, slot: Slot, now: float, deadline: float) -> None:
        """Let an ending slot's deadline be *deadline*, if that is sooner."""
        if slot.state in ENDING and deadline < slot.deadline:
            slot.deadline = deadline
            if deadline <= now:
                self.overdue[slot.wid] = slot
            else:
                heappush(self._deadlines, (deadline, slot.wid))

    def retry_now(self, now: float) -> None:
        """End all waiting: an operator asked for another try."""
        for wid, slot in self.waiting.items():
            slot.deadline, slot.failures = now, 0
            self.due[wid] = slot

    def advance(self, now: float) -> bool:
        """Sort what became due by *now* into due, overdue, expired; say whether anything did."""
        changed = False
        heap = self._deadlines
        while heap and heap[0][0] <= now:
            _, wid = heappop(heap)
            slot = self.slots.get(wid)
            if slot is None:
                continue
            if slot.deadline <= now:
                if slot.state is State.WAITING:
                    changed |= wid not in self.due
                    self.due[wid] = slot
                elif slot.state in ENDING:
                    changed |= wid not in self.overdue
                    self.overdue[wid] = slot
                elif slot.state is State.STARTING:
                    self.set_ready(slot, now)
                    changed = True
            if slot.state in LIVE and slot.expires <= now:
                changed |= wid not in self.expired
                self.expired[wid] = slot
        self._tidy()
        return changed

    def next_deadline(self) -> float:
        """Return when advance() will next have something to sort; inf when never."""
        heap = self._deadlines
        while heap:
            at, wid = heap[0]
            slot = self.slots.get(wid)
            if slot is not None and at in (slot.deadline, slot.expires):
                return at
            heappop(heap)
        return inf

    def _tidy(self) -> None:
        """Keep the heap within a bound: stale entries of deadlines far away would pile up."""
        if len(self._deadlines) > 64 + 4 * len(self.slots):
            fresh = {
                (at, slot.wid)
                for slot in self.slots.values()
                for at in (slot.deadline, slot.expires)
                if at < inf
            }
            self._deadlines = list(fresh)
            heapify(self._deadlines)
