"""circusd as a process among others: its flags, its files, its signals and its end."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import circus
from tests.system.daemon import CIRCUSD, DEADLINE, Daemon, alive, wait_for
from tests.system.text import program, sock, watcher


def run(*args, **more):
    """Run circusd until it ends by itself, with its words."""
    return subprocess.run(
        [*CIRCUSD, *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        **more,
    )


# Words


def test_version_names_the_backend():
    for backend, env in (("compiled", ""), ("pure", "1")):
        done = run("--version", env={**os.environ, "CIRCUS_PURE": env})
        assert (done.returncode, done.stdout) == (0, f"{circus.__version__} ({backend})\n")


def test_without_a_file_it_says_how_it_is_used():
    done = run()
    assert done.returncode == 0
    assert done.stdout.startswith("usage: circusd ")
    assert run("--help").returncode == 0


def test_schema_is_json_and_knows_every_option():
    done = run("--schema")
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert "graceful_timeout" in json.dumps(schema)
    assert schema["type"] == "object"


@pytest.mark.parametrize("flags", [["--schema"], ["--check"]])
def test_a_reader_that_has_seen_enough_is_no_traceback(short_path, flags):
    config = short_path / "c.toml"
    config.write_text("".join(watcher(f"w{number}", cmd="x" * 50) for number in range(2000)))
    process = subprocess.Popen(
        [*CIRCUSD, *flags, config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == ""
    assert process.wait(DEADLINE) == 0


def test_check_names_what_this_machine_or_this_version_does_not_have(short_path):
    config = short_path / "c.toml"
    config.write_text(
        watcher("w", uid="no-such-user", working_dir="/no/such/directory")
        + '[watcher.w.stdout_stream]\nfilename = "/tmp/never"\n'
        + '[watcher.w.hooks]\nbefore_start = "a.b"\n'
        + '[watcher.v]\ncmd = "x"\ngid = "no-such-group"\n'
        + '[plugin.p]\nuse = "a.b"\n[circus]\nhttpd = true\nstatsd = true\n'
    )
    done = run("--check", config, env={**os.environ, "XDG_RUNTIME_DIR": str(short_path)})
    assert (done.returncode, done.stderr) == (0, "")
    plan, _, warnings = done.stdout.partition("\n8 warnings\n")
    assert "; 8 warnings\n" in plan
    assert f"ipc://{short_path}/circus/control.sock (default)\n" in plan
    assert f"ipc://{short_path}/circus/events.sock (default)\n" in plan
    assert "/tmp/never (not written)" in plan
    for told in (
        "watcher w: uid = no-such-user: there is no such user.",
        "watcher w: working_dir = /no/such/directory: there is no such directory.",
        "watcher v: gid = no-such-group: there is no such group.",
        "plugin p is not run",
        "statsd is not run",
        "httpd is not run",
        "watcher w: its hooks are not called",
        "watcher w: its streams are not written",
    ):
        assert f"  {told}" in warnings
    config.write_text("")
    assert "  no watcher: circusd would run nothing until one" in run("--check", config).stdout


def test_check_shows_what_would_run_and_runs_nothing(short_path):
    marker = short_path / "ran"
    config = short_path / "c.toml"
    config.write_text(
        f'[circus]\nendpoint = "ipc://{short_path}/c"\npidfile = "{short_path}/pid"\n'
        + sock("web", port=8123)
        + watcher("toucher", cmd=f"touch {marker}", copy_env=True, numprocesses=3)
    )
    done = run("--check", config)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("toucher", "127.0.0.1:8123", f"touch {marker}", "3"):
        assert words in done.stdout
    assert os.listdir(short_path) == ["c.toml"]


def test_check_of_a_bad_file_says_where_and_fails(short_path):
    config = short_path / "c.toml"
    config.write_text('[watcher.w]\ncmd = "x"\nnumprocesses = "four"\n')
    done = run("--check", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{config}:3: [watcher.w] numprocesses = " in done.stderr


def test_strict_refuses_what_is_only_warned_about(short_path):
    config = short_path / "c.ini"
    config.write_text("[watcher:w]\ncmd = sleep 5\nnumproceses = 4\n")
    relaxed = run("--check", config)
    assert relaxed.returncode == 0
    assert "Did you mean numprocesses?" in relaxed.stdout
    strict = run("--check", "--strict", config)
    assert (strict.returncode, strict.stdout) == (1, "")
    assert f"{config}:3: " in strict.stderr


def test_strict_holds_at_a_reload_too(circusd):
    text = "[watcher:w]\ncmd = sleep 5\n"
    daemon = circusd(text, suffix="ini", args=["--strict"])
    pids = daemon.wait_pids("w", 1)
    daemon.write(text + "numproceses = 4\n")
    reply = daemon.call("reloadconfig", waiting=True)
    assert reply["status"] == "error"
    assert "Did you mean numprocesses?" in reply["reason"]
    assert daemon.pids("w") == pids


# Signals and exit codes


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_each_of_the_three_signals_stops_everything_in_order(circusd, signum):
    daemon = circusd(watcher("web", numprocesses=2))
    pids = daemon.wait_pids("web", 2)
    daemon.process.send_signal(signum)
    assert daemon.wait() == 0
    assert not any(map(alive, pids))
    assert "circusd ends" in daemon.log()


def test_signals_that_mean_nothing_to_it_are_survived(circusd):
    daemon = circusd(watcher("web"))
    pids = daemon.wait_pids("web", 1)
    for signum in (signal.SIGWINCH, signal.SIGPIPE, signal.SIGCONT, signal.SIGCHLD):
        daemon.process.send_signal(signum)
        assert daemon.pids("web") == pids


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_cleanly(short_path, signum):
    """As soon as the pid file says who it is, circusd can be stopped; nothing stays behind."""
    config = short_path / "c.toml"
    config.write_text(
        f'[circus]\nendpoint = "ipc://{short_path}/c"\npubsub_endpoint = "ipc://{short_path}/e"\n'
        f'pidfile = "{short_path}/pid"\n' + watcher("web", numprocesses=3)
    )
    process = subprocess.Popen([*CIRCUSD, str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for((short_path / "pid").exists)
        process.send_signal(signum)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    assert os.listdir(short_path) == ["c.toml"]


def test_quit_over_the_wire_is_a_clean_end(circusd):
    daemon = circusd(watcher("web"))
    daemon.wait_pids("web", 1)
    daemon.ok("quit")
    assert daemon.wait() == 0


# The pid file


def test_the_pidfile_says_who_it_is_and_goes_with_it(circusd, short_path):
    pidfile = short_path / "pid"
    daemon = circusd(f'pidfile = "{short_path}/ignored"\n', args=["--pidfile", str(pidfile)])
    daemon.ready()
    assert pidfile.read_text() == f"{daemon.pid}\n"
    assert pidfile.stat().st_mode & 0o777 == 0o644
    assert not (short_path / "ignored").exists(), "the flag wins over the file"
    daemon.ok("restart", waiting=True)
    assert pidfile.read_text() == f"{daemon.pid}\n"
    assert daemon.terminate() == 0
    assert not pidfile.exists()


@pytest.mark.parametrize("content", ["", "garbage", "99999999\n", "-5\n", "1\n"])
def test_a_stale_pidfile_is_replaced(circusd, short_path, content):
    """The last one: a pid that was used again, by a process younger than the file."""
    pidfile = short_path / "pid"
    pidfile.write_text(content)
    os.utime(pidfile, (1, 1))
    daemon = circusd("", args=["--pidfile", str(pidfile)]).ready()
    assert pidfile.read_text() == f"{daemon.pid}\n"


def test_the_pidfile_of_a_circusd_that_was_killed_is_stale(circusd, short_path):
    pidfile = short_path / "pid"
    first = circusd("", args=["--pidfile", str(pidfile)]).ready()
    first.process.kill()
    first.process.wait()
    assert pidfile.read_text() == f"{first.pid}\n"
    second = circusd("", args=["--pidfile", str(pidfile)]).ready()
    assert pidfile.read_text() == f"{second.pid}\n"


def test_an_endpoint_that_a_killed_circusd_left_is_taken_over(circusd, short_path):
    first = circusd("").ready()
    first.process.kill()
    first.process.wait()
    assert Path(first.endpoint.removeprefix("ipc://")).exists()
    second = Daemon(first.folder, watcher("web"))
    try:
        second.wait_pids("web", 1)
    finally:
        second.close()


# The log


def test_the_log_file_is_opened_again_when_it_was_moved_away(circusd, short_path):
    log, moved = short_path / "circus.log", short_path / "circus.log.1"
    daemon = circusd(watcher("web"), args=["--log-output", str(log)])
    daemon.wait_pids("web", 1)
    wait_for(lambda: "web started" in log.read_text())
    log.rename(moved)
    daemon.ok("stop", name="web", waiting=True)
    assert "web stopped" in wait_for(lambda: log.exists() and log.read_text())
    assert "web stopped" not in moved.read_text()
    assert daemon.log() == "", "nothing went to the console"


def test_the_log_level_of_the_command_line_wins(circusd):
    daemon = circusd('loglevel = "debug"\n' + watcher("web"), args=["--log-level", "ERROR"])
    daemon.wait_pids("web", 1)
    assert daemon.terminate() == 0
    assert daemon.log() == ""


def test_a_logger_configuration(circusd, short_path):
    config, log = short_path / "log.json", short_path / "json.log"
    handler = {"class": "logging.FileHandler", "filename": str(log)}
    root = {"level": "INFO", "handlers": ["f"]}
    config.write_text(json.dumps({"version": 1, "handlers": {"f": handler}, "root": root}))
    daemon = circusd(watcher("web"), args=["--logger-config", str(config)])
    daemon.wait_pids("web", 1)
    wait_for(lambda: "web started" in log.read_text())


def test_a_log_that_nobody_reads_does_not_hold_it_up(circusd):
    """A megabyte of log lines and of a worker's output go to a pipe that is full."""
    reader, writer = os.pipe()
    try:
        daemon = circusd(
            'loglevel = "debug"\n'
            + watcher("loud", cmd=program("flood", 1024 * 1024))
            + watcher("crash", cmd="false", copy_env=True, backoff_max=0.01),
            stdout=writer,
            stderr=writer,
        )
        fill(writer)
        began = time.monotonic()
        for _ in range(50):
            assert daemon.call("status", seconds=5)["statuses"]["loud"] == "active"
        assert time.monotonic() - began < 5
        assert daemon.terminate() == 0
    finally:
        os.close(reader)
        os.close(writer)


