"""Timers: a heap of (deadline, arming order, timer)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Final

_DEAD_ALLOWED: Final = 128
"""Cancelled timers that may lie about; with more, half the heap may be dead."""


class Timer:
    """A call that is to happen once. Cancelling it costs nothing now."""

    __slots__ = ("_heap_of", "callback", "cancelled", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], None], heap_of: Timers) -> None:
        self.deadline = deadline
        self.callback = callback
        self.cancelled = False
        self._heap_of: Timers | None = heap_of

    def cancel(self) -> None:
        """Do not call; harmless after the call."""
        if self._heap_of is not None and not self.cancelled:
            self._heap_of.dead += 1
        self.cancelled = True

    def taken(self) -> None:
        """It has left the heap."""
        self._heap_of = None


class Timers:
    """The armed timers of one loop; moments are monotonic seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self.dead = 0
        """Cancelled timers that are still in the heap."""

    def __len__(self) -> int:
        return len(self._heap) - self.dead

    def arm(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Call *callback* at *deadline*, or soon after."""
        timer = Timer(deadline, callback, self)
        if self.dead > _DEAD_ALLOWED and self.dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if not entry[2].cancelled]
            heapify(self._heap)
            self.dead = 0
        heappush(self._heap, (deadline, next(self._order), timer))
        return timer

    def next_deadline(self) -> float:
        """Return the deadline of the next timer, inf without any."""
        while self._heap:
            if not self._heap[0][2].cancelled:
                return self._heap[0][0]
            heappop(self._heap)[2].taken()
            self.dead -= 1
        return inf

    def due(self, now: float) -> list[Timer]:
        """Take out and return what is due at *now*, earliest first."""
        due = []
        while self.next_deadline() <= now:
            timer = heappop(self._heap)[2]
            timer.taken()
            due.append(timer)
        return due
