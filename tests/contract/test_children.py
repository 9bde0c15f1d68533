"""The children of processes: both backends say the same, and the truth."""

import importlib
import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

BACKENDS = ("compiled", "pure")


@pytest.fixture(params=BACKENDS)
def children(request):
    """One backend, by name: a missing one is a failure."""
    return importlib.import_module(f"circus._speedups.{request.param}").children


@pytest.fixture
def sleepers():
    """Start sleeping children, from the calling thread."""
    started = []

    def start(count):
        new = [subprocess.Popen(["sleep", "60"]) for _ in range(count)]
        started.extend(new)
        return {process.pid for process in new}

    yield start
    for process in started:
        process.kill()
    for process in started:
        process.wait()


def test_children_are_found_in_the_order_of_the_question(children, sleepers):
    pids = sleepers(2)
    first, second = sorted(pids)
    assert children([first, os.getpid(), second])[0] == ()
    assert pids <= set(children([first, os.getpid(), second])[1])


def test_children_of_other_threads_are_found(children, sleepers):
    born, leave = threading.Event(), threading.Event()
    found = []

    def body():
        found.extend(sleepers(1))
        born.set()
        leave.wait(30)

    thread = threading.Thread(target=body)
    thread.start()
    assert born.wait(30)
    try:
        assert found[0] in children([os.getpid()])[0]
    finally:
        leave.set()
        thread.join()


def test_more_children_than_one_read_or_the_first_guess_holds(children, sleepers):
    pids = sleepers(300)
    assert pids <= set(children([os.getpid()])[0])


def test_who_is_gone_has_none(children):
    process = subprocess.Popen(["true"])
    process.wait()
    assert children([process.pid, 0, -1, 2**22 + 1]) == [(), (), (), ()]
    assert children([]) == []


@pytest.fixture(scope="module")
def still_life():
    """A shell and its two sleepers, the pids of all three: nothing of it changes."""
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 60 & sleep 60 & echo; wait"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    shell.stdout.readline()
    yield [shell.pid, *importlib.import_module("circus._speedups.pure").children([shell.pid])[0]]
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    shell.stdout.close()


@given(data=st.data())
def test_both_backends_agree(still_life, data):
    assert len(still_life) == 3
    pids = data.draw(st.lists(st.sampled_from([*still_life, 999_999_999, 0]), max_size=20))
    compiled, pure = (importlib.import_module(f"circus._speedups.{name}") for name in BACKENDS)
    assert compiled.children(pids) == pure.children(pids)
