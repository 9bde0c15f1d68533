"""Starting a watcher at the first connection: its sockets are watched while it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from circus.arbiter.watcher import Watcher
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

    def arm(self, watcher: Watcher, fds: Iterable[int]) -> None:
        """Wait for a connection on one of *fds*."""
        for fd in fds:
            self._watchers.setdefault(fd, set()).add(watcher)
            self._loop.watch(fd, self._readable)

    def cancel(self, watcher: Watcher) -> None:
        """Wait no longer."""
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
            self.cancel(watcher)
            self._wanted(watcher)
