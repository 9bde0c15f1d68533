"""circusctl as a process: its shell on a terminal, its events, its end."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from tests.control_support import FakeArbiter, rig, running, web_arbiter

DEADLINE = 20.0
CIRCUSCTL = [sys.executable, "-m", "circus.cli.circusctl"]


@pytest.fixture
def arbiter(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeArbiter]:
    made = web_arbiter()
    endpoint = f"ipc://{short_path}/c"
    with rig(made, endpoint) as served, running(served):
        monkeypatch.setenv("CIRCUSCTL_ENDPOINT", endpoint)
        yield made


ON_A_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # so that Ctrl-C reaches it
    "os.execv(sys.executable, [sys.executable, '-m', 'circus.cli.circusctl'])\n"
)


class Terminal:
    """circusctl on a terminal."""

    def __init__(self, state: Path) -> None:
        self._master, slave = pty.openpty()
        environ = os.environ | {"XDG_STATE_HOME": str(state), "TERM": "dumb", "NO_COLOR": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
        )
        os.close(slave)
        self._seen = ""

    def expect(self, pattern: str, seconds: float = DEADLINE) -> str:
        """Wait until *pattern* is shown; return what was shown up to it."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self._seen)):
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} is not in {self._seen!r}"
            if select.select([self._master], [], [], left)[0]:
                try:
                    self._seen += os.read(self._master, 65536).decode()
                except OSError:
                    raise AssertionError(
                        f"it ended; {pattern!r} is not in {self._seen!r}"
                    ) from None
        before, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return before

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self) -> int:
        return self._process.wait(DEADLINE)

    def interrupt(self, seen: Callable[[float], object]) -> None:
        """Type Ctrl-C until *seen*, given seconds, does not fail.

        Python misses one that comes when the prompt is shown and the wait for a key is not begun.
        """
        for _ in range(int(DEADLINE)):
            self.type("\x03")
            try:
                seen(1.0)
                return
            except (AssertionError, subprocess.TimeoutExpired):
                continue
        raise AssertionError("Ctrl-C was not seen")

    def leave_by_ctrl_c(self) -> int:
        self.interrupt(self._process.wait)
        return self.wait()

    def close(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        os.close(self._master)


@pytest.fixture
def terminal(arbiter: FakeArbiter, tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.close()


def test_a_session_on_a_terminal(terminal: Terminal, arbiter: FakeArbiter, tmp_path: Path):
    assert "circusctl " in terminal.expect(r"\(circusctl\) $")

    terminal.type("numw\t\r")  # TAB completes the command
    assert "numwatchers" in terminal.expect(r"\(circusctl\) $")

    terminal.type("status we\t\r")  # and the names of the watchers that run
    assert "status web" in terminal.expect(r"\r\nactive\r\n")

    terminal.type("quit\r")
    terminal.expect(r"Stop circusd\? \[y/N\] ")
    terminal.type("n\r")
    terminal.expect(r"\(circusctl\) $")
    assert ("quit",) not in arbiter.calls

    terminal.type("\x04")
    assert terminal.wait() == 0
    history = tmp_path / "circus" / "circusctl_history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.read_text().splitlines() == ["numwatchers", "status web", "quit"]


def test_ctrl_c_at_the_prompt_leaves(terminal: Terminal):
    terminal.expect(r"\(circusctl\) $")
    assert terminal.leave_by_ctrl_c() == 0


def test_ctrl_c_clears_a_half_typed_line(terminal: Terminal, arbiter: FakeArbiter):
    terminal.expect(r"\(circusctl\) $")
    terminal.type("stop web")
    terminal.expect(r"stop web$")
    terminal.interrupt(lambda seconds: terminal.expect(r"\r\n\(circusctl\) $", seconds))
    assert terminal.leave_by_ctrl_c() == 0
    assert not any(call[0] == "stop" for call in arbiter.calls)


def test_listen_prints_events_until_ctrl_c(arbiter: FakeArbiter, short_path: Path):
    context = zmq.Context()
    publisher = context.socket(zmq.XPUB)
    publisher.linger = 0
    arbiter.pubsub_endpoint = f"ipc://{short_path}/e"
    publisher.bind(arbiter.pubsub_endpoint)
    process = subprocess.Popen(
        [*CIRCUSCTL, "listen", "watcher.web."], stdout=subprocess.PIPE, text=True
    )
    try:
        assert publisher.poll(DEADLINE * 1000), "it did not subscribe"
        assert publisher.recv() == b"\x01watcher.web."
        publisher.send_multipart([b"watcher.other.spawn", b"{}"])
        publisher.send_multipart([b"watcher.web.spawn", b'{"process_pid": 7}'])
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], DEADLINE)[0]
        assert process.stdout.readline() == 'watcher.web.spawn: {"process_pid": 7}\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)
        context.destroy(linger=0)


def test_a_reader_that_left_is_no_traceback(arbiter: FakeArbiter):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone:
        done = subprocess.run(
            [*CIRCUSCTL, "list"], stdout=gone, stderr=subprocess.PIPE, timeout=DEADLINE
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_lines_from_a_pipe(arbiter: FakeArbiter):
    done = subprocess.run(
        CIRCUSCTL, input="numwatchers\n\nlist\n", capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["Web: active", "beta two: stopped", "2", "beta two,web"]
