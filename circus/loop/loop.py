"""The loop: one thread that owns every descriptor and waits in one place only."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from circus.loop.lag import Lag
from circus.loop.poller import READ, WRITE, Poller, best_poller
from circus.loop.timers import Timer, Timers

log = logging.getLogger(__name__)

MAX_SLEEP: Final = 3600.0
EVENTS_PER_TURN: Final = 64
"""Ready descriptors handled before timers and calls get their turn again."""
SLOW_CALLBACK: Final = 0.01

Handler = Callable[[int, int], None]


class Loop:
    """Watch descriptors, run timers and calls. Only call_threadsafe() may come from elsewhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.time = clock
        self.lag = Lag()
        self.errors = 0
        """Callbacks that raised: each was logged with its traceback."""
        self._poller: Poller = best_poller()
        self._handlers: dict[int, tuple[Handler, int]] = {}
        self._timers = Timers()
        self._soon: deque[Callable[[], None]] = deque()
        self._others: deque[Callable[[], None]] = deque()
        self._running = False
        self._thread: int | None = None
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self.watch(self._wake_r.fileno(), self._woken)

    # Descriptors

    def watch(self, fd: int, callback: Handler, *, write: bool = False) -> None:
        """Call callback(fd, mask) while *fd* is readable (and, with *write*, writable).

        Watching it again changes the callback and the mask. Unwatch before closing it.
        """
        mask = READ | (WRITE if write else 0)
        known = self._handlers.get(fd)
        if known is None:
            self._poller.register(fd, mask)
        elif known[1] != mask:
            self._poller.modify(fd, mask)
        self._handlers[fd] = (callback, mask)

    def unwatch(self, fd: int) -> None:
        """Stop watching *fd*; harmless when nobody does."""
        if self._handlers.pop(fd, None) is not None:
            try:
                self._poller.unregister(fd)
            except (OSError, KeyError, ValueError):
                pass  # it was closed before

    @property
    def watched(self) -> int:
        """How many descriptors are watched."""
        return len(self._handlers)

    # Time

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call in the next turn."""
        self._soon.append(callback)

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Call once at *deadline*, in seconds of time()."""
        return self._timers.arm(deadline, callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call once in *seconds*."""
        return self._timers.arm(self.time() + seconds, callback)

    # From elsewhere

    def call_threadsafe(self, callback: Callable[[], None]) -> None:
        """Call in the next turn; from any thread, and from a signal handler."""
        self._others.append(callback)
        if threading.get_ident() != self._thread or not self._running:
            self.wake()

    def wake(self) -> None:
        """End the wait. Nothing is lost when the pipe is full: it is readable, then."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_w.send(b"\0")

    @property
    def wakeup_fd(self) -> int:
        """What signal.set_wakeup_fd() is to write to."""
        return self._wake_w.fileno()

    def fileno(self) -> int:
        """A descriptor that is readable when the loop has something to do."""
        return self._poller.fileno()

    def _woken(self, fd: int, mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(fd, 4096):
                pass

    # Running

    def run(self) -> None:
        """Turn until stop()."""
        self._running, self._thread = True, threading.get_ident()
        try:
            while self._running:
                self.run_once()
        finally:
            self._running, self._thread = False, None

    def stop(self) -> None:
        """Let run() return after this turn."""
        self._running = False

    def run_once(self, timeout: float = MAX_SLEEP) -> None:
        """Wait for the next event or deadline, then do one bounded round of work."""
        if self._soon or self._others:
            timeout = 0.0
        else:
            idle = self._timers.next_deadline() - self.time()
            timeout = max(0.0, min(idle, timeout, MAX_SLEEP))
        ready = self._poller.poll(timeout, EVENTS_PER_TURN)
        began = now = self.time()
        for fd, mask in ready:
            handler = self._handlers.get(fd)  # an earlier handler may have unwatched it
            if handler is not None:
                now = self._guard(now, handler[0], fd, mask)
        for timer in self._timers.due(now):
            if not timer.cancelled:  # an earlier callback may have cancelled it
                now = self._guard(now, timer.callback)
        for _ in range(len(self._others)):
            now = self._guard(now, self._others.popleft())
        for _ in range(len(self._soon)):
            now = self._guard(now, self._soon.popleft())
        self.lag.record(now - began)

    def _guard(self, began: float, callback: Callable[..., None], *args: int) -> float:
        """Call, at the moment *began*; return the moment it ended."""
        try:
            callback(*args)
        except Exception:
            self.errors += 1
            log.exception("callback failed callback=%r", callback)
        now = self.time()
        if now - began > SLOW_CALLBACK:
            self.lag.blame(now - began, callback)
        return now

    def close(self) -> None:
        """Give up every descriptor of the loop's own."""
        self.unwatch(self._wake_r.fileno())
        self._wake_r.close()
        self._wake_w.close()
        self._handlers.clear()
        self._poller.close()
