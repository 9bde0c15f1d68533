"""Start a program with the standard library only: the specification of the compiled spawn.

Where subprocess can do what is asked it does (it uses vfork, whose cost does not grow with our
memory). Resource limits and another user need Python code between fork and exec; so do inherited
signal masks and ignored signals, which subprocess would hand on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import stat
import subprocess
from collections.abc import Sequence
from errno import EACCES, EBADF, ENOENT, ENOTDIR
from typing import Final

from circus._speedups.contract import Rlimit, SpawnStepError, check_request
from circus._speedups.drained import drain, drain_to
from circus._speedups.forked import Request, fork_and_exec
from circus._speedups.kin import children

__all__ = ["children", "drain", "drain_to", "reserve", "spawn"]

_NEXT_PATH: Final = (ENOENT, ENOTDIR, EACCES)  # give way to the next path
_RESTORED: Final = frozenset(  # what subprocess sets back to the default by itself
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)
)
_HANDED_ON: Final = tuple(signal.valid_signals() - _RESTORED)
_GROWN: Final = 32768
_null_fd = -1


def spawn(
    argv: Sequence[bytes],
    executables: Sequence[bytes],
    env: Sequence[bytes],
    *,
    cwd: bytes | None = None,
    stdin: int,
    stdout: int,
    stderr: int,
    keep: Sequence[int] = (),
    setsid: bool = True,
    umask: int = -1,
    rlimits: Sequence[Rlimit] = (),
    gid: int = -1,
    groups: Sequence[int] | None = None,
    uid: int = -1,
) -> tuple[int, int]:
    """Start a program and return its pid and a pidfd, once exec has succeeded.

    The pidfd is close-on-exec and the caller's to close; it is -1 where the kernel has none.
    *executables* are tried in turn: a path that is not there or not allowed gives way to the next.
    A relative path counts from *cwd*. *env* holds NAME=value items, each name once.

    The child has the descriptors 0, 1 and 2, made from *stdin*, *stdout* and *stderr* of ours, and
    those of *keep* (ascending, from 3 up) under their numbers; no other. No signal is blocked or
    ignored in it. *setsid* makes it the leader of a session. -1 for *umask*, *gid* and *uid*, and
    None for *cwd* and *groups*, leave things as they are; *uid* and *gid* set the real, effective
    and saved ids.

    Raises SpawnStepError, nothing being left of the child; ValueError or TypeError for arguments
    that make no sense.
    """
    request = Request(
        argv=tuple(_text(item) for item in argv),
        executables=tuple(_text(item) for item in executables),
        env=_as_mapping(env),
        cwd=None if cwd is None else _text(cwd),
        stdio=(stdin, stdout, stderr),
        keep=tuple(keep),
        setsid=setsid,
        umask=umask,
        rlimits=tuple(rlimits),
        gid=gid,
        groups=None if groups is None else tuple(groups),
        uid=uid,
    )
    check_request(request.argv, request.executables, request.keep)
    for fd in (*request.keep, *request.stdio):
        try:
            os.fstat(fd)
        except OSError:
            raise SpawnStepError(EBADF, "descriptors", fd) from None
    pid = fork_and_exec(request) if _needs_fork(request) else _by_subprocess(request)
    return pid, _pidfd(pid)


def reserve() -> int:
    """Return a descriptor that is /dev/null, low if called early, close-on-exec; never close it.

    The first call also lets our descriptor table grow, so that it need not later, when threads
    share it and each doubling takes milliseconds. Call it before there are threads, and after
    raising the limit on descriptors.
    """
    global _null_fd
    if not _is_null_device(_null_fd):
        first = _null_fd < 0
        try:
            opened = os.open(os.devnull, os.O_RDWR)
            _null_fd = opened if opened > 2 else _move(opened, 3)
        except OSError as error:
            raise SpawnStepError(error.errno or 0, "descriptors") from None
        if first:
            _grow_table()
    return _null_fd


def _move(fd: int, lowest: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    finally:
        os.close(fd)


def _grow_table() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    last = _GROWN if limit == resource.RLIM_INFINITY else min(limit, _GROWN)
    with contextlib.suppress(OSError):  # it grows later, then
        os.close(fcntl.fcntl(_null_fd, fcntl.F_DUPFD_CLOEXEC, last - 1))


def _is_null_device(fd: int) -> bool:
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev


def _text(item: bytes) -> bytes:
    if not isinstance(item, bytes):
        raise TypeError(f"expected bytes, {type(item).__name__} found")
    if b"\0" in item:
        raise ValueError("embedded null byte")
    return item


def _as_mapping(env: Sequence[bytes]) -> dict[bytes, bytes]:
    mapping = {}
    for item in env:
        name, _, value = _text(item).partition(b"=")
        mapping[name] = value
    return mapping


def _needs_fork(request: Request) -> bool:
    """Whether subprocess cannot do it."""
    return bool(
        request.rlimits
        or request.uid >= 0
        or request.gid >= 0
        or request.groups is not None
        or signal.pthread_sigmask(signal.SIG_BLOCK, ())
        or any(signal.getsignal(signum) is signal.SIG_IGN for signum in _HANDED_ON)
    )


def _pidfd(pid: int) -> int:
    opener = getattr(os, "pidfd_open", None)
    try:
        return -1 if opener is None else opener(pid)
    except OSError:  # an old kernel, or no descriptor left
        return -1


def _by_subprocess(request: Request) -> int:
    denied: OSError | None = None
    for path in request.executables:
        try:
            process = subprocess.Popen(
                request.argv,
                executable=path if b"/" in path else b"./" + path,
                stdin=request.stdio[0],
                stdout=request.stdio[1],
                stderr=request.stdio[2],
                env=request.env,
                cwd=request.cwd,
                pass_fds=request.keep,
                start_new_session=request.setsid,
                umask=request.umask,
            )
        except OSError as error:
            failure = error
        else:
            process.returncode = 0  # the child is the caller's now: keep subprocess from reaping it
            return process.pid
        if failure.filename is None:
            raise SpawnStepError(failure.errno or 0, "clone") from None
        if failure.filename is request.cwd:  # the very object, which may equal the executable
            raise SpawnStepError(failure.errno or 0, "cwd") from None
        if failure.errno not in _NEXT_PATH:
            break
        if failure.errno == EACCES:
            denied = failure
    else:
        failure = denied or failure
    raise SpawnStepError(failure.errno or 0, "exec") from None
