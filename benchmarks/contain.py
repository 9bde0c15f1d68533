"""Nothing that a benchmark starts outlives it: not after an error, Ctrl-C or a crash.

`guarded` runs the benchmark in a child and stays behind as its guardian. The guardian is a
subreaper, so every process below it, daemonised or orphaned, stays its descendant; when the child
has ended, by whatever, it kills what is left and removes the directory. The child dies with the
guardian, and each manager with the child (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_SWEEP_DEADLINE: Final = 20.0
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent ends. Safe between fork and exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def become_subreaper() -> None:
    """Make orphaned descendants children of this process."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def children(pid: int) -> list[int]:
    """Return the children of *pid*, zombies included, in the order of their birth."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def descendants(pid: int, *, leaves: frozenset[int] = frozenset()) -> list[int]:
    """Return all processes below *pid*. Those in *leaves* are known to have no children."""
    found, ahead = [], [pid]
    while ahead:
        below = children(ahead.pop())
        found += below
        ahead += [each for each in below if each not in leaves]
    return found


def end_all() -> int:
    """Kill and reap every descendant of this process; return how many there were."""
    seen: set[int] = set()
    deadline = time.monotonic() + _SWEEP_DEADLINE
    while below := descendants(os.getpid()):
        seen.update(below)
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap_ended()
        if time.monotonic() > deadline:
            raise TimeoutError(f"SIGKILL did not end the processes {below[:10]}")
        time.sleep(0.005)
    return len(seen)


def _reap_ended() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def guarded(run: Callable[[Path], int]) -> int:
    """Call *run* with a temporary directory, in a child; return its exit code after cleaning up."""
    become_subreaper()
    directory = Path(tempfile.mkdtemp(prefix="circus-bench-", dir="/tmp"))
    child = os.fork()
    if child == 0:
        die_with_parent()
        become_subreaper()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
        os._exit(_run(run, directory))
    # Ctrl-C reaches the child by itself: both are in the terminal's foreground group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, frame: os.kill(child, signal.SIGINT))
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code if code >= 0 else 128 - code
    finally:
        end_all()
        shutil.rmtree(directory, ignore_errors=True)


def _run(run: Callable[[Path], int], directory: Path) -> int:
    try:
        code = run(directory)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BaseException:  # noqa: BLE001 - this is the end of a forked child
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code
