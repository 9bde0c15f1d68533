"""Bind one managed socket as its spec says, or say precisely why that is not possible.

The descriptor is close-on-exec and never 0, 1 or 2: passing it to a worker is the spawner's job.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from circus.model.errors import SocketError
from circus.model.specs import SocketSpec
from circus.sockets.unixpath import bind_path, identity, unlink_if

_LISTENING: Final = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET)
_INET: Final = (socket.AF_INET, socket.AF_INET6)

Address = tuple[Any, ...] | str


@dataclass(slots=True, eq=False)
class ManagedSocket:
    """One bound socket. Whoever made it closes it, once."""

    spec: SocketSpec
    sock: socket.socket
    host: str | None = None
    """The address bound, as a number; None for a unix socket."""
    port: int | None = None
    """The port bound, also where the spec asks for any (0)."""
    path: str | None = None
    file: tuple[int, int] | None = None
    """Device and inode of a unix socket's file, to know it again."""
    accepts: bool = field(default=False, init=False)
    """Whether connections come in: it is of a type with an accept queue, and it listens."""
    _aside: str | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The socket's name as configured."""
        return self.spec.name

    @property
    def location(self) -> str:
        """Where it is bound, for people: host:port, [host]:port or a path."""
        if self.path is not None:
            return self.path
        return _host_port(self.host or "", self.port or 0)

    def fileno(self) -> int:
        """The descriptor, as `$(circus.sockets.NAME)` gives it."""
        return self.sock.fileno()

    def tune(self, spec: SocketSpec) -> None:
        """Apply what may change without binding again, and remember *spec*.

        What did not change is left alone: workers share these settings, and may have set their own.
        """
        if spec.blocking != self.spec.blocking:
            self.sock.setblocking(spec.blocking)
        if spec.nodelay != self.spec.nodelay:
            _set_nodelay(self.sock, spec)
        if spec.backlog != self.spec.backlog and self.accepts:
            self.sock.listen(spec.backlog)  # again: only the length of the queue changes
        self.spec = spec

    def step_aside(self) -> None:
        """Make room for a newcomer at the same address, until step_back() or close().

        Workers that inherited a TCP listener cannot accept from it any more: that is the price of
        binding its port anew while they hold it. A unix socket only loses its name.
        """
        if self.path is not None:
            if self.file is not None and identity(self.path) == self.file:
                self._aside = f"{self.path}.{secrets.token_hex(4)}"
                os.rename(self.path, self._aside)
        elif self.accepts:
            # This frees the port: SO_REUSEADDR passes over it now. ENOTCONN: a worker did it.
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RD)

    def step_back(self) -> None:
        """Take the address again after step_aside()."""
        if self._aside is not None and self.path is not None:
            os.rename(self._aside, self.path)
            self._aside = None
        elif self.path is None and self.accepts:
            # A port that the kernel had chosen is not ours any more; EINVAL: it still is.
            with contextlib.suppress(OSError):
                self.sock.bind((self.host, self.port))
            self.sock.listen(self.spec.backlog)

    def close(self) -> None:
        """Close it, and remove a unix socket's file where it is still the one we made."""
        self.sock.close()
        if self.path is not None and self.file is not None:
            unlink_if(self._aside or self.path, self.file)
            self.file = None

    def __str__(self) -> str:
        return f"socket {self.name!r} at {self.location}"


def bind(spec: SocketSpec, *, port: int | None = None, listen: bool = True) -> ManagedSocket:
    """Bind a socket as *spec* says; SocketError tells what is wrong and the way out.

    *port* replaces the spec's: the one that another listener of the same socket got for port 0.
    With *listen* False the address is only taken: no connection comes in.
    """
    family, kind, proto = _numbers(spec)
    with _explained(spec, "cannot open it", wanted=None):
        sock = _above_stdio(socket.socket(family, kind, proto))
    try:
        managed = _bound(spec, sock, port)
        with _explained(spec, f"cannot listen on {managed.location}", wanted=managed.location):
            if listen and sock.type in _LISTENING:
                sock.listen(spec.backlog)
                managed.accepts = True
    except BaseException:
        sock.close()
        raise
    return managed


