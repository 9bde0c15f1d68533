"""Waiting for descriptors: epoll where there is one, the selectors module elsewhere.

epoll is used directly because a storm must be bounded: poll() hands out at most *limit* ready
descriptors, the kernel rotates the rest, and the control socket gets its turn.
"""

from __future__ import annotations

import select
import selectors
from typing import Final, Protocol

READ: Final = 1
WRITE: Final = 2


class Poller(Protocol):
    """What the loop asks of the kernel. The mask is READ, WRITE or both."""

    def register(self, fd: int, mask: int) -> None: ...
    def modify(self, fd: int, mask: int) -> None: ...
    def unregister(self, fd: int) -> None: ...
    def poll(self, timeout: float, limit: int) -> list[tuple[int, int]]:
        """Return up to *limit* (fd, mask) that are ready; wait at most *timeout* seconds."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class EpollPoller:
    """Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register = self._register
        self.unregister = self._epoll.unregister
        self.fileno = self._epoll.fileno
        self.close = self._epoll.close

    @staticmethod
    def _events(mask: int) -> int:
        return (select.EPOLLIN if mask & READ else 0) | (select.EPOLLOUT if mask & WRITE else 0)

    def _register(self, fd: int, mask: int) -> None:
        self._epoll.register(fd, self._events(mask))

    def modify(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, self._events(mask))

    def poll(self, timeout: float, limit: int) -> list[tuple[int, int]]:
        # An error or a hang-up is news for whoever reads or writes.
        ready = self._epoll.poll(timeout, limit)
        return [
            (
                fd,
                (READ if events & ~select.EPOLLOUT else 0)
                | (WRITE if events & ~select.EPOLLIN else 0),
            )
            for fd, events in ready
        ]


class SelectorPoller:
    """Everywhere else."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    @staticmethod
    def _events(mask: int) -> int:
        read = selectors.EVENT_READ if mask & READ else 0
        return read | (selectors.EVENT_WRITE if mask & WRITE else 0)

    def register(self, fd: int, mask: int) -> None:
        self._selector.register(fd, self._events(mask))

    def modify(self, fd: int, mask: int) -> None:
        self._selector.modify(fd, self._events(mask))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float, limit: int) -> list[tuple[int, int]]:
        ready = self._selector.select(timeout)
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in ready[:limit]
        ]

    def fileno(self) -> int:
        return getattr(self._selector, "fileno", lambda: -1)()

    def close(self) -> None:
        self._selector.close()


def best_poller() -> Poller:
    """Return the best poller of this system."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
