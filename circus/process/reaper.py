"""Deaths: noticed through a pidfd in the loop, so that one costs the same among 10 and 10,000.

waitpid(-1) walks all children, so it serves only for those that nobody else waits for: orphans
that were handed to circusd as a subreaper or as PID 1, and workers for which there was no
descriptor left. SIGCHLD asks for it, at most once in STRANGERS_PAUSE.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

from circus.loop.loop import Loop

log = logging.getLogger(__name__)

STRANGERS_PAUSE: Final = 1.0
SWEPT_PER_TURN: Final = 64

OnExit = Callable[[int, int], None]


class Reaper:
    """Reaps children and says so: on_exit(pid, code), code negative for a signal's number.

    *strangers*: reap children that nobody watches, too. A program that embeds circus wants its own
    children left alone.
    """

    def __init__(self, loop: Loop, on_exit: OnExit, *, strangers: bool) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self._strangers = strangers
        self._pidfds: dict[int, int] = {}  # pidfd -> pid
        self._watched: dict[int, int] = {}  # pid -> pidfd, -1 without
        self._bare = 0  # how many are watched without a pidfd
        self._sweep_armed = False

    def watch(self, pid: int, pidfd: int) -> None:
        """Take the child *pid* and its pidfd (-1: there is none) over."""
        self._watched[pid] = pidfd
        if pidfd < 0:
            self._bare += 1
        else:
            self._pidfds[pidfd] = pid
            self._loop.watch(pidfd, self._readable)

    def unwatch(self, pid: int) -> None:
        """Forget *pid* without reaping it."""
        pidfd = self._watched.pop(pid, None)
        if pidfd is None:
            return
        if pidfd < 0:
            self._bare -= 1
        else:
            self._loop.unwatch(pidfd)
            del self._pidfds[pidfd]
            os.close(pidfd)

    def child_signal(self) -> None:
        """SIGCHLD came."""
        if self._bare:
            self._sweep()
        elif self._strangers and not self._sweep_armed:
            self._sweep_armed = True
            self._loop.call_later(STRANGERS_PAUSE, self._sweep)

    def close(self) -> None:
        """Give up every pidfd."""
        for pid in list(self._watched):
            self.unwatch(pid)

    def _readable(self, pidfd: int, mask: int) -> None:
        pid = self._pidfds.get(pidfd)
        if pid is None:
            return
        try:
            # By its number: until it is reaped, the pid is this child's. waitid(P_PIDFD) says the
            # same and costs more.
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else in this program reaped it
            self._deliver(pid, 0)
            return
        if found:
            self._deliver(pid, os.waitstatus_to_exitcode(status))

    def _deliver(self, pid: int, code: int) -> None:
        self.unwatch(pid)
        self._on_exit(pid, code)

    def _sweep(self) -> None:
        self._sweep_armed = False
        if self._strangers:
            for _ in range(SWEPT_PER_TURN):
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return
                if pid == 0:
                    return
                self._swept(pid, status)
            self._sweep_armed = True
            self._loop.call_soon(self._sweep)
            return
        for pid in [pid for pid, pidfd in self._watched.items() if pidfd < 0]:
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                self._deliver(pid, 0)
                continue
            if found:
                self._swept(found, status)

    def _swept(self, pid: int, status: int) -> None:
        if pid in self._watched:
            self._deliver(pid, os.waitstatus_to_exitcode(status))
        else:
            log.debug("reaped stranger pid=%d", pid)
