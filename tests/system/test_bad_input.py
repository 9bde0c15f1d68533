"""Whatever circusd is told: one clear sentence for the one who asked, and nobody else notices."""

import json
import os
import re
import socket
import subprocess
from contextlib import contextmanager

import pytest
import zmq

from circus.control.commands import NAMES
from circus.model.options import options_of
from circus.model.specs import WatcherSpec
from tests.system.daemon import CIRCUSD, DEADLINE, MARK, Daemon, alive, wait_for
from tests.system.text import sock, table, watcher

STEADY = watcher("steady", numprocesses=2) + watcher("other")


@pytest.fixture
def daemon(circusd):
    """A circusd with three workers, which a test may not touch."""
    return circusd(STEADY).ready()


@contextmanager
def unharmed(daemon):
    """Whatever happens inside, circusd answers after it, and its workers are the same."""
    before = daemon.wait_pids("steady", 2) + daemon.wait_pids("other", 1)
    yield
    assert daemon.pids("steady") + daemon.pids("other") == before, daemon.log()
    assert all(map(alive, before))


def is_a_sentence(reason):
    """One line for people: no traceback, no repr of an exception."""
    return bool(reason) and "\n" not in reason and "Traceback" not in reason and len(reason) < 1200


def refused(daemon, command, errno=3, **properties):
    """Send a request that has to be refused; return the reason."""
    reply = daemon.call(command, **properties)
    assert reply["status"] == "error", (command, properties, reply)
    assert reply["errno"] == errno, (command, properties, reply)
    assert reply["tb"] is None
    assert is_a_sentence(reply["reason"]), reply["reason"]
    return reply["reason"]


def send(daemon, *frames):
    """Send frames as they are; return the answer, or None where there is none."""
    with daemon.socket() as dealer:
        dealer.send_multipart(frames)
        # A second request says that the first one was dealt with.
        fence = b'{"id": "fence", "command": "numwatchers"}'
        dealer.send(fence)
        answers = []
        while not answers or answers[-1].get("id") != "fence":
            assert dealer.poll(DEADLINE * 1000), f"no answer after {frames!r:.100}"
            answers.append(json.loads(dealer.recv_multipart()[-1]))
    return answers[0] if len(answers) > 1 else None


# The wire

MALFORMED = {
    "an empty frame": ([b""], 1),
    "blanks": ([b" \r\n\t "], 1),
    "no JSON": ([b"GET / HTTP/1.0\r\n\r\n"], 1),
    "half of it": ([b'{"command": "list"'], 1),
    "no UTF-8": ([b'{"command": "\xff\xfe"}'], 1),
    "two values": ([b"{}{}"], 1),
    "a huge number": ([b"1" * 5000], 1),
    "an array": ([b'["list"]'], 3),
    "a number": ([b"5"], 3),
    "null": ([b"null"], 3),
    "no command": ([b'{"id": 1}'], 3),
    "a command that is null": ([b'{"command": null}'], 3),
    "a command that is a number": ([b'{"command": 7}'], 3),
    "a command that is an object": ([b'{"command": {"a": 1}}'], 3),
    "properties that are an array": ([b'{"command": "list", "properties": []}'], 3),
    "properties that are text": ([b'{"command": "list", "properties": "steady"}'], 3),
    "an unknown command": ([b'{"command": "frobnicate"}'], 2),
    "an empty command": ([b'{"command": ""}'], 2),
    "a command like a path": ([b'{"command": "../add"}'], 2),
    "a very long command": ([b'{"command": "%s"}' % (b"x" * 100_000)], 2),
    "two frames": ([b'{"command": "list"}', b'{"command": "list"}'], 3),
    "forty frames": ([b'{"command": "list"}'] * 40, 3),
    "deep arrays": ([b"[" * 100_000], 3),
    "deep objects": ([b'{"command": "list", "properties": ' + b'{"a":' * 90 + b"1" + b"}" * 91], 3),
    "more than the limit": ([b'{"command": "list", "id": "%s"}' % (b"x" * 1024 * 1024)], 3),
}


def test_what_is_no_request_is_answered_with_what_is_wrong(daemon):
    with unharmed(daemon):
        for what, (frames, errno) in MALFORMED.items():
            answer = send(daemon, *frames)
            assert answer is not None, what
            assert (answer["status"], answer["errno"]) == ("error", errno), (what, answer)
            assert is_a_sentence(answer["reason"]), (what, answer)
    assert "Traceback" not in daemon.log()


