"""Requests whose answer comes later: who waits, for which watchers, until when.

Watchers change in bursts and a burst may concern thousands of waiting requests, so a change only
marks them; the loop then asks a bounded number of them per turn.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from circus.control.dispatch import Waiting

BROAD: Final = 32
"""A request that waits for more watchers than this is not indexed by each of their names."""


class Pending:
    """The waiting requests, each with its client's address (the envelope of its reply)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: dict[int, tuple[list[bytes], Waiting]] = {}
        self._by_name: dict[str, set[int]] = {}
        self._broad: set[int] = set()
        self._marked: dict[int, None] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more requests may wait."""
        return len(self._waiting) >= self.limit

    def add(self, envelope: list[bytes], waiting: Waiting) -> int:
        """Remember a request; the number returned names it."""
        self._next += 1
        self._waiting[self._next] = (envelope, waiting)
        if len(waiting.operation.watchers) > BROAD:
            self._broad.add(self._next)
        else:
            for name in waiting.operation.watchers:
                self._by_name.setdefault(name, set()).add(self._next)
        return self._next

    def get(self, number: int) -> tuple[list[bytes], Waiting] | None:
        """Return a request that still waits; None when it was answered."""
        return self._waiting.get(number)

    def remove(self, number: int) -> None:
        """Forget a request."""
        found = self._waiting.pop(number, None)
        if found is None:
            return
        self._marked.pop(number, None)
        self._broad.discard(number)
        for name in found[1].operation.watchers:
            numbers = self._by_name.get(name)
            if numbers is not None:
                numbers.discard(number)
                if not numbers:
                    del self._by_name[name]

    def mark(self, names: Collection[str]) -> bool:
        """Note that these watchers (lower-case names) changed; tell whether anybody waits."""
        if not self._waiting:
            return False
        for name in names:
            self._marked.update(dict.fromkeys(self._by_name.get(name, ())))
        for number in self._broad:
            if not self._waiting[number][1].operation.watchers.isdisjoint(names):
                self._marked[number] = None
        return bool(self._marked)

    def mark_all(self) -> None:
        """Note that everybody is to be asked."""
        self._marked.update(dict.fromkeys(self._waiting))

    def next_marked(self) -> int | None:
        """Take a marked request off the list of those to ask; None when there are no more."""
        for number in self._marked:
            del self._marked[number]
            return number
        return None