def fill(writer):
    """Wait until a pipe is full of what others write."""
    poll = select.poll()
    poll.register(writer, select.POLLOUT)
    wait_for(lambda: not poll.poll(0), "a full pipe")


# In the background


@pytest.fixture
def background(short_path):
    """Start circusd --daemon; its pid is in the pid file. It has to be stopped by the test."""
    config, pidfile = short_path / "c.toml", short_path / "pid"

    def start(text, *args):
        config.write_text(
            f'[circus]\nendpoint = "ipc://{short_path}/c"\npubsub_endpoint = "ipc://{short_path}/e"\n'
            f'pidfile = "{pidfile}"\nlogoutput = "{short_path}/log"\n{text}'
        )
        return run("--daemon", *args, config)

    yield start
    if pidfile.exists():
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid))


def test_in_the_background_the_caller_returns_once_it_is_up(background, short_path):
    done = background(watcher("web"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pid = int((short_path / "pid").read_text())
    assert alive(pid)
    assert (short_path / "c").is_socket(), "it can be asked at once"
    assert os.getsid(pid) not in (pid, os.getsid(0))
    for fd in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    wait_for(lambda: "web started" in (short_path / "log").read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid))
    wait_for(lambda: sorted(os.listdir(short_path)) == ["c.toml", "log"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[watcher.w]\ncmd = 5\n", "c.toml:7: "),
        ('[socket.s]\npath = "/no/such/folder/s"\n', "mkdir -p /no/such/folder"),
    ],
)
def test_in_the_background_the_caller_hears_why_it_cannot_start(background, short_path, text, told):
    done = background(text)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not (short_path / "pid").exists()
    assert not (short_path / "c").exists()


def test_in_the_background_a_second_one_is_refused(background, short_path):
    assert background("").returncode == 0
    pid = int((short_path / "pid").read_text())
    done = background("")
    assert done.returncode == 1
    assert f"circusd runs already, as process {pid}" in done.stderr
    assert alive(pid)


# Odd surroundings


def test_it_starts_without_standard_descriptors(circusd):
    """Its workers get real ones all the same, and no socket lands on 0, 1 or 2."""
    for closed in ("<&-", "<&- >&-", "<&- >&- 2>&-"):
        wrapped = ["sh", "-c", f'exec "$@" {closed}', "sh", *CIRCUSD]
        daemon = circusd(sock("s") + watcher("web", copy_env=True), program=wrapped)
        (pid,) = daemon.wait_pids("web", 1)
        assert all(row["fd"] > 2 for row in daemon.ok("listsockets")["sockets"])
        wait_for(lambda pid=pid: sorted(map(int, os.listdir(f"/proc/{pid}/fd"))) == [0, 1, 2])
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"


def test_it_starts_in_a_directory_that_is_removed_later(circusd, short_path):
    folder = short_path / "gone"
    folder.mkdir()
    daemon = circusd(watcher("web"), cwd=folder, env={"PYTHONPATH": os.getcwd()})
    daemon.wait_pids("web", 1)
    folder.rmdir()
    daemon.ok("restart", name="web", waiting=True)
    daemon.ok("reloadconfig", waiting=True)


def test_a_relative_configuration_is_found_again(circusd, short_path):
    """Also what it includes, at a reload."""
    (short_path / "more.ini").write_text("[watcher:more]\ncmd = sleep 60\n")
    (short_path / "c.ini").write_text(
        "[circus]\nendpoint = ipc://c\npubsub_endpoint = ipc://e\ninclude = more.ini\n"
    )
    process = subprocess.Popen(
        [*CIRCUSD, "c.ini"],
        cwd=short_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for((short_path / "c").exists)
        done = ctl(f"ipc://{short_path}/c", "reloadconfig", "--waiting")
        assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
        assert ctl(f"ipc://{short_path}/c", "list").stdout == "more\n"
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0


def ctl(endpoint, *words):
    return subprocess.run(
        [sys.executable, "-m", "circus.cli.circusctl", "--endpoint", endpoint, *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def can_unshare():
    try:
        done = subprocess.run(["unshare", "-pf", "true"], capture_output=True, timeout=DEADLINE)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a pid namespace")
def test_as_pid_1_it_reaps_strangers_and_ends_the_whole_namespace(short_path):
    """A container: orphans come to circusd, whoever they were, and leave no zombie."""
    orphan = "sh -c '(setsid sh -c \"sleep 0.1; exit 3\" &); exec sleep 60'"
    daemon = Daemon(
        short_path,
        watcher("web", cmd=orphan, copy_env=True),
        program=["unshare", "--pid", "--fork", "--kill-child", *CIRCUSD],
    )
    try:
        daemon.wait_pids("web", 1)
        (init,) = wait_for(lambda: children(daemon.pid))
        assert re.search(r"^NSpid:\s.*\t1$", Path(f"/proc/{init}/status").read_text(), re.MULTILINE)
        wait_for(lambda: len(children(init)) == 1, "one worker, and no zombie of the orphan")
        # SIGTERM reaches PID 1 only because it has a handler of its own.
        os.kill(init, signal.SIGTERM)
        assert daemon.wait() == 0
    finally:
        daemon.close()


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
