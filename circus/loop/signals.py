"""Signals as events of the loop: a handler only notes the number and wakes the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from circus.loop.loop import Loop


class SignalWatch:
    """Calls, in the loop, for each signal that arrived. Signals coalesce, as the kernel's do.

    Only the main thread may install handlers: elsewhere install() leaves signals alone and says
    False.
    """

    def __init__(self, loop: Loop, callbacks: Mapping[int, Callable[[], None]]) -> None:
        self._loop = loop
        self._callbacks = dict(callbacks)
        self._pending: set[int] = set()
        self._old: dict[int, Any] = {}
        self._old_fd = -1

    def install(self) -> bool:
        """Install the handlers, keeping what was there."""
        if threading.current_thread() is not threading.main_thread():
            return False
        self._old_fd = signal.set_wakeup_fd(self._loop.wakeup_fd, warn_on_full_buffer=False)
        for signum in self._callbacks:
            self._old[signum] = signal.signal(signum, self._arrived)
        return True

    def quiet(self) -> None:
        """Go on catching signals, for nothing: the loop is about to close."""
        if self._old:
            signal.set_wakeup_fd(-1, warn_on_full_buffer=False)

    def restore(self) -> None:
        """Put back what was there before install()."""
        if not self._old or threading.current_thread() is not threading.main_thread():
            return
        for signum, handler in self._old.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._old.clear()
        signal.set_wakeup_fd(self._old_fd)

    def _arrived(self, signum: int, frame: FrameType | None) -> None:
        if not self._pending:
            self._loop.call_threadsafe(self._deliver)
        self._pending.add(signum)

    def _deliver(self) -> None:
        pending, self._pending = self._pending, set()
        for signum in sorted(pending):
            self._callbacks[signum]()
