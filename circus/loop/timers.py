"""Timers: a heap of (deadline, arming order, timer)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf


class Timer:
    """A call that is to happen once. Cancelling it costs nothing now."""

    __slots__ = ("callback", "cancelled", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], None]) -> None:
        self.deadline = deadline
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Do not call; harmless after the call."""
        self.cancelled = True


class Timers:
    """The armed timers of one loop; moments are monotonic seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def __len__(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._heap)

    def arm(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Call *callback* at *deadline*, or soon after."""
        timer = Timer(deadline, callback)
        if len(self._heap) > 256 and len(self._heap) > 4 * len(self):
            self._heap = [entry for entry in self._heap if not entry[2].cancelled]
            heapify(self._heap)
        heappush(self._heap, (deadline, next(self._order), timer))
        return timer

    def next_deadline(self) -> float:
        """Return the deadline of the next timer, inf without any."""
        while self._heap:
            if not self._heap[0][2].cancelled:
                return self._heap[0][0]
            heappop(self._heap)
        return inf

    def due(self, now: float) -> list[Timer]:
        """Take out and return what is due at *now*, earliest first."""
        due = []
        while self.next_deadline() <= now:
            due.append(heappop(self._heap)[2])
        return due
