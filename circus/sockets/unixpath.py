"""The file of a unix socket: bind to it, tell a stale one from a live one, remove only our own."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from typing import Final

from circus.model.errors import SocketError
from circus.model.specs import SocketSpec

MAX_PATH: Final = 107
"""Bytes that the kernel's address structure has room for (unix(7)), the last NUL left out."""


def bind_path(spec: SocketSpec, sock: socket.socket, path: str) -> None:
    """Bind *sock* to *path*; the file's mode follows the spec's umask.

    A file that a dead listener left behind is taken over, also without `replace`. With `replace`
    whatever is there gives way, save a directory.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise SocketError(
            f"socket {spec.name}: path {path} is longer than {MAX_PATH} bytes, which is all that "
            "a unix socket can have. Choose a shorter one, as in /run/app/web.sock"
        )
    try:
        if os.path.lexists(path):
            _check_free(spec, sock.type, path)
            os.unlink(path)
        with _umask(spec.umask):
            sock.bind(path)  # not to another name and renamed: workers ask the socket for its path
    except OSError as exc:
        raise SocketError(
            f"socket {spec.name}: cannot bind {path}: {_reason(exc)}. {_way_out(exc.errno, path)}"
        ) from exc


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the file at *path*, or None."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def unlink_if(path: str, expected: tuple[int, int]) -> None:
    """Remove *path* where it still is the file that *expected* identifies."""
    if identity(path) == expected:
        with contextlib.suppress(OSError):  # a read-only directory: nothing we could do about it
            os.unlink(path)


def is_live(path: str, kind: int) -> bool:
    """Tell whether some process has a socket bound at *path*. OSError where that cannot be told."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        number = probe.connect_ex(path)
    if number in (errno.ECONNREFUSED, errno.ENOENT):
        return False
    # EAGAIN: its queue is full. EPROTOTYPE: it is of another type. Both are alive.
    if number in (0, errno.EAGAIN, errno.EPROTOTYPE):
        return True
    raise OSError(number, os.strerror(number))


def _check_free(spec: SocketSpec, kind: int, path: str) -> None:
    """Raise SocketError where what is at *path* may not give way."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            problem = "it is a directory. Name a file inside of it"
        elif spec.replace:
            return
        elif not stat.S_ISSOCK(mode):
            problem = "another file is there. Remove it, choose another path or set replace = true"
        elif is_live(path, kind):
            problem = (
                "in use: a program listens there. Stop it, choose another path or take it over "
                "with replace = true"
            )
        else:
            return
    except OSError as exc:
        problem = f"{_reason(exc)}. {_way_out(exc.errno, path)}"
    raise SocketError(f"socket {spec.name}: cannot bind {path}: {problem}")


@contextlib.contextmanager
def _umask(mask: int | None) -> Iterator[None]:
    """Set the file mode mask for a moment: it belongs to the whole process, which is one thread."""
    if mask is None:
        yield
        return
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _reason(exc: OSError) -> str:
    return os.strerror(exc.errno).lower() if exc.errno else str(exc)


def _way_out(number: int | None, path: str) -> str:
    directory = os.path.dirname(os.path.abspath(path))
    match number:
        case errno.ENOENT | errno.ENOTDIR:
            return f"Make the directory first: mkdir -p {directory}"
        case errno.EACCES | errno.EPERM:
            return f"Let circusd's user write in {directory}, or choose another path"
        case errno.EROFS:
            return "Choose a path on a file system that can be written, as in /run"
        case errno.EADDRINUSE:
            return "Another program took it this very moment: try again"
        case _:
            return "Choose another path"
