"""Secure unless asked: who may connect, what they may do, and what a worker gets to see."""

import json
import os
import pwd
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.daemon import CIRCUSD, DEADLINE, alive, wait_for
from tests.system.text import PROGRAMS, server, sock, watcher

AS_USER = [sys.executable, str(PROGRAMS / "as_user.py")]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def nobody():
    return pwd.getpwnam("nobody")


def path_of(endpoint):
    return Path(endpoint.removeprefix("ipc://"))


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class Client:
    """A process of another user's that talks to circusd."""

    def __init__(self, uid, endpoint, patience=DEADLINE):
        self._process = subprocess.Popen(
            [*AS_USER, str(uid), "client", endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATIENCE": str(int(patience * 1000))},
        )

    def call(self, command, **properties):
        """Return the answer, or None when there is none."""
        self._process.stdin.write(json.dumps({"command": command, "properties": properties}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(DEADLINE)


@contextmanager
def client(*args, **more):
    made = Client(*args, **more)
    try:
        yield made
    finally:
        made.close()


# The endpoints


def test_only_its_owner_can_open_an_endpoint(circusd):
    daemon = circusd("").ready()
    for endpoint in (daemon.endpoint, daemon.pubsub):
        path = path_of(endpoint)
        assert stat.S_ISSOCK(os.lstat(path).st_mode)
        assert mode(path) == 0o600
        assert os.lstat(path).st_uid == os.geteuid()


def test_the_default_endpoints_are_in_a_private_directory(short_path):
    """Also where the umask would let others in, and with nothing about them in the file."""
    (short_path / "empty.ini").write_text("")
    process = subprocess.Popen(
        [*CIRCUSD, str(short_path / "empty.ini")],
        env={**os.environ, "XDG_RUNTIME_DIR": str(short_path)},
        umask=0,
        stderr=subprocess.DEVNULL,
    )
    try:
        folder = short_path / "circus"
        wait_for((folder / "control.sock").exists)
        assert mode(folder) == 0o700
        assert mode(folder / "control.sock") == mode(folder / "events.sock") == 0o600
        assert sorted(os.listdir(folder)) == ["control.sock", "events.sock"]
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0
    assert os.listdir(folder) == [], "nothing is left"


def test_no_inet_socket_is_open_by_default(circusd):
    daemon = circusd(watcher("web")).ready()
    folder = Path(f"/proc/{daemon.pid}/fd")
    links = {os.readlink(folder / name) for name in os.listdir(folder)}
    ours = {link[8:-1] for link in links if link.startswith("socket:[")}
    assert ours
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        try:
            lines = Path(f"/proc/{daemon.pid}/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:  # no IPv6 here
            continue
        assert ours.isdisjoint(line.split()[9] for line in lines), table


@root_only
def test_another_user_cannot_connect(circusd, nobody):
    daemon = circusd(watcher("web"))
    pids = daemon.wait_pids("web", 1)
    daemon.folder.chmod(0o755)
    daemon.folder.parent.chmod(0o755)
    with client(nobody.pw_uid, daemon.endpoint, patience=0.5) as stranger:
        assert stranger.call("quit") is None
    assert daemon.pids("web") == pids


# A user who was let in


@pytest.fixture
def shared(circusd, nobody):
    """A circusd of root's that nobody may use, with a watcher of each; the client comes with it."""
    daemon = circusd(
        'endpoint_owner = "nobody"\n'
        + watcher("roots", copy_env=True, env={"SECRET": "of root"})
        + watcher("theirs", uid="nobody", env={"SECRET": "their own"}, ready_after=0.05)
    )
    daemon.wait_pids("roots", 1)
    daemon.wait_pids("theirs", 1)
    daemon.folder.chmod(0o711)
    daemon.folder.parent.chmod(0o711)
    with client(nobody.pw_uid, daemon.endpoint) as made:
        yield daemon, made


@root_only
def test_the_endpoint_owner_may_look_and_operate(shared, nobody):
    daemon, owner = shared
    assert os.lstat(path_of(daemon.endpoint)).st_uid == nobody.pw_uid
    assert mode(path_of(daemon.endpoint)) == 0o600
    assert owner.call("list")["watchers"] == ["roots", "theirs"]
    (pid,) = owner.call("list", name="roots")["pids"]
    assert owner.call("status")["statuses"] == {"roots": "active", "theirs": "active"}
    assert owner.call("incr", name="roots", waiting=True)["numprocesses"] == 2
    assert owner.call("signal", name="theirs", signum="CONT")["status"] == "ok"
    assert owner.call("stop", name="roots", waiting=True)["status"] == "ok"
    assert not alive(pid)
    assert owner.call("start", name="roots", waiting=True)["status"] == "ok"
    limits = {"graceful_timeout": 5, "numprocesses": 1}
    reply = owner.call("set", name="roots", options=limits, waiting=True)
    assert reply["status"] == "ok"


FORBIDDEN = [
    {"cmd": "touch /tmp/pwned"},
    {"args": "x"},
    {"shell": True},
    {"uid": "root"},
    {"uid": 0},
    {"gid": "root"},
    {"gid": 0},
    {"env": {"LD_PRELOAD": "/tmp/evil.so"}},
    {"copy_env": True},
    {"working_dir": "/tmp"},
    {"umask": "000"},
    {"hooks": {"before_start": "os.system"}},
    {"hooks.before_start": "os.system"},
    {"stdout_stream.class": "os.system"},
    {"stdout_stream": {"class": "FileStream", "filename": "/etc/cron.d/x"}},
    {"stderr_stream.filename": "/etc/cron.d/x"},
    {"rlimit_nofile": 5},
    {"use_sockets": True},
    {"stdin_socket": "web"},
]


@root_only
def test_the_endpoint_owner_cannot_gain_rights_through_a_watcher_of_roots(shared):
    daemon, owner = shared
    before = daemon.ok("options", name="roots")["options"]
    pids = daemon.pids("roots")
    for options in FORBIDDEN:
        for whole in (options, {"max_retry": 9, **options}):
            reply = owner.call("set", name="roots", options=whole, waiting=True)
            assert (reply["status"], reply["errno"]) == ("error", 3), options
    assert daemon.ok("options", name="roots")["options"] == before
    assert daemon.pids("roots") == pids


@root_only
def test_the_endpoint_owner_cannot_raise_a_watcher_of_their_own(shared):
    daemon, owner = shared
    pids = daemon.pids("theirs")
    for options in ({"uid": "root"}, {"uid": 0}, {"gid": 0}, {"copy_env": True}):
        reply = owner.call("set", name="theirs", options=options, waiting=True)
        assert (reply["status"], reply["errno"]) == ("error", 3), options
    for options in ({"hooks": {"before_start": "os.system"}}, {"stdout_stream.class": "a.b"}):
        assert owner.call("set", name="theirs", options=options)["errno"] == 3
    assert daemon.pids("theirs") == pids
    reply = owner.call("set", name="theirs", options={"cmd": "sleep 61"}, waiting=True)
    assert reply["status"] == "ok", "what it runs is their own business"
    (pid,) = daemon.pids("theirs")
    assert os.stat(f"/proc/{pid}").st_uid == pwd.getpwnam("nobody").pw_uid


@root_only
def test_the_endpoint_owner_adds_watchers_of_their_own_only(shared, nobody):
    daemon, owner = shared
    told = "uid does not match endpoint_owner"
    for options in ({}, {"uid": "root"}, {"uid": 0}, {"uid": None}, {"gid": "root"}):
        reply = owner.call("add", name="x", cmd="sleep 9", options=options, start=True)
        assert (reply["errno"], reply["reason"]) == (3, told), options
    for more in ({"gid": 0}, {"copy_env": True}, {"hooks": {"before_start": "os.system"}}):
        options = {"uid": "nobody", **more}
        assert owner.call("add", name="x", cmd="sleep 9", options=options)["errno"] == 3, more
    assert daemon.ok("list")["watchers"] == ["roots", "theirs"]
    reply = owner.call(
        "add", name="x", cmd="sleep 9", options={"uid": "nobody"}, start=True, waiting=True
    )
    assert reply["status"] == "ok"
    (pid,) = reply["started"]
    status = Path(f"/proc/{pid}/status").read_text()
    uid, gid = nobody.pw_uid, nobody.pw_gid
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
    assert f"Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n" in status


@root_only
def test_the_endpoint_owner_does_not_see_the_environment_of_roots_watchers(shared):
    daemon, owner = shared
    for command, more in (("options", {}), ("get", {"keys": ["env"]})):
        env = owner.call(command, name="roots", **more)["options"]["env"]
        assert "SECRET" in env
        assert set(env.values()) == {"(hidden)"}
        assert owner.call(command, name="theirs", **more)["options"]["env"]["SECRET"] == "their own"
        assert daemon.ok(command, name="roots", **more)["options"]["env"]["SECRET"] == "of root"


@root_only
def test_the_endpoint_owner_may_listen(shared, nobody):
    daemon, _ = shared
    path = path_of(daemon.pubsub)
    assert (os.lstat(path).st_uid, mode(path)) == (nobody.pw_uid, 0o600)


@root_only
def test_root_itself_is_not_restricted_by_an_endpoint_owner(shared):
    daemon, _ = shared
    daemon.ok(
        "set", name="theirs", options={"graceful_timeout": 3, "cmd": "sleep 63"}, waiting=True
    )
    daemon.ok("add", name="x", cmd="sleep 9", start=True, waiting=True)


# What workers get


def test_a_worker_gets_its_environment_and_nothing_of_circusds(circusd):
    daemon = circusd(watcher("web", env={"A": "b c"}), env={"SECRET": "of circusd"})
    (pid,) = daemon.wait_pids("web", 1)
    pairs = wait_for(Path(f"/proc/{pid}/environ").read_bytes).decode().rstrip("\0").split("\0")
    assert sorted(pairs) == sorted(["A=b c", f"CIRCUS_TEST_MARK={daemon.mark}"])


def test_a_worker_has_its_own_session_no_terminal_and_three_descriptors(circusd):
    daemon = circusd(sock("web") + server("web") + watcher("plain", numprocesses=2))
    for pid in daemon.wait_pids("plain", 2):
        assert os.getsid(pid) == os.getpgid(pid) == pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        assert fields[4] == "0", "no controlling terminal"
        wait_for(lambda pid=pid: sorted(map(int, os.listdir(f"/proc/{pid}/fd"))) == [0, 1, 2])
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"


def test_signals_that_circusd_handles_or_blocks_are_the_default_in_a_worker(circusd):
    for pure in (False, True):
        daemon = circusd(watcher("web"), pure=pure)
        (pid,) = daemon.wait_pids("web", 1)
        status = dict(
            line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        for mask in ("SigBlk", "SigIgn", "SigCgt"):
            assert int(status[mask], 16) == 0, (mask, status[mask])


def test_the_umask_of_circusd_is_the_workers_and_does_not_open_endpoints(circusd):
    for umask, expected in (("000", 0o666), ("027", 0o640)):
        daemon = circusd("")
        made = daemon.folder / "made"
        daemon.close()
        daemon = circusd(
            f'umask = "{umask}"\npidfile = "{daemon.folder}/pid"\n'
            f'logoutput = "{daemon.folder}/circus.log"\n'
            + watcher("w", cmd=f"sh -c 'echo x > {made}; exec sleep 60'", copy_env=True)
        )
        wait_for(made.exists)
        assert mode(made) == expected
        assert mode(path_of(daemon.endpoint)) == 0o600
        assert mode(made.parent / "pid") == 0o644
        assert mode(made.parent / "circus.log") == expected


def test_a_watchers_own_umask(circusd):
    daemon = circusd("")
    made = daemon.folder / "made"
    command = f"sh -c 'echo x > {made}; exec sleep 60'"
    daemon.ready()
    options = {"umask": "077", "copy_env": True}
    daemon.ok("add", name="w", cmd=command, start=True, options=options)
    wait_for(made.exists)
    assert mode(made) == 0o600


# circusd without rights


@root_only
def test_circusd_works_for_a_plain_user(circusd, nobody, short_path):
    """It has a runtime directory of its own, runs workers as itself, and as nobody else."""
    short_path.chmod(0o711)
    runtime = short_path / "runtime"
    runtime.mkdir()
    os.chown(runtime, nobody.pw_uid, nobody.pw_gid)
    config = short_path / "nobody.ini"
    config.write_text(
        f"[circus]\npidfile = {runtime}/pid\n"
        "[socket:s]\nhost = 127.0.0.1\nport = 0\n"
        "[watcher:own]\ncmd = sleep 60\n"
        "[watcher:named]\ncmd = sleep 60\nuid = nobody\n"
        "[watcher:root]\ncmd = sleep 60\nuid = root\nmax_retry = 1\n"
        f"[watcher:shut]\ncmd = sleep 60\nworking_dir = {short_path}/shut\nmax_retry = 1\n"
    )
    (short_path / "shut").mkdir(mode=0o700)
    log = short_path / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*AS_USER, str(nobody.pw_uid), "circusd", str(config)],
            stderr=stderr,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        )
    try:
        endpoint = runtime / "circus" / "control.sock"
        wait_for(endpoint.exists, f"a start; log: {log.read_text()}")
        assert (mode(endpoint), os.lstat(endpoint).st_uid) == (0o600, nobody.pw_uid)
        with client(nobody.pw_uid, f"ipc://{endpoint}") as own:
            wait_for(lambda: own.call("status")["statuses"]["shut"] == "stopped")
            reply = own.call("status")
            assert reply["statuses"] == {
                "named": "active",
                "own": "active",
                "root": "stopped",
                "shut": "stopped",
            }
            assert "Only root may run workers as somebody else" in reply["info"]["root"]["reason"]
            assert "Permission denied" in reply["info"]["shut"]["reason"]
            for name in ("own", "named"):
                (pid,) = own.call("list", name=name)["pids"]
                assert os.stat(f"/proc/{pid}").st_uid == nobody.pw_uid
            old = own.call("list", name="own")["pids"]
            assert own.call("restart", name="own", waiting=True)["info"]["stopped"] == old
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0, log.read_text()
    assert os.listdir(runtime / "circus") == []
    assert not (runtime / "pid").exists()
    assert "Traceback" not in log.read_text()


@root_only
def test_a_plain_user_is_told_what_they_may_not(nobody, short_path):
    short_path.chmod(0o711)
    (short_path / "shut").mkdir(mode=0o700)
    config = short_path / "c.ini"

    def refusal(text, *args):
        config.write_text(text)
        done = subprocess.run(
            [*AS_USER, str(nobody.pw_uid), "circusd", *args, str(config)],
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        (line,) = done.stderr.splitlines()
        return line

    shut = short_path / "shut"
    endpoints = f"endpoint = ipc://{shut}/c\npubsub_endpoint = ipc://{shut}/e\n"
    assert "permission denied" in refusal(f"[circus]\n{endpoints}").lower()
    assert "cannot write it: permission denied" in refusal("", "--pidfile", f"{shut}/pid")
    assert "permission denied" in refusal("", "--log-output", f"{shut}/log")
    config.chmod(0o600)
    os.chown(config, 0, 0)
    assert f"{config}: cannot read it: Permission denied" in refusal("")


def test_a_unix_socket_of_a_worker_is_not_open_to_all_by_default(circusd, short_path):
    path = short_path / "s"
    daemon = circusd(sock("s", path=str(path)), umask=0o022).ready()
    assert mode(path) & stat.S_IWOTH == 0
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(str(path))
    assert daemon.terminate() == 0
