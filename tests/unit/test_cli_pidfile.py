"""One circusd per pid file; a pid that was used again does not count as one."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from circus.cli import pidfile as module
from circus.cli.pidfile import Pidfile, PidfileError
from circus.model.errors import CircusError

OLD = 10_000_000.0
"""A moment long before any process here started."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "circusd.pid"


@pytest.fixture
def other():
    """A process that lives, and has nothing to do with the file."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(timeout=10)


def test_it_holds_the_pid_and_can_be_read_by_all(path: Path):
    before = os.umask(0o077)
    try:
        Pidfile(path).create(os.getpid())
    finally:
        os.umask(before)
    assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["circusd.pid"]


def test_it_goes_with_its_owner(path: Path):
    held = Pidfile(path)
    held.create(os.getpid())
    held.unlink()
    assert not path.exists()
    held.unlink()  # harmless


def test_the_file_of_another_is_not_removed(path: Path):
    held = Pidfile(path)
    held.create(os.getpid())
    path.write_text("1\n")
    held.unlink()
    assert path.read_text() == "1\n"


def test_unlink_never_raises(path: Path):
    held = Pidfile(path)
    held.unlink()
    held.create(os.getpid())
    path.unlink()
    path.mkdir()
    held.unlink()


@pytest.mark.parametrize("content", ["", "garbage", "-5\n", "0\n", "99999999999\n", "x" * 10_000])
def test_what_holds_no_pid_is_taken_over(path: Path, content: str):
    path.write_text(content)
    assert Pidfile(path).validate() is None
    Pidfile(path).create(os.getpid())
    assert path.read_text() == f"{os.getpid()}\n"


def test_the_file_of_a_dead_process_is_taken_over(path: Path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(10)
    path.write_text(f"{dead.pid}\n")
    assert Pidfile(path).validate() is None
    Pidfile(path).create(os.getpid())


def test_a_zombie_is_dead(path: Path):
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    path.write_text(f"{zombie.pid}\n")
    assert Pidfile(path).validate() is None
    zombie.wait(10)


def test_a_process_that_may_have_written_it_is_believed(path: Path, other: subprocess.Popen):
    path.write_text(f"{other.pid}\n")
    assert Pidfile(path).validate() == other.pid
    with pytest.raises(PidfileError) as caught:
        Pidfile(path).create(os.getpid())
    assert str(caught.value) == (
        f"pidfile {path}: circusd runs already, as process {other.pid}. "
        "Stop it first (circusctl quit) or choose another path with --pidfile"
    )
    assert path.read_text() == f"{other.pid}\n"


def test_a_recycled_pid_is_not_believed(path: Path, other: subprocess.Popen):
    """The file is older than the process: somebody else wrote it, and is gone."""
    path.write_text(f"{other.pid}\n")
    os.utime(path, (OLD, OLD))
    assert Pidfile(path).validate() is None
    Pidfile(path).create(os.getpid())


def test_a_lock_is_believed_whatever_the_clock_says(path: Path, other: subprocess.Popen):
    path.write_text(f"{other.pid}\n")
    os.utime(path, (OLD, OLD))
    with path.open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        assert Pidfile(path).validate() == other.pid
        with pytest.raises(PidfileError, match=f"as process {other.pid}"):
            Pidfile(path).create(os.getpid())


def test_the_own_pid_is_no_obstacle(path: Path):
    """As in a container, whose circusd always has the same pid; and in a restart in place."""
    path.write_text(f"{os.getpid()}\n")
    assert Pidfile(path).validate() is None
    first = Pidfile(path)
    first.create(os.getpid())
    Pidfile(path).create(os.getpid())
    first.create(os.getpid())


def test_without_proc_every_living_process_is_believed(
    path: Path, other: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
):
    path.write_text(f"{other.pid}\n")
    monkeypatch.setattr(module, "_start_time", lambda pid: None)
    monkeypatch.setattr(module, "_HAS_PROC", False)
    assert Pidfile(path).validate() == other.pid


def test_a_missing_directory(tmp_path: Path):
    path = tmp_path / "missing" / "circusd.pid"
    with pytest.raises(PidfileError) as caught:
        Pidfile(path).create(os.getpid())
    assert str(caught.value) == (
        f"pidfile {path}: cannot write it: no such file or directory. "
        f"Make the directory first: mkdir -p {path.parent}"
    )


def test_a_directory_in_its_place(tmp_path: Path):
    with pytest.raises(PidfileError, match="is a directory"):
        Pidfile(tmp_path).create(os.getpid())


def test_programs_catch_it_as_a_runtime_error():
    assert issubclass(PidfileError, RuntimeError)
    assert issubclass(PidfileError, CircusError)


def test_the_older_name_of_the_path(path: Path):
    assert Pidfile(path).fname == str(path)


def test_of_many_starters_one_wins(path: Path):
    """Each is a process: a lock is a process's."""
    program = (
        "import sys, os\n"
        "from circus.cli.pidfile import Pidfile, PidfileError\n"
        "sys.stdin.readline()\n"
        "try:\n"
        "    Pidfile(sys.argv[1]).create(os.getpid())\n"
        "except PidfileError:\n"
        "    print('lost', flush=True)\n"
        "else:\n"
        "    print('won', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    watchdog = threading.Timer(30, lambda: [starter.kill() for starter in starters])
    watchdog.start()
    try:
        for starter in starters:
            assert starter.stdin
            starter.stdin.write("go\n")
            starter.stdin.flush()
        said = [(starter.stdout.readline().strip(), starter.pid) for starter in starters]
        assert sorted(word for word, _ in said) == ["lost", "lost", "lost", "won"]
        winner = next(pid for word, pid in said if word == "won")
        assert path.read_text() == f"{winner}\n"
    finally:
        watchdog.cancel()
        for starter in starters:
            starter.communicate("end\n", timeout=10)


def test_a_full_disk_leaves_no_empty_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(PidfileError, match="no space left on device"):
        Pidfile(path).create(os.getpid())
    assert list(path.parent.iterdir()) == []
