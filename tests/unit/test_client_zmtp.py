"""The one-shot client without libzmq: against libzmq's own sockets, and against anything else."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from circus.client.zmtp import EndpointError, TimedOut, Unreachable, ask, socket_type

TIMEOUT = 5.0
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06ROUTER"
MAX = 2**20


class Router:
    """A real ROUTER that answers each request with what *answer* makes of it."""

    def __init__(self, context: zmq.Context, endpoint: str, kind: int = zmq.ROUTER) -> None:
        self.socket = context.socket(kind)
        self.socket.linger = 0
        self.socket.bind(endpoint)
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def serve(self, answer: Callable[[bytes], list[bytes]], requests: int = 1) -> None:
        for _ in range(requests):
            if not self.socket.poll(5000):
                return
            identity, *frames = self.socket.recv_multipart()
            self.socket.send_multipart([identity, *answer(b"|".join(frames))])


@pytest.fixture(params=["ipc", "tcp"])
def router(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Router]:
    context = zmq.Context()
    where = f"ipc://{tmp_path}/s" if request.param == "ipc" else "tcp://127.0.0.1:*"
    made = Router(context, where)
    yield made
    context.destroy(linger=0)


@pytest.fixture
def in_thread(request: pytest.FixtureRequest):
    def start(work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        request.addfinalizer(lambda: thread.join(10))

    return start


@pytest.fixture
def listener(tmp_path: Path, in_thread):
    """Listen at an endpoint and send *data* to the first that connects, then hang up if asked."""

    def listen(data: bytes, *, hang_up: bool = True) -> str:
        path = f"{tmp_path}/raw"
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        server.settimeout(TIMEOUT)

        def serve() -> None:
            with server:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(data)
                    connection.settimeout(TIMEOUT)
                    try:
                        if hang_up:
                            connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        pass

        in_thread(serve)
        return f"ipc://{path}"

    return listen


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_a_request_is_one_frame_and_so_is_its_answer(router: Router, in_thread, size: int):
    in_thread(router.serve, lambda body: [b"<" + body + b">"])
    body = os.urandom(size)
    assert ask(router.endpoint, body, TIMEOUT) == b"<" + body + b">"


def test_a_large_answer(router: Router, in_thread):
    in_thread(router.serve, lambda body: [b"x" * 5_000_000])
    assert ask(router.endpoint, b"stats", TIMEOUT) == b"x" * 5_000_000


def test_of_an_answer_in_parts_the_last_counts(router: Router, in_thread):
    in_thread(router.serve, lambda body: [b"", b"answer"])
    assert ask(router.endpoint, b"{}", TIMEOUT) == b"answer"


def test_many_clients_at_once(router: Router, in_thread):
    in_thread(router.serve, lambda body: [body], 20)
    answers: dict[int, bytes] = {}

    def client(number: int) -> None:
        answers[number] = ask(router.endpoint, json.dumps(number).encode(), TIMEOUT)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(10)
    assert answers == {number: json.dumps(number).encode() for number in range(20)}


@pytest.mark.parametrize(
    ("kind", "name"), [(zmq.ROUTER, "ROUTER"), (zmq.PUB, "PUB"), (zmq.XPUB, "XPUB")]
)
def test_the_kind_of_a_socket_is_told(tmp_path: Path, kind: int, name: str):
    context = zmq.Context()
    try:
        peer = Router(context, f"ipc://{tmp_path}/s", kind)
        assert socket_type(peer.endpoint, TIMEOUT) == name
    finally:
        context.destroy(linger=0)


def test_a_request_is_not_sent_to_an_event_endpoint(tmp_path: Path):
    context = zmq.Context()
    try:
        peer = Router(context, f"ipc://{tmp_path}/s", zmq.PUB)
        with pytest.raises(EndpointError, match="is not a control endpoint but a PUB socket"):
            ask(peer.endpoint, b"{}", TIMEOUT)
    finally:
        context.destroy(linger=0)


def test_a_server_that_never_answers(router: Router):
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"^Timed out\.$"):
        ask(router.endpoint, b"{}", 0.2)
    assert time.monotonic() - started < 2


def test_a_timeout_of_nothing(router: Router):
    with pytest.raises(TimedOut):
        ask(router.endpoint, b"{}", 0)


def test_nobody_there_is_said_at_once(tmp_path: Path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{tmp_path}/dead")
        for endpoint in (closed, f"ipc://{tmp_path}/missing", f"ipc://{tmp_path}/dead"):
            started = time.monotonic()
            with pytest.raises(Unreachable) as caught:
                ask(endpoint, b"{}", TIMEOUT)
            assert caught.value.absent
            assert caught.value.endpoint == endpoint
            assert time.monotonic() - started < 0.5


def test_a_path_too_long_for_a_socket():
    with pytest.raises(Unreachable, match="path too long") as caught:
        ask("ipc:///" + "x" * 200, b"{}", TIMEOUT)
    assert not caught.value.absent


def test_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch):
    def unknown(*args: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="Name or service not known") as caught:
        ask("tcp://no.such.host.invalid:5555", b"{}", TIMEOUT)
    assert not caught.value.absent


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "web",
        "tcp://*:5555",
        "tcp://host",
        "tcp://host:70000",
        "udp://127.0.0.1:1",
        "ipc://",
        "ipc://*",
    ],
)
def test_what_is_no_endpoint(endpoint: str):
    with pytest.raises(EndpointError, match=r"write ipc://PATH or tcp://HOST:PORT"):
        ask(endpoint, b"{}", TIMEOUT)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64), "is no ZeroMQ endpoint"),
        (GREETING.replace(b"NULL\0\0\0", b"CURVE\0\0"), "wants a login"),
        (GREETING.replace(b"\x7f\x03", b"\x7f\x01"), "older than 3.0"),
        (GREETING + b"\x04\x0a\x05ERROR\x03bad", "refused the connection: bad"),
        (GREETING + b"\x00\x01x", "a message before the handshake's end"),
        (GREETING + b"\x80\x01x", "unknown flags 0x80"),
        (GREETING + b"\x04\x08\x05READY\x7fx", "READY command that cannot be read"),
        (GREETING + READY + b"\x02" + struct.pack("!Q", 2**40), f"longer than {MAX} bytes"),
    ],
)
def test_what_is_no_circusd(listener, data: bytes, said: str):
    with pytest.raises(EndpointError, match=said.replace(".", r"\.")):
        ask(listener(data), b"{}", TIMEOUT, limit=MAX)


@pytest.mark.parametrize("data", [b"", GREETING[:30], GREETING, GREETING + READY])
def test_a_connection_that_ends_before_the_answer(listener, data: bytes):
    with pytest.raises(Unreachable, match="closed the connection before it answered"):
        ask(listener(data), b"{}", TIMEOUT)


def test_a_peer_that_trickles_does_not_outlast_the_deadline(listener):
    """Each byte in time, the whole never: the deadline is one for all."""
    with pytest.raises(TimedOut):
        ask(listener(GREETING + READY, hang_up=False), b"{}", 0.2)


def test_commands_between_the_frames_are_passed_over(listener):
    data = GREETING + READY + b"\x04\x05\x04PING" + b"\x00\x02ok"
    assert ask(listener(data), b"{}", TIMEOUT) == b"ok"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_ends_in_an_answer_or_a_clear_error(noise: bytes, greeted: bool):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((GREETING + READY if greeted else b"") + noise)
        theirs.shutdown(socket.SHUT_WR)
        from circus.client import zmtp

        peer = zmtp._Peer(ours, "ipc://noise", time.monotonic() + TIMEOUT, 1000)
        try:
            peer.meet()
            assert isinstance(peer.receive_message(), bytes)
        except (EndpointError, Unreachable):
            pass