def test_a_frame_beyond_what_libzmq_reads_costs_its_sender_the_connection_only(daemon):
    with unharmed(daemon), daemon.socket() as dealer:
        dealer.send(b" " * (17 * 1024 * 1024))
        assert not dealer.poll(300), "never read, never answered"
        assert daemon.call("numwatchers")["numwatchers"] == 2


def test_a_client_that_is_no_zeromq_client_is_ignored(daemon):
    with unharmed(daemon):
        for words in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, b"\xff" + b"\0" * 8 + b"\x7f" * 99):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(DEADLINE)
                client.connect(daemon.endpoint.removeprefix("ipc://"))
                client.sendall(words)
                assert daemon.call("numwatchers")["status"] == "ok"


def test_nonsense_on_the_event_socket_is_ignored(daemon):
    with unharmed(daemon), zmq.Context() as context, context.socket(zmq.XSUB) as client:
        client.linger = 0
        client.connect(daemon.pubsub)
        for words in (b"", b"\x01" + b"t" * 100_000, b"\x02nonsense", b"\x00", b"\x01" * 50):
            client.send(words)
        events = daemon.subscribe().settle()
        events.close()


# Commands

NAMELESS = {"list", "listen", "numprocesses", "status", "stats", "start", "stop", "restart"}
NAMELESS |= {"reload", "reloadconfig", "quit", "numwatchers", "listsockets", "dstats"}
NAMELESS |= {"globaloptions", "ipython"}
EXTRA = {"signum": 0, "keys": ["cmd"], "options": {"max_retry": 1}, "cmd": "true"}


def test_names_that_mean_nothing(daemon):
    names = ("nobody", "", " ", "st", "steady ", "ste*dy2", "x" * 100_000, "é", "a\0b", "../steady")
    takers = [c for c in NAMES if c not in NAMELESS | {"add"}]
    takers += ["list", "numprocesses", "status", "stats", "start", "stop", "restart", "reload"]
    assert len(takers) > 15
    with unharmed(daemon):
        for command in takers:
            for name in names:
                reason = refused(daemon, command, name=name, **EXTRA | {"signum": "TERM"})
                assert (
                    reason == f"program {name[:1000]} not found"
                    or "isn't" in reason
                    or ("a pattern has at most" in reason)
                ), reason
            for name in (5, 1.5, True, [], ["steady"], {}, {"steady": 1}):
                refused(daemon, command, name=name, **EXTRA | {"signum": "TERM"})


def test_required_properties_are_named(daemon):
    with unharmed(daemon):
        for command, missing in (
            ("add", "name"), ("incr", "name"), ("decr", "name"), ("get", "name"), ("kill", "name"),
            ("options", "name"), ("rm", "name"), ("set", "name"), ("signal", "name"),
        ):  # fmt: skip
            assert refused(daemon, command) == f"message invalid '{missing}' is missing"
        assert refused(daemon, "add", name="x") == "message invalid 'cmd' is missing"
        assert refused(daemon, "set", name="steady") == "message invalid 'options' is missing"
        assert refused(daemon, "signal", name="steady") == "message invalid 'signum' is missing"


WRONG = [
    ("incr", {"nb": "2"}),
    ("incr", {"nb": 1.5}),
    ("incr", {"nb": True}),
    ("incr", {"nb": None}),
    ("decr", {"nb": [1]}),
    ("get", {"keys": ["nothing"]}),
    ("get", {"keys": [5]}),
    ("get", {"keys": [{}]}),
    ("get", {"keys": 5}),
    ("get", {"keys": None}),
    ("kill", {"pid": "abc"}),
    ("kill", {"pid": 1.5}),
    ("kill", {"pid": {}}),
    ("kill", {"signum": "SIGNOTHING"}),
    ("kill", {"signum": []}),
    ("kill", {"signum": ""}),
    ("kill", {"graceful_timeout": "soon"}),
    ("kill", {"graceful_timeout": -1}),
    ("kill", {"graceful_timeout": []}),
    ("signal", {"signum": "SIGNOTHING"}),
    ("signal", {"signum": None}),
    ("signal", {"signum": {}}),
    ("signal", {"signum": "TERM", "pid": "abc"}),
    ("signal", {"signum": "TERM", "childpid": [1]}),
    ("stats", {"process": "abc"}),
    ("stats", {"process": 1}),
    ("stats", {"process": -5}),
    ("stats", {"process": {}}),
    ("start", {"match": "magic"}),
    ("start", {"match": 5}),
    ("set", {"options": []}),
    ("set", {"options": "numprocesses"}),
    ("set", {"options": {"nothing": 1}}),
    ("set", {"options": {"name": "x"}}),
    ("set", {"options": {"": 1}}),
]


