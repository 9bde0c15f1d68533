"""Starting a watcher at the first connection: its sockets are watched while it is stopped."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable

from circus.arbiter.watcher import Watcher
from circus.core.backoff import delay, failures_after
from circus.loop.loop import Loop
from circus.model.specs import WatcherSpec
from circus.process.command import sockets_mentioned


def uses_socket(spec: WatcherSpec, names: Collection[str]) -> bool:
    """Say whether the workers of *spec* are given one of the sockets *names* (lower case)."""
    if spec.stdin_socket is not None and spec.stdin_socket.lower() in names:
        return True
    mentioned = sockets_mentioned(spec)
    return not mentioned.isdisjoint(names) if mentioned else spec.use_sockets


class Demand:
    """Calls wanted(watcher) once when one of the descriptors armed for it becomes readable."""

    def __init__(self, loop: Loop, wanted: Callable[[Watcher], None]) -> None:
        self._loop = loop
        self._wanted = wanted
        self._watchers: dict[int, set[Watcher]] = {}
        self._calls: dict[Watcher, tuple[float, int]] = {}  # the last one, quick ones in a row

    def arm(self, watcher: Watcher, fds: Iterable[int]) -> None:
        """Wait for a connection on one of *fds*."""
        for fd in fds:
            self._watchers.setdefault(fd, set()).add(watcher)
            self._loop.watch(fd, self._readable)

    def pause(self, watcher: Watcher) -> float:
        """Return the seconds for which *watcher*, whose processes all ended, is not called again.

        It may have left its connection unanswered: without a pause it would be started again and
        again.
        """
        now = self._loop.time()
        called_at, quick = self._calls.get(watcher, (now, 0))
        quick = failures_after(watcher.spec, quick, now - called_at)
        self._calls[watcher] = (now, quick)
        return delay(watcher.spec, quick, random.random(), clean=True)

    def cancel(self, watcher: Watcher) -> None:
        """Wait no longer, and forget how it went so far."""
        self._calls.pop(watcher, None)
        self._disarm(watcher)

    def _disarm(self, watcher: Watcher) -> None:
        for fd, waiting in list(self._watchers.items()):
            waiting.discard(watcher)
            if not waiting:
                del self._watchers[fd]
                self._loop.unwatch(fd)

    def cancel_all(self) -> None:
        """Wait for nobody any longer; the descriptors may be closed then."""
        for fd in self._watchers:
            self._loop.unwatch(fd)
        self._watchers.clear()

    def __contains__(self, watcher: Watcher) -> bool:
        return any(watcher in waiting for waiting in self._watchers.values())

    def _readable(self, fd: int, mask: int) -> None:
        for watcher in list(self._watchers.get(fd, ())):
            self._disarm(watcher)
            quick = self._calls.get(watcher, (0.0, 0))[1]
            self._calls[watcher] = (self._loop.time(), quick)
            self._wanted(watcher)