def resolve(spec: SocketSpec, port: int | None = None) -> Address:
    """Return the address that *spec* asks for: a path, or what bind(2) takes.

    Names are looked up, which may wait for a name server: write numbers where that matters.
    """
    if spec.path is not None or spec.family == "AF_UNIX":
        if not spec.path:
            raise SocketError(
                f"socket {spec.name}: a unix socket needs a path. "
                "Write for example: path = /run/app/web.sock"
            )
        return spec.path
    family, kind, proto = _numbers(spec)
    number = spec.port if port is None else port
    if number > 65535:
        raise SocketError(
            f"socket {spec.name}: port = {number}: not a port. Write a number from 0 to 65535"
        )
    if kind == socket.SOCK_RAW:
        number = 0  # a raw socket has no port
    try:
        found = socket.getaddrinfo(
            spec.host or None, number, family, kind, proto, socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as exc:
        reason = exc.args[1] if len(exc.args) > 1 else exc
        raise SocketError(
            f"socket {spec.name}: cannot find the address of host {spec.host!r} "
            f"({spec.family}): {str(reason).lower()}. Write an address of this machine, as in "
            f"host = {'::1' if family == socket.AF_INET6 else '127.0.0.1'}"
        ) from exc
    return found[0][4]


def _numbers(spec: SocketSpec) -> tuple[int, int, int]:
    """Return family, type and protocol as numbers."""
    family = socket.AF_UNIX if spec.path is not None else getattr(socket, spec.family)
    kind = getattr(socket, spec.type)
    if spec.proto is None:
        return family, kind, 0
    if spec.proto.isascii() and spec.proto.isdigit():
        return family, kind, int(spec.proto)
    try:
        return family, kind, socket.getprotobyname(spec.proto)
    except OSError as exc:
        raise SocketError(
            f"socket {spec.name}: proto = {spec.proto}: unknown protocol. Write a name from "
            "/etc/protocols, as in tcp, or leave it out"
        ) from exc


def _bound(spec: SocketSpec, sock: socket.socket, port: int | None) -> ManagedSocket:
    sock.setblocking(spec.blocking)
    address = resolve(spec, port)
    if isinstance(address, str):
        bind_path(spec, sock, address)
        return ManagedSocket(spec, sock, path=address, file=identity(address))
    wanted = _host_port(str(address[0]), int(address[1]))
    with _explained(spec, f"cannot prepare {wanted}", wanted=wanted):
        _prepare(sock, spec, str(address[0]))
        _set_nodelay(sock, spec)
    with _explained(spec, f"cannot bind {wanted}", wanted=wanted):
        sock.bind(address)
    name = sock.getsockname()
    return ManagedSocket(spec, sock, host=name[0], port=name[1])


def _prepare(sock: socket.socket, spec: SocketSpec, host: str) -> None:
    """Set what has to be set before the bind."""
    if sock.type != socket.SOCK_DGRAM or _is_multicast(sock.family, host):
        # For datagrams it would let two programs bind one port, and one of them starve in silence.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if spec.so_reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sock.family == socket.AF_INET6:
        # Said aloud, as the system's default differs: only the wildcard serves IPv4, too.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host not in ("::", "::0"))
    if spec.interface is not None:
        if not hasattr(socket, "SO_BINDTODEVICE"):
            raise SocketError(
                f"socket {spec.name}: interface: this system cannot bind to a device. Leave "
                "interface out and name the device's address with host"
            )
        device = spec.interface.encode() + b"\0"
        with _explained(spec, f"cannot bind to the device {spec.interface}", wanted=None):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)


def _set_nodelay(sock: socket.socket, spec: SocketSpec) -> None:
    """Set TCP_NODELAY as *spec* says, where there is such a thing: connections inherit it."""
    tcp = sock.family in _INET and sock.type == socket.SOCK_STREAM
    if tcp and sock.proto in (0, socket.IPPROTO_TCP):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, spec.nodelay)


def _is_multicast(family: int, host: str) -> bool:
    packed = socket.inet_pton(family, host.partition("%")[0])
    return packed[0] == 0xFF if family == socket.AF_INET6 else 224 <= packed[0] <= 239


def _above_stdio(sock: socket.socket) -> socket.socket:
    """Return the socket under a number of 3 or more; a daemon may have none of 0, 1 and 2 open."""
    if sock.fileno() > 2:
        return sock
    number = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    family, kind, proto = sock.family, sock.type, sock.proto
    sock.close()
    return socket.socket(family, kind, proto, fileno=number)


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _explained(spec: SocketSpec, what: str, *, wanted: str | None) -> Iterator[None]:
    """Turn an OSError into a SocketError with the way out."""
    try:
        yield
    except OSError as exc:
        reason = os.strerror(exc.errno).lower() if exc.errno else str(exc)
        raise SocketError(
            f"socket {spec.name}: {what}: {reason}. {_way_out(spec, exc.errno, wanted)}"
        ) from exc


def _way_out(spec: SocketSpec, number: int | None, wanted: str | None) -> str:
    port = (wanted or "").rpartition(":")[2]
    match number:
        case errno.EADDRINUSE:
            return f"Find who listens there with: ss -lnp 'sport = :{port}'"
        case errno.EADDRNOTAVAIL:
            return "Write an address that this machine has (see: ip address)"
        case errno.ENODEV:
            return f"There is no network device {spec.interface!r} (see: ip link)"
        case errno.EACCES | errno.EPERM if spec.type == "SOCK_RAW":
            return "A raw socket needs root or CAP_NET_RAW"
        case errno.EACCES | errno.EPERM if wanted is None:
            return "Binding to a device needs root or CAP_NET_RAW"
        case errno.EACCES | errno.EPERM:
            return "Use a port above 1023 or grant CAP_NET_BIND_SERVICE"
        case errno.EMFILE | errno.ENFILE:
            return "Raise circusd's limit of open files (ulimit -n)"
        case errno.EPROTONOSUPPORT | errno.ESOCKTNOSUPPORT | errno.EAFNOSUPPORT:
            return f"family, type and proto do not fit: {spec.family}, {spec.type}, {spec.proto}"
        case _:
            return "Check the options of this socket"
