"""What a worker leaves behind: found, signalled and awaited until nothing is left.

Theory of operation. Each worker leads a session and a process group of its own. Before its first
stop signal the caller takes a snapshot of its descendants (pid and start time). When the worker
itself is gone, what is left of its tree is: the living of the snapshot, their descendants, and
whoever is still in its group or session. circusd is a child subreaper, so orphans come back as its
own children and can be looked up there. Each of them is watched through a pidfd, which also works
for processes that are not our children; so nothing is polled. Only a group that exists while none
of its members can be seen (yet) is asked again, after RETRY seconds and then ever longer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Container, Hashable, Iterable
from typing import Any, Final

from circus.loop.loop import Loop
from circus.process import tree
from circus.process.tree import Ref

log = logging.getLogger(__name__)

RETRY: Final = 0.02
LONGEST_RETRY: Final = 1.0
_HAS_PIDFD: Final = hasattr(os, "pidfd_open")


class _Remains:
    """What is left of one tree."""

    __slots__ = ("armed", "group", "pause", "pidfds", "signum", "turn")

    def __init__(self, group: int) -> None:
        self.group = group
        self.pidfds: dict[Ref, int] = {}  # -1 where there is no pidfd
        self.signum = 0  # the last signal sent: latecomers get it, too
        self.armed = False  # it is looked at again soon
        self.pause = RETRY / 2
        self.turn = -1  # of the loop, when it was looked at first


class Sweeper:
    """Awaits the ends of trees; on_empty(key) is called once for each that begin() took.

    *workers* are the children that are known: no orphan is among them.
    """

    def __init__(
        self, loop: Loop, on_empty: Callable[[Any], None], workers: Container[int] = ()
    ) -> None:
        self._loop = loop
        self._workers = workers
        self._on_empty = on_empty
        self._remains: dict[Hashable, _Remains] = {}
        self._owners: dict[int, tuple[Hashable, Ref]] = {}  # pidfd -> whose
        self._orphans: dict[int, list[int]] = {}  # by group and by session
        self._orphans_of_turn = -1

    def __contains__(self, key: Hashable) -> bool:
        return key in self._remains

    def begin(self, key: Hashable, pid: int, snapshot: Iterable[Ref]) -> bool:
        """The worker *pid* was reaped; say whether anything of its tree is left to wait for."""
        alive = [process for process in snapshot if tree.is_alive(process)]
        if not alive and not tree.group_exists(pid):
            return False
        remains = _Remains(pid)
        self._collect(key, remains, alive)
        if not remains.pidfds and not tree.group_exists(pid):
            return False
        self._remains[key] = remains
        remains.turn = self._loop.lag.turns
        if not remains.pidfds:
            self._look_again(key, remains)
        return True

    def pids(self, key: Hashable) -> list[int]:
        """Return what is left of the tree, as far as it can be seen."""
        remains = self._remains.get(key)
        return sorted(process.pid for process in remains.pidfds) if remains else []

    def signal(self, key: Hashable, signum: int) -> list[int]:
        """Signal all that is left of the tree; return the pids."""
        remains = self._remains.get(key)
        if remains is None:
            return []
        if remains.turn != self._loop.lag.turns:
            self._collect(key, remains, list(remains.pidfds))
        remains.signum = signum
        unseen = not remains.pidfds or signum == signal.SIGKILL
        if unseen and tree.group_exists(remains.group):
            with contextlib.suppress(OSError):  # somebody may be there whom we cannot see
                os.killpg(remains.group, signum)
        sent = []
        for process, pidfd in list(remains.pidfds.items()):
            if _send(process, pidfd, signum):
                sent.append(process.pid)
        return sent

    def forget(self, key: Hashable) -> None:
        """Stop waiting for this tree."""
        remains = self._remains.pop(key, None)
        if remains is not None:
            for process in list(remains.pidfds):
                self._drop(remains, process)

    def close(self) -> None:
        """Give up every pidfd."""
        for key in list(self._remains):
            self.forget(key)

    def _collect(self, key: Hashable, remains: _Remains, roots: list[Ref]) -> None:
        """Add what lives: the roots, what descends from them, and the rest of the group."""
        found = dict.fromkeys(roots)
        for process in roots:
            found.update(dict.fromkeys(tree.descendants(process.pid)))
        if tree.group_exists(remains.group):
            for pid in self._orphans_in(remains.group):
                member = tree.ref(pid)
                if member is None:
                    with contextlib.suppress(OSError):  # a zombie of ours: nobody else reaps it
                        os.waitpid(pid, os.WNOHANG)
                else:
                    found[member] = None
                    found.update(dict.fromkeys(tree.descendants(pid)))
        for process in found:
            if process not in remains.pidfds:
                self._add(key, remains, process)

    def _orphans_in(self, group: int) -> list[int]:
        """Return our children that are no workers and belong to a group or session of old.

        All our children are listed for it, once in a turn of the loop.
        """
        turn = self._loop.lag.turns
        if self._orphans_of_turn != turn:
            self._orphans_of_turn = turn
            orphans = (pid for pid in tree.children(os.getpid()) if pid not in self._workers)
            self._orphans = tree.by_group(orphans)
        return self._orphans.get(group, [])

    def _add(self, key: Hashable, remains: _Remains, process: Ref) -> None:
        pidfd = -1
        if _HAS_PIDFD:
            try:
                pidfd = os.pidfd_open(process.pid)
            except ProcessLookupError:
                return
            except OSError as exc:  # out of descriptors: asked again by and by
                log.warning("no pidfd for pid=%d: %s", process.pid, exc)
        if not tree.is_alive(process):  # the pid may be somebody else's by now
            if pidfd >= 0:
                os.close(pidfd)
            return
        remains.pidfds[process] = pidfd
        if pidfd >= 0:
            self._owners[pidfd] = (key, process)
            self._loop.watch(pidfd, self._ended)
        else:
            self._look_again(key, remains)
        if remains.signum:
            _send(process, pidfd, remains.signum)

    def _drop(self, remains: _Remains, process: Ref) -> None:
        pidfd = remains.pidfds.pop(process)
        if pidfd >= 0:
            del self._owners[pidfd]
            self._loop.unwatch(pidfd)
            os.close(pidfd)

    def _ended(self, pidfd: int, mask: int) -> None:
        owner = self._owners.get(pidfd)
        if owner is None:
            return
        key, process = owner
        remains = self._remains[key]
        with contextlib.suppress(OSError):  # not our child: its parent reaps it
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        if tree.is_alive(process):  # the number was another descriptor's when this was read
            return
        self._drop(remains, process)
        self._check(key)

    def _look_again(self, key: Hashable, remains: _Remains) -> None:
        if not remains.armed:
            remains.armed = True
            remains.pause = min(LONGEST_RETRY, remains.pause * 2)
            self._loop.call_later(remains.pause, lambda: self._check(key))

    def _check(self, key: Hashable) -> None:
        remains = self._remains.get(key)
        if remains is None:
            return
        remains.armed = False
        for process, pidfd in list(remains.pidfds.items()):
            if pidfd < 0 and not tree.is_alive(process):
                self._drop(remains, process)
        self._collect(key, remains, list(remains.pidfds))
        if remains.pidfds:
            if any(pidfd < 0 for pidfd in remains.pidfds.values()):
                self._look_again(key, remains)
            return
        if tree.group_exists(remains.group):
            self._look_again(key, remains)
            return
        del self._remains[key]
        self._on_empty(key)


def _send(process: Ref, pidfd: int, signum: int) -> bool:
    """Signal this very process; say whether it was there."""
    try:
        if pidfd >= 0:
            signal.pidfd_send_signal(pidfd, signum)
        elif tree.is_alive(process):
            os.kill(process.pid, signum)
        else:
            return False
    except ProcessLookupError:
        return False
    except PermissionError as exc:
        log.warning("cannot signal pid=%d: %s", process.pid, exc)
        return False
    return True
