"""Hears of every start of a worker, and of the end of the last one, through one FIFO.

Each worker (floors/worker.c) writes the moment of its first instruction and keeps the FIFO open.
So starts are exact to the microsecond however seldom we look, and looking seldom disturbs nothing;
and when the last worker is gone, the kernel says so by hanging up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

_RECORD: Final = struct.Struct("@ll")
_CAPACITY: Final = 1 << 20
_LOOK_EVERY: Final = 0.002
"""Seconds between two looks: it bounds how late we notice, not what we measure."""


class Start(NamedTuple):
    """A worker ran its first instruction at *ns* of the monotonic clock."""

    ns: int
    pid: int


class Hellos:
    """The reading end. *starts* grows in the order in which the workers started."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a bound of the user's pipes; the default holds 4,096
            fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, _CAPACITY)
        self.starts: list[Start] = []

    def close(self) -> None:
        """Close the FIFO; workers that start from now on say nothing."""
        os.close(self.fd)

    def look(self) -> int:
        """Take in what was said; return how many starts are known."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, _CAPACITY):
                self.starts += map(Start._make, _RECORD.iter_unpack(data))
        return len(self.starts)

    def wait_for(
        self, count: int, seconds: float, given_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until *count* starts are known; say whether they are.

        Waits at most *seconds*, and not on where *given_up* says that there is nothing to wait for.
        """
        deadline = time.monotonic() + seconds
        while self.look() < count:
            if time.monotonic() >= deadline or given_up():
                return self.look() >= count
            time.sleep(_LOOK_EVERY)
        return True

    def wait_end(self, pidfd: int, seconds: float) -> tuple[int | None, int | None]:
        """Wait for the end of all workers and of the manager behind *pidfd*.

        Returns the monotonic nanoseconds of both; None for what did not end in time.
        """
        self.look()
        poller = select.poll()
        poller.register(self.fd, 0)  # hanging up is reported unasked
        poller.register(pidfd, select.POLLIN)
        ends: dict[int, int] = {}
        deadline = time.monotonic() + seconds
        while len(ends) < 2 and (left := deadline - time.monotonic()) > 0:
            for fd, _ in poller.poll(left * 1000):
                ends[fd] = time.monotonic_ns()
                poller.unregister(fd)
                if fd == pidfd:  # workers without a manager have not long to follow
                    deadline = min(deadline, time.monotonic() + 1.0)
        return ends.get(self.fd), ends.get(pidfd)
