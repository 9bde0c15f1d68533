"""The end of orphans that nobody manages: before circusd goes, they are asked to, too.

A process that has left the tree and the session of its worker (a daemon) comes back to circusd when
its parent ends. Nothing tells whose it was, so no stop of a watcher may take it away; but when
circusd itself ends, all that is left below it is what its workers left.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Container
from typing import Final

from circus.loop.loop import Loop
from circus.process import tree
from circus.process.sweeper import Sweeper

log = logging.getLogger(__name__)

GRACE: Final = 2.0
PATIENCE: Final = 2.0


class Strangers:
    """Ends the children of this process that are no *workers*, then calls *done*, once."""

    def __init__(self, loop: Loop, workers: Container[int], done: Callable[[], None]) -> None:
        self._loop = loop
        self._workers = workers
        self._done = done
        self._sweeper = Sweeper(loop, lambda key: self._finish(), workers)
        self._over = False

    def end(self) -> None:
        """Send SIGTERM, after GRACE seconds SIGKILL, and wait no longer than PATIENCE for that."""
        found = [tree.ref(pid) for pid in tree.children(os.getpid()) if pid not in self._workers]
        alive = [process for process in found if process is not None]
        if not alive or not self._sweeper.begin(self, os.getpid(), alive):
            self._finish()
            return
        log.warning("ending orphans that left their workers: pids=%s", self._sweeper.pids(self))
        self._sweeper.signal(self, signal.SIGTERM)
        self._loop.call_later(GRACE, self._kill)

    def _kill(self) -> None:
        if not self._over:
            self._sweeper.signal(self, signal.SIGKILL)
            self._loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if not self._over:
            log.error("SIGKILL did not end pids=%s", self._sweeper.pids(self))
            self._finish()

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            self._sweeper.close()
            self._done()
