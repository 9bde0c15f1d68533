"""The children of processes, read from /proc in Python: the specification of the compiled twin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

_LINKS_OF_ONE: Final = 3
"""Links of the task directory of a process with one thread: "." and ".." and the thread's."""
_CHUNK: Final = 16384


def children(pids: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the direct children of each of *pids*, of all its threads, in that order.

    They come from /proc/PID/task/TID/children (proc_pid_task(5); Linux with CONFIG_PROC_CHILDREN).
    A process that is gone has none, and neither has one that we may not look at.
    """
    return [_children(pid) for pid in pids]


def _children(pid: int) -> tuple[int, ...]:
    found: list[int] = []
    for path in _files(pid):
        found.extend(map(int, read_file(path).split()))
    return tuple(found)


def _files(pid: int) -> Iterable[str]:
    tasks = f"/proc/{pid}/task"
    try:
        if os.stat(tasks).st_nlink == _LINKS_OF_ONE:
            return (f"{tasks}/{pid}/children",)
        return [f"{tasks}/{thread}/children" for thread in os.listdir(tasks)]
    except OSError:
        return ()


def read_file(path: str) -> bytes:
    """Return a file of /proc; empty when its process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = part = os.read(fd, _CHUNK)
        while part:
            part = os.read(fd, _CHUNK)
            data += part
        return data
    except OSError:
        return b""
    finally:
        os.close(fd)