def test_properties_of_the_wrong_type(daemon):
    with unharmed(daemon):
        for command, properties in WRONG:
            refused(daemon, command, name="steady", **properties)
        assert refused(daemon, "signal", errno=4, name="steady", signum=999).startswith(
            "signal invalid: 999. "
        )
        assert daemon.call("signal", name="steady", signum=0)["status"] == "ok"
        assert refused(daemon, "signal", errno=5, name="steady", signum=15, childpid=1)
        assert refused(daemon, "signal", errno=5, name="steady", signum=15, pid=1, children=True)
        assert refused(daemon, "start", name="[", match="regex")
        assert "not found" in refused(daemon, "start", name="[")
        assert "would have" in refused(daemon, "incr", errno=5, name="steady", nb=10**9)
        assert refused(daemon, "listen")
        assert refused(daemon, "globaloptions", option="nothing")
        assert refused(daemon, "globaloptions", option=5)


JUNK = {
    "whole number": ["4", 1.5, True, None, [], {}],
    "whole number of 0 or more": ["4", 1.5, True, None, [], {}, 10**9],
    "number": ["4", True, None, [], {}],
    "seconds": ["4", -1, True, None, [], {}, 10**400],
    "boolean": ["yes", 1, 0, None, [], {}],
    "text": [5, True, [], {}, "a\0b", "\ud800"],
    "path": [5, True, [], {}, "a\0b", "\ud800"],
    "user or group": [-1, True, 1.5, [], {}, ""],
    "octal mode": ["999", -1, True, 1.5, [], {}],
    "signal": ["NOTHING", 0, 65, 999, -1, True, None, [], {}, "", 1.5],
    "arguments": [5, True, {}, "a\0b"],
}
FAMILIES = {
    "env": [5, "A=1", [], None, {"A": 1}, {"A": None}, {"A": ["b"]}, {"A=B": "c"}, {"": "x"},
            {"A": "a\0b"}],
    "rlimit_nofile": ["many", 1.5, True, [], {}, -5],
    "rlimit_zz": [1],
    "rlimit_": [1],
    "hooks": [5, "before_start", [], {"before_lunch": "a.b"}, {"before_start": 5}],
    "hooks.before_start": [5, [], {}, ["a"], None],
    "hooks.before_lunch": ["a.b"],
    "stdout_stream": [5, "FileStream", [], {}, {"filename": "x"}],
    "stdout_stream.filename": [[], {}],
    "stderr_stream.": ["x"],
    "retry_in": ["x", True, None],
}  # fmt: skip


def test_every_option_of_set_and_add_with_values_that_it_cannot_have(daemon):
    """None of them may apply, not even a part of a request."""
    table = options_of(WatcherSpec)
    with unharmed(daemon):
        before = daemon.ok("options", name="steady")["options"]
        junk = {key: JUNK[option.kind.name] for key, option in table.items() if option.in_set}
        assert len(junk) > 20
        for key, values in (junk | FAMILIES).items():
            for value in values:
                if value is None and key in table and table[key].default in (None, ""):
                    continue  # null means: not set
                options = {"graceful_timeout": 7, key: value}
                reply = daemon.call("set", name="steady", options=options)
                assert reply["status"] == "error", options
                assert reply["errno"] in (3, 5), reply
                assert is_a_sentence(reply["reason"]), reply
                reply = daemon.call("add", name="new", cmd="sleep 1", options=options)
                assert reply["status"] == "error", options
                assert is_a_sentence(reply["reason"]), reply
        assert daemon.ok("options", name="steady")["options"] == before
        assert daemon.ok("list")["watchers"] == ["other", "steady"]
        for key, option in table.items():
            if not option.in_set:
                assert (
                    refused(daemon, "set", name="steady", options={key: option.default})
                    == f"unknown key '{key}'"
                )


