"""Commands that meet other commands, deaths and shortages half-way: each was a defect once."""

import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from tests.system.daemon import alive, wait_for
from tests.system.test_lifecycle import SLEEP, STUBBORN, watcher


def flip(path, text):
    """Put a program at *path* at once: who executes it sees the old one or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.chmod(0o755)
    beside.rename(path)


def wait_asleep(daemon, count):
    """Wait until *count* workers have read their script and became sleep; return their pids."""
    pids = daemon.wait_pids("web", count)
    wait_for(lambda: all(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in pids))
    return pids


def reason(daemon, name):
    return daemon.call("status", name=name)["info"].get("reason", "")


def waiting(daemon, command, **properties):
    """Send a request that waits; return the socket on which its answer comes."""
    dealer = daemon.socket()
    dealer.send_json({"id": "w", "command": command, "properties": {**properties, "waiting": True}})
    return dealer


def answer(dealer):
    assert dealer.poll(20_000), "no answer"
    with dealer:
        return dealer.recv_json()


def test_rm_nostop_during_quit_does_not_hold_it_up(circusd):
    daemon = circusd(watcher("stubborn", STUBBORN, copy_env="true", graceful_timeout=100))
    (pid,) = daemon.wait_deaf("stubborn")
    stop = waiting(daemon, "stop", name="stubborn")
    wait_for(lambda: daemon.status("stubborn") == "stopping")
    daemon.process.terminate()
    wait_for(lambda: "stopping: all watchers" in daemon.log())
    daemon.ok("rm", name="stubborn", nostop=True)
    assert answer(stop)["status"] == "ok", "nobody manages it any longer"
    assert daemon.wait(5) == 0
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))


def test_a_failed_reload_is_told_to_those_who_reloaded_and_to_nobody_else(circusd, tmp_path):
    program = tmp_path / "program"
    flip(program, "#!/bin/sh\nexec sleep 60\n")
    daemon = circusd(watcher("web", f'cmd = "{program}"\n', numprocesses=2))
    wait_asleep(daemon, 2)
    flip(program, "#!/bin/sh\nexit 3\n")
    first, second = (waiting(daemon, "reload", name="web") for _ in range(2))
    assert "exited with code 3" in answer(first)["reason"], "overtaken, and failed with it"
    assert "exited with code 3" in answer(second)["reason"]
    assert "reload given up" in daemon.call("status", name="web")["info"]["reason"]
    daemon.ok("set", name="web", options={"max_retry": 7}, waiting=True)
    assert "info" not in daemon.call("status", name="web")
    flip(program, "#!/bin/sh\nexec sleep 60\n")
    daemon.ok("restart", name="web", waiting=True)
    daemon.ok("reload", name="web", waiting=True)


def test_a_reload_to_a_missing_program_takes_no_good_worker_away(circusd, tmp_path):
    program = tmp_path / "program"
    flip(program, "#!/bin/sh\nexec sleep 60\n")
    daemon = circusd(watcher("web", f'cmd = "{program}"\n', numprocesses=4))
    old = wait_asleep(daemon, 4)
    program.unlink()
    reply = daemon.call("reload", name="web", waiting=True)
    assert "No such file or directory" in reply["reason"]
    assert daemon.pids("web") == old, daemon.log()


@pytest.mark.parametrize("warmup", [0, 0.05])
def test_without_respawn_every_place_has_its_process_before_the_watcher_stops(circusd, warmup):
    daemon = circusd("")
    count = daemon.folder / "count"
    command = f"cmd = \"sh -c 'echo >> {count}'\"\n"
    options = {"numprocesses": 20, "respawn": "false", "warmup_delay": warmup}
    daemon.write(watcher("once", command, **options))
    daemon.ready()
    daemon.ok("reloadconfig")
    wait_for(lambda: daemon.status("once") == "stopped" and count.exists())
    assert len(count.read_text()) == 20


def test_short_of_descriptors_it_refuses_workers_and_goes_on_answering(circusd):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)); "
        "from circus.cli.circusd import main; sys.exit(main())"
    )
    daemon = circusd(
        watcher("many", numprocesses=200) + watcher("web", priority=9),
        program=[sys.executable, "-c", program],
    )
    assert hard > 100
    (web,) = daemon.wait_pids("web", 1)
    detail = wait_for(lambda: daemon.call("status", name="many").get("info"))
    wait_for(
        lambda: "no descriptor left" in daemon.call("status", name="many")["info"].get("reason", "")
    )
    assert detail["wanted"] == 200
    assert daemon.pids("many")
    assert daemon.pids("web") == [web]
    assert daemon.call("stop", name="many", waiting=True)["status"] == "ok"
    assert daemon.terminate() == 0


def test_a_worker_that_is_being_stopped_is_listed_and_can_be_killed(circusd):
    daemon = circusd(watcher("stubborn", STUBBORN, copy_env="true", graceful_timeout=86400))
    (pid,) = daemon.wait_deaf("stubborn")
    stop = waiting(daemon, "stop", name="stubborn")
    wait_for(lambda: daemon.status("stubborn") == "stopping")
    assert daemon.pids("stubborn") == [pid]
    assert str(pid) in daemon.ok("stats", name="stubborn")["info"]
    daemon.ok("kill", name="stubborn", signum="term", graceful_timeout=0, waiting=True)
    assert answer(stop)["info"] is None
    assert not alive(pid)


def test_a_corrected_configuration_starts_a_watcher_that_gave_up(circusd):
    daemon = circusd(watcher("web", 'cmd = "/nonexistent"\n', max_retry=2))
    wait_for(lambda: daemon.status("web") == "stopped" and "gave up" in daemon.log())
    daemon.write(watcher("web", max_retry=2))
    daemon.ok("reloadconfig", waiting=True)
    assert daemon.status("web") == "active"
    assert len(daemon.pids("web")) == 1


def test_a_watcher_that_never_rests_holds_up_no_start(circusd):
    busy = watcher(
        "busy", 'cmd = "true"\n', numprocesses=100, backoff_min=0, backoff_max=0, priority=9
    )
    daemon = circusd(busy + watcher("web"))
    daemon.wait_pids("web", 1)


def test_restart_of_everything_answers_when_everything_runs_again(circusd):
    text = watcher("web", numprocesses=20)
    daemon = circusd(text)
    daemon.wait_pids("web", 20)
    daemon.write(text + watcher("more", numprocesses=20))
    daemon.ok("restart", waiting=True)
    assert len(daemon.pids("web")) == len(daemon.pids("more")) == 20
    daemon.write("")
    daemon.ok("restart", waiting=True)
    assert daemon.call("list")["watchers"] == []


def test_a_failed_start_publishes_a_stop(circusd):
    daemon = circusd(watcher("web", autostart="false") + watcher("bad", 'cmd = "/nonexistent"\n'))
    daemon.ok("stop", name="bad", waiting=True)
    events = daemon.subscribe().settle()
    daemon.call("start", name="bad", waiting=True)
    events.until(lambda topic, body: topic == "watcher.bad.stop")
    events.close()


def test_the_stop_of_a_removed_watcher_is_not_taken_for_its_namesakes(circusd):
    daemon = circusd(watcher("web", STUBBORN, copy_env="true", graceful_timeout=0.3))
    (old,) = daemon.wait_deaf("web")
    events = daemon.subscribe().settle()
    daemon.ok("rm", name="web")
    daemon.ok("add", name="web", cmd="sleep 60", start=True, options={"copy_env": True})
    wait_for(lambda: not alive(old))
    daemon.ok("stop", name="web", waiting=True)
    events.until(lambda topic, body: topic == "watcher.web.stop")
    assert events.actions("web").count("stop") == 1
    reaped = [body["process_pid"] for topic, body in events.seen if topic == "watcher.web.reap"]
    assert old in reaped, "every spawn is followed by a reap"
    events.close()


def test_a_watcher_removed_by_hand_comes_back_with_the_configuration(circusd):
    daemon = circusd(watcher("web", SLEEP))
    daemon.wait_pids("web", 1)
    daemon.ok("rm", name="web", waiting=True)
    daemon.ok("reloadconfig", waiting=True)
    assert daemon.status("web") == "active"


def test_orphans_that_left_tree_and_session_end_with_circusd(circusd):
    """A daemonized grandchild keeps no link to its worker: no stop finds it, but the end does."""
    ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    daemon = circusd("")
    script = daemon.folder / "forker.py"
    script.write_text(
        "import os, subprocess, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    code = {ignoring + '; time.sleep(60)'!r}\n"
        "    subprocess.Popen([sys.executable, '-c', code])\n"
        "    os._exit(0)\n"
        "time.sleep(60)\n"
    )
    daemon.ready()
    daemon.ok("add", name="forker", cmd=f"{sys.executable} {script}", start=True)
    (worker,) = daemon.wait_pids("forker", 1)

    def marked():
        return [pid for pid in children_of(daemon.pid) if pid != worker and alive(pid)]

    (orphan,) = wait_for(marked)
    daemon.ok("stop", name="forker", waiting=True)
    assert alive(orphan)
    assert daemon.terminate() == 0
    assert not alive(orphan)
    assert "ending orphans" in daemon.log()


def children_of(pid):
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_user_signals_do_not_end_circusd(circusd):
    daemon = circusd(watcher("web"))
    (pid,) = daemon.wait_pids("web", 1)
    for signum in (signal.SIGUSR1, signal.SIGUSR2):
        os.kill(daemon.pid, signum)
        wait_for(lambda signum=signum: signum.name in daemon.log())
    assert daemon.pids("web") == [pid]


def test_a_removed_endpoint_comes_back_with_the_configuration(circusd):
    daemon = circusd(watcher("web"))
    (pid,) = daemon.wait_pids("web", 1)
    for name in ("c", "e"):
        (daemon.folder / name).unlink()
    os.kill(daemon.pid, signal.SIGHUP)
    wait_for(lambda: all((daemon.folder / name).exists() for name in ("c", "e")))
    assert daemon.pids("web") == [pid]
    events = daemon.subscribe().settle()
    events.close()


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", ".*.*.*b", r"(.)\1+x"])
def test_a_regex_that_could_take_for_ever_is_refused(circusd, pattern):
    daemon = circusd(watcher("a" * 60))
    daemon.ready()
    reply = daemon.call("stop", name=pattern, match="regex")
    assert "could take too long" in reply["reason"]
    assert reply["errno"] == 3
    assert daemon.ok("stop", name="a+$", match="regex", waiting=True)
