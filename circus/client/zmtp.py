"""One request and its answer over ZMTP, without libzmq: the way of the one-shot command line.

Loading libzmq takes longer than a whole command may. What is needed of ZMTP 3.0 (RFC 23) for a
DEALER without security is small: both sides send a greeting of 64 bytes and a READY command that
names their socket type; frames follow. libzmq sends its READY without waiting for ours, so ours
waits until we know that a ROUTER is listening: a wrong endpoint is told apart before anything is
asked of it.

Every wait ends at one deadline, and no answer is read beyond its limit.
"""

from __future__ import annotations

import os
import socket
import struct
import time

from circus.client.errors import CallError

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from typing import Any, Final

MAX_REPLY: Final = 64 * 1024 * 1024
"""Bytes of the longest answer that is read."""

_MECHANISM: Final = b"NULL".ljust(20, b"\0")
_GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + _MECHANISM + bytes(32)
_MORE: Final = 1
_LONG: Final = 2
_COMMAND: Final = 4
_MAX_COMMAND: Final = 64 * 1024
_READY: Final = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
_CHUNK: Final = 256 * 1024


class EndpointError(CallError):
    """An endpoint that cannot be one of circusd, or that does not answer as circusd does."""


class Unreachable(CallError):
    """Nothing answers at *endpoint*; *reason* is the system's word for it."""

    def __init__(self, endpoint: str, reason: str, *, absent: bool) -> None:
        super().__init__(f"cannot reach circusd at {endpoint}: {reason}")
        self.endpoint = endpoint
        self.reason = reason
        self.absent = absent
        """Nobody listens there: circusd does not run (or runs elsewhere)."""


class TimedOut(CallError):
    """The deadline passed before the answer was there."""

    def __init__(self) -> None:
        super().__init__("Timed out.")


def ask(endpoint: str, body: bytes, timeout: float, *, limit: int = MAX_REPLY) -> bytes:
    """Send *body* to the ROUTER at *endpoint* and return the first answer's (last) frame.

    Raises Unreachable, TimedOut when *timeout* seconds have passed, EndpointError for everything
    that is no answer of a ROUTER and for an endpoint that is neither ipc:// nor tcp://.
    """
    deadline = time.monotonic() + timeout
    with _connect(endpoint, deadline) as sock:
        peer = _Peer(sock, endpoint, deadline, limit)
        kind = peer.meet()
        if kind != "ROUTER":
            raise EndpointError(
                f"{endpoint} is not a control endpoint but a {kind} socket. "
                "Name circusd's control endpoint with --endpoint"
            )
        peer.send(_COMMAND, _READY)
        peer.send(0, body)
        return peer.receive_message()


def socket_type(endpoint: str, timeout: float) -> str:
    """Return what the socket bound at *endpoint* says it is: ROUTER, PUB, XPUB..."""
    deadline = time.monotonic() + timeout
    with _connect(endpoint, deadline) as sock:
        return _Peer(sock, endpoint, deadline, _MAX_COMMAND).meet()


def _address(endpoint: str) -> str | tuple[str, int]:
    """Return the path of an ipc:// endpoint, or host and port of a tcp:// one."""
    scheme, found, rest = endpoint.partition("://")
    if scheme == "ipc" and rest and rest != "*":
        return "\0" + rest[1:] if rest.startswith("@") else rest
    if scheme == "tcp" and found:
        host, _, port = rest.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() else 0
        if host and host != "*" and ";" not in host and 0 < number < 65536:
            return host.removeprefix("[").removesuffix("]"), number
    raise EndpointError(f"cannot connect to {endpoint}: write ipc://PATH or tcp://HOST:PORT")


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimedOut
    return left


def _connect(endpoint: str, deadline: float) -> socket.socket:
    address = _address(endpoint)
    left = _remaining(deadline)
    try:
        if isinstance(address, str):
            return _connect_path(address, left)
        # As bytes: text would load the IDNA codec, which costs milliseconds.
        host: Any = address[0].encode() if address[0].isascii() else address[0]
        sock = socket.create_connection((host, address[1]), left)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    except (ConnectionRefusedError, FileNotFoundError) as exc:
        raise Unreachable(endpoint, _reason(exc), absent=True) from exc
    except (OSError, UnicodeError, OverflowError) as exc:
        raise Unreachable(endpoint, _reason(exc), absent=False) from exc