def test_add_with_a_name_or_a_command_that_cannot_be(daemon):
    with unharmed(daemon):
        for name in ("", "  ", 5, None, [], {}, "a\nb", "a\0b", "\ud800"):
            assert daemon.call("add", name=name, cmd="true")["status"] == "error", repr(name)
        for cmd in ("", "  ", 5, None, [], {}, "a\0b", 'echo "open', "\ud800"):
            assert daemon.call("add", name="x", cmd=cmd)["status"] == "error", repr(cmd)
        for args in (5, {}, True, "'open", ["a\0b"]):
            assert daemon.call("add", name="x", cmd="true", args=args)["status"] == "error"
        assert (
            refused(daemon, "add", errno=5, name="STEADY", cmd="true") == "'STEADY' already exist"
        )
        refused(daemon, "add", name="x", cmd="true", options={"cmd": "false"})
        refused(daemon, "add", name="x", cmd="true", options={"copy_path": True})
        assert daemon.ok("list")["watchers"] == ["other", "steady"]


# What only the system can tell


QUICKLY = {"max_retry": 2, "backoff_min": 0.01}


def test_a_command_that_does_not_exist(daemon):
    with unharmed(daemon):
        reply = daemon.call(
            "add", name="bad", cmd="/no/such/program", start=True, waiting=True, options=QUICKLY
        )
        assert reply["status"] == "error"
        assert is_a_sentence(reply["reason"])
        assert "cannot run /no/such/program: No such file or directory" in reply["reason"]
        status = daemon.call("status", name="bad")
        assert status["status"] == "stopped"
        assert "cannot run /no/such/program" in status["info"]["reason"]
        assert daemon.call("start", name="bad", waiting=True)["reason"] == reply["reason"]
        daemon.ok("rm", name="bad", waiting=True)


