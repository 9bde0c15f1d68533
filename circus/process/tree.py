"""Who descends from a process: read from /proc, a moment's truth.

On Linux /proc/PID/task/TID/children names the children of one thread (proc_pid_task(5), needs
CONFIG_PROC_CHILDREN); a scan of all of /proc, which costs 8 microseconds for every process of the
machine, is only the fallback. Elsewhere psutil answers.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Final, NamedTuple

_HAS_PROC: Final = os.path.exists("/proc/self/stat")
_HAS_CHILDREN: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_LINKS_OF_ONE: Final = 3


class Ref(NamedTuple):
    """One process for good: a pid may be used again, a pid with its start time is not."""

    pid: int
    start: float  # clock ticks since boot on Linux


def _read(path: str) -> bytes:
    """Return a small file of /proc; empty when the process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = part = os.read(fd, 16384)
        while len(part) == 16384:
            part = os.read(fd, 16384)
            data += part
        return data
    except OSError:
        return b""
    finally:
        os.close(fd)


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the third on (state first); empty when gone."""
    data = _read(f"/proc/{pid}/stat")
    return data[data.rfind(b")") + 2 :].split()


def ref(pid: int) -> Ref | None:
    """Return the living process *pid*; None when it is gone or a zombie."""
    if _HAS_PROC:
        fields = _stat(pid)
        if len(fields) < 20 or fields[0] in (b"Z", b"X"):
            return None
        return Ref(pid, int(fields[19]))
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Ref(pid, process.create_time())
    except psutil.Error:
        return None


def is_alive(process: Ref) -> bool:
    """Say whether this very process still runs."""
    return ref(process.pid) == process


def children(pid: int) -> list[int]:
    """Return the pids of the direct children of *pid*, of all its threads."""
    if _HAS_CHILDREN:
        found: list[int] = []
        try:
            # A directory's links are "." and ".." and one for each thread.
            alone = os.stat(f"/proc/{pid}/task").st_nlink == _LINKS_OF_ONE
            threads = (str(pid),) if alone else os.listdir(f"/proc/{pid}/task")
        except OSError:
            return found
        for thread in threads:
            data = _read(f"/proc/{pid}/task/{thread}/children")
            if data:
                found.extend(map(int, data.split()))
        return found
    if _HAS_PROC:
        return _scan().get(pid, [])
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _scan() -> dict[int, list[int]]:
    """Return parent -> children of every process of the machine."""
    found: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if len(fields) > 1:
                found[int(fields[1])].append(int(entry))
    return found


def descendants(pid: int) -> list[Ref]:
    """Return all that descend from *pid*, parents before their children."""
    found: dict[int, Ref] = {}
    queue = children(pid)
    while queue:
        child = queue.pop(0)
        if child in found:
            continue
        process = ref(child)
        if process is not None:
            found[child] = process
            queue.extend(children(child))
    return list(found.values())


def group_exists(pgid: int) -> bool:
    """Say whether any process, a zombie included, is in the group that the late *pgid* led."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return os.getpgid(pgid) != pgid  # else the number is a new process's: the group is gone
    except OSError:
        return True


def group_members(pgid: int, candidates: list[int]) -> list[int]:
    """Return those of *candidates* that are in the process group or the session *pgid*."""
    members = []
    for pid in candidates:
        try:
            if os.getpgid(pid) == pgid or os.getsid(pid) == pgid:
                members.append(pid)
        except OSError:
            continue
    return members
