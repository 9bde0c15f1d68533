"""Going to the background, for real: what the caller sees, what the daemon has."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEADLINE = 20.0


def run(program: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a program that goes to the background. It returns when the caller's pipes are closed."""
    return subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def report(tmp_path: Path):
    """A FIFO that the daemon writes to once, and a function that waits for what it wrote."""
    path = tmp_path / "report"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read() -> str:
        deadline = time.monotonic() + DEADLINE
        text = b""
        while not text.endswith(b"\n"):
            left = deadline - time.monotonic()
            assert left > 0, "the daemon did not report"
            assert select.select([reader], [], [], left)[0], "the daemon did not report"
            text += os.read(reader, 65536)
        return text.decode().strip()

    read.path = str(path)  # type: ignore[attr-defined]
    yield read
    os.close(reader)


def test_daemonize_leaves_the_session_and_every_descriptor(report, tmp_path: Path):
    program = """
import os, sys
from circus.cli.daemonize import daemonize
extra = os.open("/dev/zero", os.O_RDONLY)
os.set_inheritable(extra, True)
os.umask(0o027)
before = os.getpid()
os.chdir(sys.argv[2])
daemonize()
fds = sorted(int(name) for name in os.listdir("/proc/self/fd"))
targets = {os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)}
mask = os.umask(0)
with open(sys.argv[1], "w") as report:
    print(before != os.getpid(), os.getsid(0) not in (os.getpid(), before), fds[:3],
          len(fds) == 4, targets, oct(mask), os.getcwd() == sys.argv[2], file=report)
"""
    done = run(program, report.path, os.path.realpath(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # The fourth descriptor is the directory being listed.
    assert report() == "True True [0, 1, 2] True {'/dev/null'} 0o27 True"


def test_gevent_cannot_be_daemonized():
    program = """
import sys
sys.modules["gevent"] = sys
from circus.cli.daemonize import daemonize
try:
    daemonize()
except ValueError as exc:
    print(exc)
"""
    assert run(program).stdout.startswith("cannot go to the background once gevent is loaded")


def test_the_caller_waits_until_the_daemon_is_up(report):
    """Its exit status is known only after the word; the daemon goes on after that."""
    program = """
import sys
from circus.cli.daemonize import launch
word = launch(timeout=15)
open(sys.argv[2], "w").close()
word.started()
word.failed("too late to matter")
with open(sys.argv[1], "w") as report:
    print("on my way", file=report)
"""
    marker = report.path + ".up"
    done = run(program, report.path, marker)
    assert os.path.exists(marker)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert report() == "on my way"


def test_the_caller_hears_why_the_daemon_cannot_start():
    program = """
from circus.cli.daemonize import launch
launch(timeout=15).failed("circus.ini:3: no such option \\u2014 really\\n")
"""
    done = run(program)
    assert done.returncode == 1
    assert done.stderr == "circus.ini:3: no such option \u2014 really\n"


def test_the_caller_hears_that_the_daemon_died():
    program = """
import os
from circus.cli.daemonize import launch
launch(timeout=15)
os._exit(7)
"""
    done = run(program)
    assert done.returncode == 1
    assert "circusd ended before it was up" in done.stderr


def test_the_caller_does_not_wait_forever(report):
    program = """
import sys
from circus.cli.daemonize import launch
word = launch(timeout=0.2)
with open(sys.argv[2]) as gate:
    gate.read()
word.started()
with open(sys.argv[1], "w") as report:
    print("survived", file=report)
"""
    gate = report.path + ".gate"
    os.mkfifo(gate)
    done = run(program, report.path, gate)
    assert done.returncode == 1
    assert "has not said within 0.2 s whether it started" in done.stderr
    with open(gate, "w"):
        pass
    assert report() == "survived"  # a word that nobody waits for is harmless


def test_it_works_without_standard_descriptors(report):
    program = """
import os, sys
os.close(0); os.close(1)
from circus.cli.daemonize import launch
word = launch(timeout=15)
good = all(os.get_inheritable(fd) for fd in (0, 1, 2))
with open(sys.argv[1], "w") as report:
    print(good, [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)], file=report)
word.started()
"""
    done = run(program, report.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert report() == "True ['/dev/null', '/dev/null', '/dev/null']"
