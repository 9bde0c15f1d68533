"""circusctl against a real control server: what it prints, and the status it ends with."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from circus import __version__
from circus.cli import session as session_module
from circus.cli.circusctl import main
from circus.cli.listen import connectable, events_endpoint, lines
from circus.cli.output import Screen
from circus.cli.parser import parse
from circus.cli.session import WAITING_TIMEOUT, Session
from circus.client.zmtp import EndpointError
from tests.control_support import FakeArbiter, refusal, rig, running, web_arbiter

Shown = Callable[..., tuple[int, str, str]]


@pytest.fixture
def arbiter(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeArbiter]:
    """The arbiter of a circusd that circusctl finds without being told where."""
    made = web_arbiter()
    endpoint = f"ipc://{short_path}/c"
    with rig(made, endpoint) as served, running(served):
        monkeypatch.setenv("CIRCUSCTL_ENDPOINT", endpoint)
        yield made


@pytest.fixture
def ctl(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run circusctl; return status, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.fixture
def absent(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An endpoint where no circusd is."""
    endpoint = f"ipc://{short_path}/absent"
    monkeypatch.setenv("CIRCUSCTL_ENDPOINT", endpoint)
    return endpoint


def test_an_answer_is_printed_for_people(arbiter: FakeArbiter, ctl: Shown):
    assert ctl("status") == (0, "Web: active\nbeta two: stopped\n", "")
    assert ctl("status", "web") == (0, "active\n", "")
    assert ctl("list") == (0, "beta two,web\n", "")
    assert ctl("numprocesses") == (0, "2\n", "")


def test_a_command_changes_something(arbiter: FakeArbiter, ctl: Shown):
    assert ctl("signal", "web", "--children", "hup") == (0, "ok\n", "")
    assert arbiter.calls[0][:3] == ("signal", "Web", 1)


def test_json_is_the_reply_as_it_came(arbiter: FakeArbiter, ctl: Shown):
    status, out, err = ctl("--json", "numwatchers")
    assert (status, err, out.count("\n")) == (0, "", 1)
    reply = json.loads(out)
    assert list(reply) == ["status", "time", "numwatchers", "id"]
    assert reply["numwatchers"] == 2


def test_pretty_json_is_indented_and_sorted(arbiter: FakeArbiter, ctl: Shown):
    status, out, _ = ctl("numwatchers", "--json", "--prettify")
    assert status == 0
    assert out.startswith('{\n  "id": "')
    assert list(json.loads(out)) == ["id", "numwatchers", "status", "time"]


def test_a_refusal_ends_with_3(arbiter: FakeArbiter, ctl: Shown):
    assert ctl("status", "nope") == (3, "", "error: program nope not found\n")


def test_a_refusal_ends_with_3_as_json_too(arbiter: FakeArbiter, ctl: Shown):
    status, out, err = ctl("--json", "status", "nope")
    assert (status, err) == (3, "")
    assert json.loads(out)["reason"] == "program nope not found"


def test_a_failed_operation_ends_with_3(arbiter: FakeArbiter, ctl: Shown):
    arbiter.finish(refusal("web cannot start: no such file"))
    status, _, err = ctl("start", "web", "--waiting")
    assert (status, err) == (3, "error: web cannot start: no such file\n")


def test_waiting_waits_longer_than_an_answer_does(arbiter: FakeArbiter, monkeypatch):
    asked: list[float] = []

    def call(endpoint: str, request: dict, timeout: float) -> None:
        asked.append(timeout)
        raise EndpointError("enough")

    monkeypatch.setattr(session_module, "call", call)
    for line in ("stop", "stop --waiting", "stop --waiting --timeout 7", "--timeout 0.5 stop"):
        main(line.split())
    assert asked == [5.0, WAITING_TIMEOUT, 7.0, 0.5]


def test_wrong_words_end_with_1(arbiter: FakeArbiter, ctl: Shown):
    status, out, err = ctl("status", "a", "b")
    assert (status, out) == (1, "")
    assert err.startswith("error: Invalid number of arguments. Use: circusctl status [NAME]")


@pytest.mark.parametrize("line", ["set web numprocesses many", "set web zz 1", "incr web many"])
def test_a_wrong_value_ends_with_1_or_3_and_a_reason(arbiter: FakeArbiter, ctl: Shown, line: str):
    status, out, err = ctl(*line.split())
    assert status in (1, 3)
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_a_line_that_cannot_be_read_ends_with_2(ctl: Shown):
    status, out, err = ctl("statsu")
    assert (status, out) == (2, "")
    assert err == (
        "usage: circusctl [options] command [args]\n"
        "circusctl: error: unrecognized arguments: statsu. There is no such command. "
        "Did you mean 'stats'? See them all with circusctl --help\n"
    )


def test_an_absent_circusd_ends_with_4_at_once(absent: str, ctl: Shown):
    started = time.monotonic()
    status, out, err = ctl("status")
    assert time.monotonic() - started < 0.5
    assert (status, out) == (4, "")
    assert err == (
        f"error: circusd is not running at {absent} (or its socket file was removed): "
        "start it with circusd FILE, or name another endpoint with --endpoint\n"
    )


def test_the_endpoint_named_comes_first(arbiter: FakeArbiter, ctl: Shown, short_path: Path):
    status, _, err = ctl("status", "--endpoint", f"ipc://{short_path}/other")
    assert status == 4
    assert f"{short_path}/other" in err


