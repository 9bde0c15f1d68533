"""Process trees and deaths, with real processes: found, signalled, awaited until all is gone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from circus.loop.loop import Loop
from circus.process import tree
from circus.process.reaper import Reaper
from circus.process.subreaper import become_subreaper
from circus.process.sweeper import Sweeper

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
SAY = "print('up', flush=True); time.sleep(60)"


def python(code, **more):
    """Start Python on *code* and wait for its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True, **more
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


WANTED = ["sh", "sh", "sleep", "sleep"]


def command(process):
    with suppress(OSError):
        return Path(f"/proc/{process.pid}/comm").read_text().strip()
    return "gone"


def turn_until(loop, condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        loop.run_once(0.1)


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_descendants_of_all_threads_and_levels_are_found():
    code = (
        "import subprocess, threading, sys, time\n"
        "def child(): subprocess.Popen(['sh', '-c', 'sleep 60 & wait'])\n"
        "t = threading.Thread(target=lambda: (child(), time.sleep(60)), daemon=True); t.start()\n"
        "child(); print('up', flush=True); time.sleep(60)"
    )
    process = python(code)
    try:
        deadline = time.monotonic() + 10
        while (names := sorted(map(command, tree.descendants(process.pid)))) != WANTED:
            assert time.monotonic() < deadline, names
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_many_families_at_once_are_the_same_as_one_by_one():
    """One listing of /proc: by parents, and by sessions where the parent is gone."""
    shells = [
        python("import subprocess, time; subprocess.Popen(['sleep', '60']); " + SAY)
        for _ in range(3)
    ]
    orphan = python(
        "import subprocess, time; subprocess.run(['sh', '-c', 'sleep 60 & sleep 61 &']); " + SAY
    )
    quiet = [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(40)]
    processes = [*shells, orphan, *quiet]
    try:
        pids = [process.pid for process in processes]
        found = tree.families(pids, pids)
        assert found[:3] == [tree.descendants(pid) for pid in pids[:3]]
        assert len(found[3]) == 2, "its parent is gone, its session is not"
        assert not any(found[4:])
        assert tree.families(pids[:3], pids) == found[:3], "the few are asked one by one"
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()


def test_a_ref_tells_a_recycled_pid_apart():
    mine = tree.ref(os.getpid())
    assert mine is not None
    assert tree.is_alive(mine)
    assert not tree.is_alive(mine._replace(start=mine.start - 1))


def test_a_death_is_noticed_through_its_pidfd(loop):
    ended = []
    reaper = Reaper(loop, lambda pid, code: ended.append((pid, code)), strangers=False)
    quick = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 7"], {})
    slow = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    for pid in (quick, slow):
        reaper.watch(pid, os.pidfd_open(pid))
    turn_until(loop, lambda: ended)
    assert ended == [(quick, 7)]
    os.kill(slow, signal.SIGKILL)
    turn_until(loop, lambda: len(ended) == 2)
    assert ended[1] == (slow, -signal.SIGKILL)
    with pytest.raises(ChildProcessError):
        os.waitpid(slow, os.WNOHANG)
    reaper.close()


def test_without_a_pidfd_the_child_signal_does(loop):
    ended = []
    reaper = Reaper(loop, lambda pid, code: ended.append((pid, code)), strangers=False)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {})
    reaper.watch(pid, -1)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reaper.child_signal()
    assert ended == [(pid, 3)]


def test_a_program_that_embeds_circus_keeps_its_own_children(loop):
    reaper = Reaper(loop, lambda pid, code: None, strangers=False)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reaper.child_signal()
    loop.run_once(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


def test_a_tree_without_leftovers_is_empty_at_once(loop):
    sweeper = Sweeper(loop, lambda key: pytest.fail("nothing to wait for"))
    process = python("print('up', flush=True)")
    process.wait()
    process.stdout.close()
    assert not sweeper.begin("key", process.pid, [])


@pytest.mark.parametrize("escapes", [False, True])
def test_grandchildren_that_ignore_sigterm_are_awaited_and_killed(loop, escapes):
    """Three levels; with *escapes* the lowest leads a session of its own."""
    setsid = "os.setsid(); " if escapes else ""
    grandchild = f"import os; {setsid}{STUBBORN}{SAY}"
    child = (
        f"import subprocess, sys; {STUBBORN}"
        f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdout=subprocess.PIPE); "
        f"p.stdout.readline(); {SAY}"
    )
    main = (
        f"import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE); "
        f"p.stdout.readline(); {SAY}"
    )
    process = python(main)
    snapshot = tree.descendants(process.pid)
    assert len(snapshot) == 2
    emptied = []
    sweeper = Sweeper(loop, emptied.append)
    process.terminate()
    process.wait()
    process.stdout.close()
    assert sweeper.begin("key", process.pid, snapshot)
    assert sweeper.pids("key") == sorted(ref.pid for ref in snapshot)
    assert sorted(sweeper.signal("key", signal.SIGTERM)) == sweeper.pids("key")
    loop.run_once(0.05)
    assert not emptied, "both ignore SIGTERM"
    sweeper.signal("key", signal.SIGKILL)
    turn_until(loop, lambda: emptied)
    assert emptied == ["key"]
    assert not any(tree.is_alive(ref) for ref in snapshot)
    assert "key" not in sweeper


def test_a_child_started_after_the_snapshot_is_found_through_its_group(loop):
    """It needs a subreaper, so it runs in a process of its own."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with suppress(BaseException):
            assert become_subreaper()
            worker = python("import subprocess; subprocess.Popen(['sleep', '60']); print()")
            worker.wait()
            emptied = []
            own = Loop()
            sweeper = Sweeper(own, emptied.append)
            assert sweeper.begin("key", worker.pid, [])
            assert len(sweeper.pids("key")) == 1
            sweeper.signal("key", signal.SIGKILL)
            turn_until(own, lambda: emptied)
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
