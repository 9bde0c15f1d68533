"""Who descends from a process: read from /proc, a moment's truth.

On Linux /proc/PID/task/TID/children names the children of one thread (proc_pid_task(5), needs
CONFIG_PROC_CHILDREN); a scan of all of /proc, which costs 8 microseconds for every process of the
machine, is only the fallback. Elsewhere psutil answers.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from circus import _speedups
from circus._speedups.kin import read_file

_HAS_PROC: Final = os.path.exists("/proc/self/stat")
_HAS_CHILDREN: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


_MANY: Final = 32
_LISTING_PAYS: Final = 16
"""A listing pays when it serves at least one in so many of the workers."""


class Ref(NamedTuple):
    """One process for good: a pid may be used again, a pid with its start time is not."""

    pid: int
    start: float  # clock ticks since boot on Linux


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the third on (state first); empty when gone."""
    data = read_file(f"/proc/{pid}/stat")
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
        return list(_speedups.children((pid,))[0])
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


def families(pids: Sequence[int], workers: Collection[int]) -> list[list[Ref]]:
    """Return what descends from each of *pids*; *workers* are all pids that are known to be ours.

    The first look into the directory of a process costs 25 microseconds, and 10 more when it is
    reaped; a mere listing of /proc costs a tenth of that for every process of the machine. So where
    most workers are asked for, all of /proc is listed and only strangers are looked at.
    """
    if _HAS_PROC and len(pids) >= _MANY and len(pids) * _LISTING_PAYS >= len(workers):
        with suppress(OSError):  # no descriptor for a listing
            return _census(pids, workers)
    if _HAS_CHILDREN:
        return [_with_descendants(born) if born else [] for born in _speedups.children(pids)]
    return [_with_descendants(children(pid)) for pid in pids]


def _census(roots: Sequence[int], workers: Collection[int]) -> list[list[Ref]]:
    """The same from one listing of /proc: by parents, and by the sessions that the roots lead."""
    found: dict[int, list[Ref]] = {root: [] for root in roots}
    strangers: dict[int, tuple[int, Ref]] = {}
    for pid in _others(workers):
        fields = _stat(pid)
        if len(fields) >= 20 and fields[0] not in (b"Z", b"X"):
            strangers[pid] = (int(fields[1]), Ref(pid, int(fields[19])))
    for pid, (parent, process) in strangers.items():
        root, seen = parent, {pid}
        while root in strangers and root not in seen:  # a pid may be used again meanwhile
            seen.add(root)
            root = strangers[root][0]
        if root not in found:
            root = _session(pid)
        if root in found:
            found[root].append(process)
    return [found[root] for root in roots]


def _others(workers: Collection[int]) -> Iterator[int]:
    """Yield the processes that are neither workers nor this one nor threads of the kernel."""
    own = os.getpid()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            pid = int(entry)
            if pid not in workers and pid != own and _session(pid) > 0:
                yield pid


def _session(pid: int) -> int:
    """Return the session of a process: 0 for the kernel's own, -1 when it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def descendants(pid: int) -> list[Ref]:
    """Return all that descend from *pid*, parents before their children."""
    return _with_descendants(children(pid))


def _with_descendants(born: Sequence[int]) -> list[Ref]:
    found: dict[int, Ref] = {}
    queue = deque(born)
    while queue:
        child = queue.popleft()
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


def by_group(pids: Iterable[int]) -> dict[int, list[int]]:
    """Return *pids* by the process group that each is in, and by its session."""
    found: dict[int, list[int]] = defaultdict(list)
    for pid in pids:
        try:
            groups = {os.getpgid(pid), os.getsid(pid)}
        except OSError:
            continue
        for group in groups:
            found[group].append(pid)
    return found
