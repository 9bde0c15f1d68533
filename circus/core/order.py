"""In which order watchers start: by priority, one after another, with a pause between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

from circus.model.specs import WatcherSpec


def by_priority(specs: Iterable[WatcherSpec]) -> list[WatcherSpec]:
    """Return the watchers in start order: highest priority first, otherwise as they come."""
    return sorted(specs, key=lambda spec: -spec.priority)


class StartQueue:
    """Names of watchers that are to start, each *pause* seconds after the one before it.

    The first may start at once. The next may start when release() said that all that the one
    before it could spawn so far was spawned; a watcher's own warmup_delay holds up nobody else.
    """

    def __init__(self) -> None:
        self._names: deque[str] = deque()
        self._known: set[str] = set()
        self._pause = 0.0
        self._held_by: str | None = None
        self._not_before = -inf

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def add(self, names: Sequence[str], pause: float) -> None:
        """Queue *names*, which come in start order; those queued already keep their place."""
        self._names.extend(name for name in names if name not in self._known)
        self._known.update(names)
        self._pause = pause

    def discard(self, names: Iterable[str]) -> None:
        """A watcher that was told to stop, or removed, is no longer to start."""
        gone = set(names)
        if gone & self._known:
            self._names = deque(name for name in self._names if name not in gone)
            self._known -= gone
        if self._held_by in gone:
            self._held_by = None

    def release(self, name: str, now: float) -> None:
        """The watcher *name* has spawned what it could."""
        if name == self._held_by:
            self._held_by, self._not_before = None, now + self._pause

    def take(self, now: float) -> str | None:
        """Return the watcher that starts now, if any."""
        if not self._names or self._held_by is not None or now < self._not_before:
            return None
        self._held_by = self._names.popleft()
        self._known.discard(self._held_by)
        return self._held_by

    def wake_at(self) -> float:
        """Return when take() may next give a name by the mere passing of time."""
        return self._not_before if self._names and self._held_by is None else inf
