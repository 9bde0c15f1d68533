"""The file that says which process is circusd, and keeps a second one from starting.

A lock on the file (flock) says for certain that its writer lives: it ends with the process. A
file without one, as other programs write it, is believed only where its process is older than
the file: a pid is used again, and a recycled one must not keep circusd from starting.

The file is written beside and renamed, so that a reader never sees half of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from circus.model.errors import CircusError

_MAX_SIZE: Final = 64
_CLOCK_SLACK: Final = 2.0
"""Seconds by which a process may seem younger than the file that it wrote: clocks are coarse."""
_TRIES: Final = 100
_HAS_PROC: Final = Path("/proc/self/stat").exists()


class PidfileError(CircusError, RuntimeError):
    """The pid file belongs to a process that lives, or it cannot be written."""


class Pidfile:
    """One pid file. create() takes it, unlink() gives it back; the lock ends with the process."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.pid: int | None = None
        self._lock = -1

    @property
    def fname(self) -> str:
        """The path, under the name that older programs know."""
        return self.path

    def create(self, pid: int) -> None:
        """Write *pid* into the file and hold it; PidfileError where a living process has it."""
        try:
            self._create(pid)
        except OSError as exc:
            reason = os.strerror(exc.errno).lower() if exc.errno else str(exc)
            way_out = (
                f"Make the directory first: mkdir -p {_directory(self.path)}"
                if exc.errno in (errno.ENOENT, errno.ENOTDIR)
                else "Choose another path with --pidfile"
            )
            raise PidfileError(
                f"pidfile {self.path}: cannot write it: {reason}. {way_out}"
            ) from exc
        self.pid = pid

    def validate(self) -> int | None:
        """Return the pid in the file if that process lives and may have written it, else None."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            locked = self._lock < 0 and not _try_lock(handle, fcntl.LOCK_SH)
            return _read_pid(handle) if locked else _believed(handle)
        finally:
            os.close(handle)

    def unlink(self) -> None:
        """Remove the file while it holds our pid, and let go of the lock. Never raises."""
        try:
            if self.pid is not None and _content(self.path) == self.pid:
                os.unlink(self.path)
        except OSError:
            pass
        self._release()

    def _create(self, pid: int) -> None:
        """Lock the file that is there, so that of two starters one waits for neither: it loses."""
        for _ in range(_TRIES):
            guard = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(guard).st_mode):
                    raise PidfileError(
                        f"pidfile {self.path}: not a regular file. Choose another path"
                    )
                if self._lock < 0 and not _try_lock(guard, fcntl.LOCK_EX):
                    holder = _read_pid(guard)
                    if holder != os.getpid():
                        raise self._taken(holder)
                if not _is_still(guard, self.path):
                    continue  # somebody renamed a new file over it: that is the one to look at
                holder = _believed(guard)
                if holder is not None:
                    raise self._taken(holder)
                self._replace_or_clear(pid, guard)
                return
            finally:
                os.close(guard)
        raise PidfileError(f"pidfile {self.path}: it changes all the time. Who else writes it?")

    def _replace_or_clear(self, pid: int, guard: int) -> None:
        """Write the file; where that fails, leave no empty one, as a full disk would have it."""
        try:
            self._replace(pid)
        except OSError:
            if not os.fstat(guard).st_size:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
            raise

    def _replace(self, pid: int) -> None:
        beside = f"{self.path}.{secrets.token_hex(4)}"
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(handle, 0o644)  # whatever the umask
            os.write(handle, f"{pid}\n".encode())
            _try_lock(handle, fcntl.LOCK_EX)
            os.rename(beside, self.path)
        except OSError:
            os.close(handle)
            os.unlink(beside)
            raise
        self._release()
        self._lock = handle

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _taken(self, holder: int | None) -> PidfileError:
        who = f"process {holder}" if holder else "another process"
        return PidfileError(
            f"pidfile {self.path}: circusd runs already, as {who}. "
            "Stop it first (circusctl quit) or choose another path with --pidfile"
        )


def _try_lock(handle: int, how: int) -> bool:
    """Lock the open file or tell that another holds it. A file system without locks says yes."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError as exc:
        return exc.errno != errno.EWOULDBLOCK
    return True


def _is_still(handle: int, path: str) -> bool:
    mine = os.fstat(handle)
    try:
        there = os.stat(path)
    except OSError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _read_pid(handle: int) -> int | None:
    """Return the pid that the open file holds; None for anything else."""
    return _parse(os.pread(handle, _MAX_SIZE, 0))


def _believed(handle: int) -> int | None:
    """Return the pid in a file that nobody else has locked, if its process may have written it."""
    pid = _read_pid(handle)
    if pid is None or pid == os.getpid():
        return None
    return pid if _may_have_written(pid, os.fstat(handle).st_mtime) else None


def _content(path: str) -> int | None:
    with open(path, "rb") as file:
        return _parse(file.read(_MAX_SIZE))


def _parse(text: bytes) -> int | None:
    found = re.fullmatch(rb"\s*([0-9]{1,10})\s*", text)
    return int(found[1]) or None if found else None


def _may_have_written(pid: int, written: float) -> bool:
    """Tell whether the process *pid* lives and started before *written* (wall clock, seconds)."""
    started = _start_time(pid)
    if started is not None:
        return started <= written + _CLOCK_SLACK
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _HAS_PROC  # with /proc it is a zombie


def _start_time(pid: int) -> float | None:
    """Return when the process started (wall clock, seconds); None for none, a zombie, no /proc.

    Field 22 of /proc/[pid]/stat (proc_pid_stat(5)) counts clock ticks from the boot, whose time
    is btime in /proc/stat.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = re.search(rb"^btime (\d+)$", Path("/proc/stat").read_bytes(), re.MULTILINE)
    except OSError:
        return None
    if boot is None or fields[0] in (b"Z", b"X"):
        return None
    return int(boot[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _directory(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))
