"""Binding an endpoint so that only those may reach it who are meant to.

An ipc:// endpoint is a file of its owner's; a tcp:// endpoint has no login at all, so it stays on
the loopback interface unless the operator insists.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import socket
import stat
from dataclasses import dataclass
from typing import Final

import zmq

from circus.model.addresses import exposure
from circus.model.errors import SocketError

MAX_PATH: Final = 107
"""Bytes of the longest path that the kernel binds a unix socket to (unix(7), less the NUL)."""

_CONNECT_TIMEOUT: Final = 0.2


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this system."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A bound endpoint. *address* is what clients connect to: port 0 and * are filled in."""

    address: str
    path: str | None = None
    identity: tuple[int, int] | None = None
    """Device and inode of the ipc file, which tell whether it is still ours."""

    @property
    def is_lost(self) -> bool:
        """Whether the ipc file was removed or replaced: no new client can come."""
        if self.path is None:
            return False
        try:
            return _identity(self.path) != self.identity
        except OSError:
            return True

    def release(self) -> None:
        """Remove the ipc file, unless another one has taken its place."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            if _identity(self.path) == self.identity:
                os.unlink(self.path)


def find_account(user: str) -> Account:
    """Return the account that `endpoint_owner` names; SocketError when there is none."""
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        raise SocketError(
            f"endpoint_owner = {user}: there is no such user. Name one that getent passwd lists"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def bind(
    sock: zmq.Socket[bytes],
    endpoint: str,
    *,
    what: str,
    owner: Account | None = None,
    allow_insecure: bool = False,
) -> Binding:
    """Bind *sock*; SocketError, beginning with *what*, when that fails or would be unsafe.

    An ipc file is made for circusd's user alone, or for *owner*; a missing directory is made, too.
    """
    scheme, found, rest = endpoint.partition("://")
    if not found or not rest:
        raise SocketError(
            f"{what} {endpoint}: not an endpoint. Write for example ipc:///run/circus/control.sock"
        )
    where = f"{what} {endpoint}"
    if scheme == "ipc":
        return _bind_ipc(sock, rest, where, owner)
    if scheme == "inproc":  # within this process only
        _bind(sock, endpoint, where)
        return Binding(endpoint)
    if not allow_insecure and (why := exposure(endpoint)):
        raise SocketError(f"{where}: {why}")
    _bind(sock, endpoint, where)
    return Binding(sock.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))


def _bind_ipc(sock: zmq.Socket[bytes], path: str, where: str, owner: Account | None) -> Binding:
    if path[0] in "@*":
        raise SocketError(
            f"{where}: no file guards this endpoint. Name one, as in ipc:///run/circus/control.sock"
        )
    path = os.path.abspath(path)
    if len(os.fsencode(path)) > MAX_PATH:
        raise SocketError(
            f"{where}: the path has {len(os.fsencode(path))} bytes, a unix socket at most "
            f"{MAX_PATH}. Name a shorter one"
        )
    _prepare_directory(os.path.dirname(path), where, owner)
    _clear(path, where)
    mask = os.umask(0o177)  # from the first moment on, nobody else can open it
    try:
        _bind(sock, f"ipc://{path}", where)
    finally:
        os.umask(mask)
    try:
        if owner is not None and owner.uid != os.geteuid():
            os.chown(path, owner.uid, -1)
        return Binding(f"ipc://{path}", path, _identity(path))
    except OSError as exc:
        sock.unbind(f"ipc://{path}")
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise SocketError(
            f"{where}: cannot give it to {owner.name if owner else 'its owner'}: "
            f"{_text(exc)}. Only root may use endpoint_owner for another user"
        ) from exc


def _prepare_directory(directory: str, where: str, owner: Account | None) -> None:
    """Make *directory* if it is missing; refuse one in which a stranger may replace our file."""
    mode = 0o700 if owner is None else 0o711  # the owner has to pass through; files stay private
    try:
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        try:
            os.mkdir(directory, mode)
            os.chmod(directory, mode)  # whatever the umask is
        except FileExistsError:
            pass
        status = os.stat(directory)
    except OSError as exc:
        raise SocketError(
            f"{where}: cannot make the directory {directory}: {_text(exc)}. "
            "Make it, or name another endpoint"
        ) from exc
    if not stat.S_ISDIR(status.st_mode):
        raise SocketError(f"{where}: {directory} is no directory")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise SocketError(
            f"{where}: anybody may replace files in {directory}. Take the right away (chmod o-w) "
            "or name another directory"
        )


def _clear(path: str, where: str) -> None:
    """Remove a socket file that nobody listens on any more; refuse everything else."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise SocketError(f"{where}: {_text(exc)}") from exc
    if not stat.S_ISSOCK(kind):
        raise SocketError(f"{where}: there is a file that is no socket. Remove it, or name another")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_TIMEOUT)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            pass
        except PermissionError as exc:
            raise SocketError(
                f"{where}: the file belongs to another user. Remove it, or name another endpoint"
            ) from exc
        except OSError as exc:
            if exc.errno != errno.EAGAIN and not isinstance(exc, TimeoutError):
                raise SocketError(f"{where}: {_text(exc)}. Remove the file") from exc
            raise _in_use(where) from exc
        else:
            raise _in_use(where)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise SocketError(
            f"{where}: cannot remove the file that an earlier circusd left: {_text(exc)}"
        ) from exc


def _bind(sock: zmq.Socket[bytes], endpoint: str, where: str) -> None:
    try:
        sock.bind(endpoint)
    except zmq.ZMQError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise _in_use(where) from exc
        if exc.errno == errno.EACCES:
            raise SocketError(
                f"{where}: permission denied. Name a place that circusd's user may write to, or a "
                "port above 1023"
            ) from exc
        raise SocketError(f"{where}: cannot bind: {exc.strerror}".rstrip(". ")) from exc


def _in_use(where: str) -> SocketError:
    return SocketError(
        f"{where}: in use: somebody answers there, most likely another circusd. Stop it "
        "(circusctl quit), or name another endpoint"
    )


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _text(exc: OSError) -> str:
    return os.strerror(exc.errno).lower() if exc.errno else str(exc)
