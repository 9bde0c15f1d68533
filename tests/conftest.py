"""What every test may rely on: no state of the user's is read, and nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# One profile everywhere, so that what passes here passes in CI: no deadline (a shared machine
# pauses), and the same examples each time when CI asks.
settings.register_profile(
    "circus",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("circus")


def pytest_configure() -> None:
    """Undo what whoever started the tests chose to ignore: every child would inherit it.

    Shells ignore SIGINT in what they start in the background, nohup ignores SIGHUP, and make leaves
    the two signals ignored that the C library keeps for itself, which only the kernel can be told.
    """
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(signum) is signal.SIG_IGN:
            usual = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
            signal.signal(signum, usual)
    rt_sigaction = {"x86_64": 13, "aarch64": 134}.get(os.uname().machine)
    if sys.platform == "linux" and rt_sigaction is not None:
        libc = ctypes.CDLL(None)
        default = bytes(32)  # SIG_DFL, no flags, no mask
        for number in (32, 33):
            now = ctypes.create_string_buffer(32)
            libc.syscall(rt_sigaction, number, None, now, 8)
            # Not where the C library has put its handler already: it needs that for its threads.
            if int.from_bytes(now.raw[:8], sys.byteorder) == signal.SIG_IGN:
                libc.syscall(rt_sigaction, number, default, None, 8)


LEFTOVER_GRACE = 2.0
"""Seconds that the last children of a test run have to be gone in."""


def children() -> list[int]:
    """Return the pids of this process's children, zombies included; empty where /proc lacks it."""
    found: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue  # the thread ended meanwhile
    return found


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail the run when a test left a child process behind, be it a zombie."""
    before = set(children())
    yield
    deadline = time.monotonic() + LEFTOVER_GRACE
    while (left := set(children()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    told = {pid: _command_line(pid) for pid in left}
    assert not told, f"tests left processes behind: {told}"


def _command_line(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "gone meanwhile"
    return line.replace(b"\0", b" ").decode(errors="replace").strip() or "zombie"


@pytest.fixture(scope="session", autouse=True)
def _no_state_of_the_user() -> Iterator[None]:
    """Keep circusd and circusctl away from the daemons and the history of whoever runs us."""
    home = Path(tempfile.mkdtemp(prefix="circus-home-"))
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("CIRCUSCTL_") or name == "NOTIFY_SOCKET":
                patch.delenv(name)
        patch.setenv("XDG_RUNTIME_DIR", str(home))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        yield
    shutil.rmtree(home)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A fresh directory with a path short enough for unix sockets, whose names end at 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="circus-", dir="/tmp"))
    yield path
    shutil.rmtree(path)