def test_an_endpoint_of_somebody_else(arbiter: FakeArbiter, ctl: Shown, monkeypatch):
    def denied(self: socket.socket, path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", denied)
    status, _, err = ctl("status")
    assert status == 4
    assert err.endswith("permission denied. Run circusctl as the user that circusd runs as\n")


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp://*:5555", "udp://127.0.0.1:1"])
def test_what_is_no_endpoint_ends_with_1(ctl: Shown, endpoint: str):
    status, _, err = ctl("--endpoint", endpoint, "status")
    assert status == 1
    assert "write ipc://PATH or tcp://HOST:PORT" in err


def test_no_answer_in_time_ends_with_1(ctl: Shown, short_path: Path):
    """A process listens, but says nothing: as a stopped circusd does."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{short_path}/c")
        silent.listen()
        status, out, err = ctl("--endpoint", f"ipc://{short_path}/c", "--timeout", "0.1", "status")
    assert (status, out) == (1, "")
    assert err == (
        "Timed out.\n"
        f"circusd at ipc://{short_path}/c has not answered in time. It may be busy, or what was "
        "asked takes longer:\ngive it more time with --timeout SECONDS\n"
    )


def test_an_answer_that_is_no_reply(ctl: Shown, monkeypatch):
    from circus.cli import call

    monkeypatch.setattr(call, "ask", lambda *args: b"[1, 2]")
    status, _, err = ctl("--endpoint", "ipc:///x", "status")
    assert status == 1
    assert err == "error: ipc:///x answered with what is no reply: '[1, 2]'\n"


def test_ctrl_c_ends_with_130(monkeypatch, ctl: Shown):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "call", interrupt)
    assert ctl("--endpoint", "ipc:///x", "status") == (130, "", "")


def test_version_and_help(ctl: Shown):
    assert ctl("--version") == (0, f"circusctl {__version__}\n", "")
    for line in ("--help", "-h"):
        status, out, _ = ctl(line)
        assert status == 0
        assert out.startswith("usage: circusctl [options] command [args]\n")
    assert ctl("--help", "incr") == ctl("incr", "--help") == ctl("incr", "-h")
    assert ctl("incr", "-h")[1].startswith("usage: circusctl incr [options] NAME")


# Completion


def test_completion_asks_for_the_watchers(arbiter: FakeArbiter, ctl: Shown):
    assert ctl("--complete", "watchers") == (0, "beta two\nweb\n", "")


def test_completion_is_silent_without_circusd(absent: str, ctl: Shown):
    assert ctl("--complete", "watchers") == (0, "", "")


def test_older_completion_scripts(ctl: Shown, monkeypatch):
    monkeypatch.setenv("AUTO_COMPLETE", "1")
    assert ctl() == (1, "", "")
    monkeypatch.setenv("COMP_WORDS", "circusctl sta")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert ctl() == (1, "start stats status\n", "")
    monkeypatch.setenv("COMP_WORDS", "circusctl incr w")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert ctl() == (1, "", "")


# SSH


def test_ssh_goes_through_a_tunnel_that_is_closed_again(arbiter: FakeArbiter, ctl, monkeypatch):
    made: list[tuple[object, ...]] = []
    near = os.environ["CIRCUSCTL_ENDPOINT"]

    class Tunnel:
        def __init__(self, *args: object) -> None:
            made.append(args)
            self.endpoint = near

        def close(self) -> None:
            made.append(("closed",))

    monkeypatch.setattr("circus.client.ssh.Tunnel", Tunnel)
    words = ("--ssh", "me@host:22", "--ssh_keyfile", "/key", "--endpoint", "ipc:///far", "list")
    assert ctl(*words) == (0, "beta two,web\n", "")
    assert made == [("me@host:22", "ipc:///far", "/key"), ("closed",)]


# listen


def session(endpoint: str) -> Session:
    return Session(parse(["--endpoint", endpoint]).flags, Screen())


def test_the_event_endpoint_is_asked_of_circusd(arbiter: FakeArbiter):
    arbiter.pubsub_endpoint = "ipc:///run/x/events.sock"
    assert events_endpoint(session(os.environ["CIRCUSCTL_ENDPOINT"])) == "ipc:///run/x/events.sock"


@pytest.mark.parametrize(
    ("events", "control", "found"),
    [
        ("ipc:///e", "ipc:///c", "ipc:///e"),
        ("tcp://127.0.0.1:5556", "tcp://h:5555", "tcp://127.0.0.1:5556"),
        ("tcp://0.0.0.0:5556", "tcp://h:5555", "tcp://h:5556"),
        ("tcp://*:5556", "tcp://[::2]:5555", "tcp://[::2]:5556"),
        ("tcp://0.0.0.0:5556", "ipc:///c", "tcp://127.0.0.1:5556"),
    ],
)
def test_events_on_all_addresses_are_where_control_is(events: str, control: str, found: str):
    assert connectable(events, control) == found


def test_an_event_is_a_line():
    events = [(b"watcher.web.spawn", b'{"process_pid": 7}')]
    assert list(lines(events, as_json=False)) == ['watcher.web.spawn: {"process_pid": 7}']
    assert [json.loads(line) for line in lines(events, as_json=True)] == [
        {"topic": "watcher.web.spawn", "event": {"process_pid": 7}}
    ]


def test_listen_says_that_circusd_is_absent(absent: str, ctl: Shown):
    status, _, err = ctl("listen")
    assert status == 4
    assert "circusd is not running at" in err