def _connect_path(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A blocking connect with a send timeout: a non-blocking one fails where the queue is full.
        whole = int(timeout)
        left = struct.pack("@ll", whole, int((timeout - whole) * 1e6) or 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, left)
        sock.connect(path)
        return sock
    except BaseException:
        sock.close()
        raise


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError | BlockingIOError):
        return "no connection within the timeout"
    if isinstance(exc, OSError) and exc.errno is not None and not isinstance(exc, socket.gaierror):
        return os.strerror(exc.errno).lower()
    return str(exc.args[-1]) if exc.args else str(exc)


class _Peer:
    """A connection, and the frames on it."""

    def __init__(self, sock: socket.socket, endpoint: str, deadline: float, limit: int) -> None:
        self._sock = sock
        self._endpoint = endpoint
        self._deadline = deadline
        self._limit = limit

    def meet(self) -> str:
        """Exchange greetings; return the socket type that the other side's READY names."""
        self._write(_GREETING)
        signature = self._read(10)
        if signature[0] != _GREETING[0] or signature[9] != _GREETING[9]:
            raise EndpointError(f"{self._endpoint} is no ZeroMQ endpoint, so not circusd's")
        major, _minor, mechanism = struct.unpack_from("!BB20s", self._read(54))
        if major < 3:
            raise EndpointError(f"{self._endpoint} speaks a ZeroMQ protocol older than 3.0")
        if mechanism != _MECHANISM:
            raise EndpointError(f"{self._endpoint} wants a login, which circusd never does")
        while True:
            flags, size = self._read_header(_MAX_COMMAND)
            body = self._read(size)
            if not flags & _COMMAND:
                raise self._garbled("a message before the handshake's end")
            size = body[0] if body else 0
            name, rest = body[1 : 1 + size], body[1 + size :]
            if name == b"ERROR":
                reason = rest[1:].decode("ascii", "replace")
                raise EndpointError(f"{self._endpoint} refused the connection: {reason}")
            if name == b"READY":
                return self._properties(rest).get("socket-type", "unknown")

    def send(self, flags: int, body: bytes) -> None:
        """Send one frame."""
        if len(body) > 255:
            self._write(struct.pack("!BQ", flags | _LONG, len(body)) + body)
        else:
            self._write(struct.pack("!BB", flags, len(body)) + body)

    def receive_message(self) -> bytes:
        """Return the last frame of the next message; commands in between are passed over."""
        room = self._limit
        while True:
            flags, size = self._read_header(room)
            body = self._read(size)
            room -= size
            if not flags & (_COMMAND | _MORE):
                return body

    def _properties(self, data: bytes) -> dict[str, str]:
        found = {}
        at = 0
        try:
            while at < len(data):
                name = data[at + 1 : at + 1 + data[at]]
                at += 1 + data[at]
                (size,) = struct.unpack_from("!I", data, at)
                found[name.decode("ascii").lower()] = data[at + 4 : at + 4 + size].decode("ascii")
                at += 4 + size
        except (struct.error, UnicodeDecodeError):
            raise self._garbled("a READY command that cannot be read") from None
        return found

    def _read_header(self, limit: int) -> tuple[int, int]:
        """Return flags and size of the next frame, which is no longer than *limit* bytes."""
        flags = self._read(1)[0]
        if flags & ~(_MORE | _LONG | _COMMAND):
            raise self._garbled(f"a frame with unknown flags {flags:#x}")
        size = struct.unpack("!Q", self._read(8))[0] if flags & _LONG else self._read(1)[0]
        if size > limit:
            raise EndpointError(
                f"the answer from {self._endpoint} is longer than {limit} bytes. Ask for less: "
                "name one watcher"
            )
        return flags, size

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._sock.settimeout(_remaining(self._deadline))
            try:
                chunk = self._sock.recv(min(size - len(data), _CHUNK))
            except TimeoutError:
                raise TimedOut from None
            except OSError as exc:
                raise Unreachable(self._endpoint, _reason(exc), absent=False) from exc
            if not chunk:
                reason = "it closed the connection before it answered"
                raise Unreachable(self._endpoint, reason, absent=False)
            data += chunk
        return bytes(data)

    def _write(self, data: bytes) -> None:
        self._sock.settimeout(_remaining(self._deadline))
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise TimedOut from None
        except OSError as exc:
            raise Unreachable(self._endpoint, _reason(exc), absent=False) from exc

    def _garbled(self, what: str) -> EndpointError:
        return EndpointError(f"{self._endpoint} does not answer as circusd does: it sent {what}")
