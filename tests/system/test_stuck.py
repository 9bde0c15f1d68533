"""What SIGKILL does not end is named, and nothing waits for it for ever."""

import os
import signal

import pytest

from circus.arbiter import processes
from circus.arbiter.service import Service
from circus.model.errors import CommandError
from circus.model.specs import ArbiterSpec, WatcherSpec
from tests.system.daemon import alive


@pytest.fixture
def deaf(monkeypatch):
    """The pids that no signal from circusd reaches, as if they waited for a device."""
    pids = set()
    real = os.kill
    monkeypatch.setattr(processes, "PATIENCE", 0.1)
    monkeypatch.setattr(
        processes.os, "kill", lambda pid, signum: None if pid in pids else real(pid, signum)
    )
    return pids


@pytest.fixture
def service(short_path):
    spec = ArbiterSpec(
        endpoint=f"ipc://{short_path}/c",
        pubsub_endpoint=f"ipc://{short_path}/e",
        watchers=(
            WatcherSpec(name="deaf", cmd="sleep 60", numprocesses=2, graceful_timeout=0.1),
            WatcherSpec(name="web", cmd="sleep 60"),
        ),
    )
    made = Service(spec, strangers=False)
    made.open()
    made.arbiter.begin()
    turn(made, lambda: all(made.arbiter.watcher(n).pids() for n in ("deaf", "web")))
    yield made
    made.close(linger=0)


def turn(service, condition):
    deadline = service.loop.time() + 20
    while not (answer := condition()):
        assert service.loop.time() < deadline, "it did not happen in time"
        service.loop.run_once(0.05)
    return answer


def refusal(operation):
    try:
        assert operation.poll() is None
    except CommandError as exc:
        return str(exc)
    return None


def test_a_stop_that_cannot_succeed_names_what_is_left_and_goes_on(service, deaf):
    arbiter = service.arbiter
    stuck, obedient = arbiter.watcher("deaf").pids()
    deaf.add(stuck)
    stop = arbiter.stop(["deaf"])
    said = turn(service, lambda: refusal(stop))
    assert f"SIGKILL did not end pid {stuck}" in said
    assert arbiter.watcher("deaf").status() == "stopping"
    assert arbiter.watcher("deaf").detail()["stuck"] == [stuck]
    assert not alive(obedient)
    deaf.clear()  # the device answered at last
    os.kill(stuck, signal.SIGKILL)
    os.waitid(os.P_PID, stuck, os.WEXITED | os.WNOWAIT)
    turn(service, lambda: arbiter.watcher("deaf").status() == "stopped")
    assert stop.poll() == {"info": None}
    turn(service, lambda: arbiter.stop(None).poll() == {})


def test_circusd_does_not_wait_for_what_cannot_be_ended(service, deaf):
    arbiter = service.arbiter
    stuck, _ = arbiter.watcher("deaf").pids()
    deaf.add(stuck)
    arbiter.quit()
    service.loop.run()
    assert arbiter.exit_code == 1
    assert arbiter.watcher("web").pids() == []
    assert alive(stuck)
    deaf.clear()
    os.kill(stuck, signal.SIGKILL)
    os.waitpid(stuck, 0)
