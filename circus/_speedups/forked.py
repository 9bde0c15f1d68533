"""The pure backend's own fork and exec, for what subprocess cannot do between the two.

The child runs Python, so all signals stay blocked in it until their dispositions are the default,
and it leaves by exec or os._exit only. Its errors come back through a pipe that exec closes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import struct
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from errno import EACCES, EINVAL, EIO, ENOENT, ENOTDIR, EPERM
from typing import Final, NoReturn

from circus._speedups.contract import STEPS, Rlimit, SpawnStepError

_FAILURE: Final = struct.Struct("=iii")  # errno, number of the step, index
_SIGNALS: Final = frozenset(signal.valid_signals())
_UNTOUCHABLE: Final = frozenset({signal.SIGKILL, signal.SIGSTOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of spawn; see there."""

    argv: tuple[bytes, ...]
    executables: tuple[bytes, ...]
    env: Mapping[bytes, bytes]
    cwd: bytes | None
    stdio: tuple[int, int, int]
    keep: tuple[int, ...]
    setsid: bool
    umask: int
    rlimits: tuple[Rlimit, ...]
    gid: int
    groups: tuple[int, ...] | None
    uid: int


@dataclass(slots=True)
class _Position:
    """How far the child has come, and where it reports to."""

    writer: int
    step: str = "descriptors"
    index: int = -1


def fork_and_exec(request: Request) -> int:
    """Return the child's pid once it has called exec, or raise SpawnStepError."""
    try:
        reader, writer = os.pipe()  # both close on exec
    except OSError as error:
        raise SpawnStepError(error.errno or EIO, "clone") from None
    try:
        try:
            pid = _fork(request, writer)
        finally:
            os.close(writer)
        told = os.read(reader, _FAILURE.size)
    finally:
        os.close(reader)
    if not told:
        return pid
    with contextlib.suppress(ChildProcessError):  # somebody who reaps all children was faster
        os.waitpid(pid, 0)
    errno, step, index = _FAILURE.unpack(told)
    raise SpawnStepError(errno, STEPS[step], index)


def _fork(request: Request, writer: int) -> int:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():  # "multi-threaded": but this child goes straight to exec
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _child(request, writer)
    except OSError as error:
        raise SpawnStepError(error.errno or EIO, "clone") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _child(request: Request, writer: int) -> NoReturn:
    """Everything between fork and exec."""
    at = _Position(writer)
    try:
        _arrange_descriptors(request, at)
        _change_surroundings(request, at)
        _default_signals()
        at.step = "exec"
        _exec(request)
    except OSError as error:
        os.write(at.writer, _FAILURE.pack(error.errno or EIO, STEPS.index(at.step), at.index))
    except BaseException:  # noqa: BLE001 - such as a uid that is no 32-bit number
        os.write(at.writer, _FAILURE.pack(EIO, STEPS.index(at.step), at.index))
    finally:
        os._exit(127)


def _arrange_descriptors(request: Request, at: _Position) -> None:
    for fd in request.keep:
        at.index = fd
        os.set_inheritable(fd, True)
    at.writer = _lift(at.writer)
    sources = []
    for target, source in enumerate(request.stdio):  # out of the way, as in `2>&1 1>&2`
        at.index = source
        sources.append(source if source == target else _lift(source))
    for target, source in enumerate(sources):
        at.index = request.stdio[target]
        if source == target:
            os.set_inheritable(target, True)
        else:
            os.dup2(source, target)
    at.index = -1
    wanted = {0, 1, 2, at.writer, *request.keep}
    for fd in _open_descriptors():
        if fd not in wanted:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(fd)


def _lift(fd: int) -> int:
    """Return *fd*, or a duplicate above 2 that exec closes."""
    return fd if fd > 2 else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def _open_descriptors() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:  # no /proc: every number there may be
        return range(os.sysconf("SC_OPEN_MAX"))


def _change_surroundings(request: Request, at: _Position) -> None:
    at.step = "cwd"
    if request.cwd is not None:
        os.chdir(request.cwd)
    at.step = "setsid"
    if request.setsid:
        os.setsid()
    if request.umask >= 0:
        os.umask(request.umask)
    at.step = "rlimit"
    for at.index, (number, soft, hard) in enumerate(request.rlimits):
        _set_limit(number, soft, hard)
    at.index = -1
    at.step = "groups"
    if request.groups is not None:
        os.setgroups(request.groups)
    at.step = "gid"
    if request.gid >= 0:
        _set_all(getattr(os, "setresgid", None), os.setregid, request.gid)
    at.step = "uid"
    if request.uid >= 0:
        _set_all(getattr(os, "setresuid", None), os.setreuid, request.uid)


def _set_all(
    three: Callable[[int, int, int], None] | None, two: Callable[[int, int], None], number: int
) -> None:
    """Set the real, effective and saved id; macOS lacks the call that says so."""
    if three is None:
        two(number, number)
    else:
        three(number, number, number)


def _set_limit(number: int, soft: int, hard: int) -> None:
    try:
        resource.setrlimit(number, (soft, hard))
    except ValueError:  # the module's word for EPERM, and for EINVAL when soft is above hard
        above = hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard)
        raise OSError(EINVAL if above or number < 0 else EPERM, "") from None


def _default_signals() -> None:
    for signum in _SIGNALS - _UNTOUCHABLE:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _exec(request: Request) -> NoReturn:
    """Run the first of the executables that can be run; raise what stands against the best."""
    failure: OSError | None = None
    for path in request.executables:
        try:
            os.execve(path, request.argv, request.env)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTDIR, EACCES):
                raise
            if failure is None or failure.errno != EACCES:
                failure = error
    assert failure is not None
    raise failure
