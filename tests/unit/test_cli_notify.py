"""What the service manager is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus.cli.notify import VARIABLE, Notifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's socket; `name` is how NOTIFY_SOCKET spells it."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name if request.param == "abstract" else name)
        sock.settimeout(5)
        yield sock


def notifier(manager: socket.socket) -> Notifier:
    name = manager.getsockname()
    text = "@" + name[1:].decode() if isinstance(name, bytes) else name
    return Notifier({VARIABLE: text})


def test_ready(manager: socket.socket):
    assert notifier(manager).ready("3 watchers started")
    assert manager.recv(1000) == b"READY=1\nSTATUS=3 watchers started"


def test_stopping(manager: socket.socket):
    assert notifier(manager).stopping()
    assert manager.recv(1000) == b"STOPPING=1"


def test_reloading_carries_the_monotonic_clock(manager: socket.socket):
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert notifier(manager).reloading()
    fields = dict(line.split("=") for line in manager.recv(1000).decode().splitlines())
    assert fields["RELOADING"] == "1"
    assert before <= int(fields["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_a_status_is_one_line(manager: socket.socket):
    assert notifier(manager).status("busy\nREADY=1")
    assert manager.recv(1000) == b"STATUS=busy"


@pytest.mark.parametrize("value", ["", "vsock:2:1234", "relative"])
def test_without_a_service_manager_nothing_is_sent(value: str):
    assert not Notifier({VARIABLE: value}).ready()
    assert not Notifier({}).ready()


def test_a_service_manager_that_is_gone_is_no_error(tmp_path: Path):
    assert not Notifier({VARIABLE: str(tmp_path / "gone")}).ready()


def test_a_service_manager_that_does_not_read_is_not_waited_for(manager: socket.socket):
    sender = notifier(manager)
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    taken = sum(sender.ready() for _ in range(2_000))
    assert taken < 2_000