def test_a_user_or_group_that_does_not_exist(daemon):
    with unharmed(daemon):
        for option in ("uid", "gid"):
            for command in ("set", "add"):
                more = {"name": "steady"} if command == "set" else {"name": "x", "cmd": "true"}
                reason = refused(daemon, command, errno=5, options={option: "no-such-one"}, **more)
                what = "user" if option == "uid" else "group"
                assert reason == f"'{option}' = 'no-such-one': there is no such {what}"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"uid": "no-such-user"}, "uid = no-such-user: there is no such user"),
        ({"gid": "no-such-group"}, "gid = no-such-group: there is no such group"),
        ({"uid": 2**32}, "uid = 4294967296: "),
        ({"working_dir": "/no/such/dir"}, "working_dir = /no/such/dir: No such file"),
        ({"working_dir": "/etc/passwd"}, "working_dir = /etc/passwd: Not a directory"),
        ({"cmd": "/etc/passwd"}, "cannot run /etc/passwd: Permission denied"),
        ({"cmd": "no-such-program -v"}, "cannot run no-such-program: No such file"),
        ({"rlimits": {"nofile": 2**62}}, "rlimit_nofile = 4611686018427387904: "),
        ({"cmd": "sleep " + "9" * 200_000}, "cannot run sleep: Argument list too long"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_watcher_of_the_file_that_cannot_start(circusd, options, told):
    """It says why in its status, and the others neither wait for it nor hear of it."""
    bad = {"priority": 9} | QUICKLY | options
    daemon = circusd(STEADY + watcher("bad", **bad))
    with unharmed(daemon):
        status = wait_for(
            lambda: (s := daemon.call("status", name="bad"))["status"] == "stopped" and s
        )
        assert told in status["info"]["reason"][:500]
        assert "\n" not in status["info"]["reason"]
        assert daemon.pids("bad") == []
    logged = [line for line in daemon.log().splitlines() if "[ERROR]" in line]
    assert len(logged) == 2, "once why, once that it gives up"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every directory")
def test_a_working_dir_that_may_not_be_entered(circusd, short_path):
    (short_path / "shut").mkdir(mode=0)
    daemon = circusd(STEADY + watcher("bad", working_dir=str(short_path / "shut"), **QUICKLY))
    with unharmed(daemon):
        wait_for(lambda: daemon.status("bad") == "stopped")
        assert "Permission denied" in daemon.call("status", name="bad")["info"]["reason"]


def test_set_of_something_that_cannot_run_keeps_the_workers(circusd):
    daemon = circusd(STEADY + watcher("web", ready_after=0.05, **QUICKLY))
    (pid,) = daemon.wait_pids("web", 1)
    with unharmed(daemon):
        for options in ({"cmd": "/no/such"}, {"working_dir": "/no/such"}, {"uid": 2**32 - 1}):
            reply = daemon.call("set", name="web", options=options, waiting=True)
            assert reply["status"] == "error", options
            assert is_a_sentence(reply["reason"])
            assert daemon.pids("web") == [pid]
            undo = {"cmd": "sleep 60", "working_dir": None, "uid": None}
            daemon.ok("set", name="web", options=undo, waiting=True)
            (pid,) = daemon.pids("web")


# A start that cannot be


def start(*args, env=None):
    """Run circusd until it ends by itself; return its exit status and what it wrote to stderr."""
    done = subprocess.run(
        [*CIRCUSD, *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stderr


class Folder:
    """A place for configurations that are not meant to run."""

    def __init__(self, path):
        self.path = path

    def config(self, text="", *, endpoint=None, pubsub=None, head=""):
        """Write a TOML file and return its path; *text* begins at line 4."""
        file = self.path / "bad.toml"
        endpoint = endpoint or f"ipc://{self.path}/c"
        pubsub = pubsub or f"ipc://{self.path}/e"
        file.write_text(
            f'[circus]\nendpoint = "{endpoint}"\npubsub_endpoint = "{pubsub}"\n{head}{text}'
        )
        return file


@pytest.fixture
def folder(short_path):
    return Folder(short_path)


def refusal(*args):
    """The words of a circusd that could not start: status 1, one sentence, no traceback."""
    status, words = start(*args)
    assert status == 1, words
    assert "Traceback" not in words
    lines = [line for line in words.splitlines() if "[INFO]" not in line]
    assert len(lines) == 1, words
    return lines[0]


def test_a_port_in_use(folder):
    marker = folder.path / "started"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = sock("web", port=port) + watcher("w", cmd=f"touch {marker}", copy_env=True)
        words = refusal(folder.config(text))
    assert (
        f"cannot start: socket web: cannot bind 127.0.0.1:{port}: address already in use" in words
    )
    assert "ss -lnp" in words, "and the way out"
    assert not marker.exists(), "nothing was started"
    assert os.listdir(folder.path) == ["bad.toml"], "no endpoint was left"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[watcher.w\n", ":4: not TOML: "),
        (watcher("w", numprocesses="four"), ":6: [watcher.w] numprocesses = "),
        (watcher("w", numproceses=4), ":6: [watcher.w] numproceses: not a known option. Did you"),
        (watcher("w", rlimits={"nofiles": 5}), "rlimit_nofile"),
        (watcher("w", cmd="x $(circus.sockets.web)"), "there is no such socket"),
        (watcher("w", stdin_socket="web"), "there is no such socket"),
        (watcher("w", stop_signal="SIGSOON"), ":6: [watcher.w] stop_signal = "),
        (watcher("w", cmd=""), "there is no command"),
        (watcher("w", singleton=True, numprocesses=2), "a singleton has one process, not 2"),
        (sock("s", port=70000), "ports end at 65535"),
        (sock("s", family="AF_INET7"), "family"),
        (table("plugin.p"), "says no class to use"),
        (table("wotcher.w", cmd="x"), "wotcher"),
    ],
)
def test_an_error_in_the_file_is_told_with_its_place(folder, text, told):
    words = refusal(folder.config(text))
    assert words.startswith(f"{folder.path}/bad.toml:")
    assert told in words


def test_an_error_in_an_ini_file_is_told_with_its_place(folder):
    file = folder.path / "bad.ini"
    file.write_text("[circus]\n\n[watcher:w]\ncmd = sleep 5\nnumprocesses = four\n")
    words = refusal(file)
    assert f"{file}:5: [watcher:w] numprocesses = four: not a whole number" in words


def test_every_error_is_told_at_once(folder):
    text = watcher("w", numprocesses="four", stop_signal="SOON") + watcher("v", copy_env=1)
    status, words = start(folder.config(text))
    assert status == 1
    lines = words.splitlines()
    assert len(lines) == 3
    assert all(re.match(rf"{folder.path}/bad\.toml:\d+: ", line) for line in lines), words


def test_a_file_that_cannot_be_read(folder):
    missing = folder.path / "missing.toml"
    assert f"{missing}: cannot read it: No such file or directory" in refusal(missing)
    assert "cannot read it: Is a directory" in refusal(folder.path)
    binary = folder.path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\0")
    assert refusal(binary).endswith("not UTF-8 text (byte 0). Save the file as UTF-8")


def test_the_pidfile_of_a_circusd_that_lives(circusd, folder):
    pidfile = folder.path / "pid"
    daemon = circusd(STEADY, args=["--pidfile", str(pidfile)])
    with unharmed(daemon):
        words = refusal("--pidfile", pidfile, folder.config())
        assert f"circusd runs already, as process {daemon.pid}" in words
        assert pidfile.read_text() == f"{daemon.pid}\n"


def test_a_pidfile_that_cannot_be_written(folder):
    missing = folder.path / "no" / "pid"
    words = refusal("--pidfile", missing, folder.config())
    assert f"pidfile {missing}: cannot write it: no such file or directory" in words
    assert f"mkdir -p {folder.path}/no" in words
    assert "pidfile" in refusal("--pidfile", folder.path, folder.config())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_pidfile_without_the_right_to_write(folder):
    (folder.path / "shut").mkdir(mode=0o500)
    assert "permission denied" in refusal("--pidfile", folder.path / "shut/pid", folder.config())


def test_a_second_circusd_on_the_same_endpoint(daemon, folder):
    with unharmed(daemon):
        words = refusal(folder.config(endpoint=daemon.endpoint))
        assert f"control endpoint {daemon.endpoint}: in use" in words
        assert "circusctl quit" in words
        text = (
            f'[circus]\nendpoint = "ipc://{folder.path}/c"\npubsub_endpoint = "{daemon.pubsub}"\n'
        )
        file = folder.path / "second.toml"
        file.write_text(text)
        assert f"{daemon.pubsub}: in use" in refusal(file)
    assert daemon.call("numwatchers")["status"] == "ok", "its endpoint is still its own"
    events = daemon.subscribe().settle()
    events.close()


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"])
def test_an_endpoint_that_others_could_reach_is_refused_with_the_reason(folder, endpoint):
    for config in (folder.config(endpoint=endpoint), folder.config(pubsub=endpoint)):
        words = refusal(config)
        assert re.match(rf"{config}:[23]: \[circus\] (pubsub_)?endpoint = ", words)
        assert "whoever reaches it may run commands as the user of circusd" in words
        assert "allow_insecure = true" in words
        assert refusal("--check", config) == words


class TcpDaemon(Daemon):
    """A circusd whose endpoints are the configuration's own."""

    def _toml(self, text):
        return f"{text}\n[env]\n{MARK} = '{self.mark}'\n"


@pytest.mark.parametrize(("host", "more"), [("127.0.0.1", ""), ("*", "allow_insecure = true\n")])
def test_an_endpoint_on_the_loopback_interface_works_and_beyond_it_when_insisted(
    short_path, host, more
):
    head = f'[circus]\nendpoint = "tcp://{host}:0"\npubsub_endpoint = "tcp://{host}:0"\n{more}'
    daemon = TcpDaemon(short_path, head)
    try:
        found = wait_for(lambda: re.search(r"control at tcp://[\d.]+:(\d+)", daemon.log()))
        daemon.endpoint = f"tcp://127.0.0.1:{found[1]}"
        assert daemon.call("numwatchers")["numwatchers"] == 0
    finally:
        daemon.close()


def test_a_missing_include_is_warned_about_and_refused_only_when_strict(circusd, folder):
    daemon = circusd('include = ["nothing/*.toml"]\n' + STEADY)
    with unharmed(daemon):
        assert "nothing/*.toml matches no file" in daemon.log()
    config = folder.config(head='include = ["nothing/*.toml"]\n')
    assert "matches no file" in refusal("--strict", config)


def test_an_endpoint_owner_who_does_not_exist(folder):
    words = refusal(folder.config(head='endpoint_owner = "no-such-user"\n'))
    assert "endpoint_owner = no-such-user: there is no such user" in words


def test_an_endpoint_where_something_else_is(folder):
    (folder.path / "c").write_text("precious")
    words = refusal(folder.config())
    assert "there is a file that is no socket" in words
    assert (folder.path / "c").read_text() == "precious"
    long = "x" * 120
    assert "too long" in refusal(folder.config(endpoint=f"ipc:///tmp/{long}"))


def test_a_flag_that_is_unknown(folder):
    status, words = start("--frobnicate", folder.config())
    assert status == 2
    assert "unrecognized arguments: --frobnicate" in words
    assert start("--log-level", "loud", folder.config())[0] == 2


def test_a_log_that_cannot_be_written(folder):
    words = refusal("--log-output", folder.path / "no" / "log", folder.config())
    assert f"{folder.path}/no/log" in words
    assert "syslog" in refusal("--log-output", "syslog://nowhere.invalid:99999", folder.config())
