"""A real circusd keeps, stops, restarts and replaces real processes."""

import os
import resource
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.system.daemon import alive, wait_for

SLEEP = 'cmd = "sleep 60"\ncopy_env = true\n'
STUBBORN = (
    f"cmd = '''{sys.executable} -c \"import signal, time; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)\"'''\n"
)


@pytest.fixture(params=["compiled", "pure"])
def backend(request):
    """Both backends run the same tests."""
    return request.param == "pure"


def watcher(name, body=SLEEP, **options):
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    return f"[watcher.{name}]\n{body}{lines}"


def test_it_starts_reports_and_stops_leaving_nothing(circusd, backend):
    daemon = circusd(watcher("web", numprocesses=3), pure=backend)
    pids = daemon.wait_pids("web", 3)
    assert daemon.call("status")["statuses"] == {"web": "active"}
    assert daemon.call("numprocesses", name="web")["numprocesses"] == 3
    wait_for(lambda: sorted(daemon.family()) == sorted(pids), "the mark in all environments")
    assert daemon.terminate() == 0
    assert daemon.family() == []
    assert not os.path.exists(daemon.endpoint.removeprefix("ipc://"))


def test_a_killed_worker_is_back_at_once_in_the_same_slot(circusd, backend):
    daemon = circusd(watcher("web", numprocesses=2), pure=backend)
    old = daemon.wait_pids("web", 2)
    events = daemon.subscribe().settle()
    killed_at = time.monotonic()
    os.kill(old[0], signal.SIGKILL)
    events.until(lambda topic, body: topic == "watcher.web.spawn")
    assert time.monotonic() - killed_at < 1.0
    reap, spawn = [body for topic, body in events.seen if topic.startswith("watcher.web.")]
    assert (reap["process_pid"], reap["exit_code"]) == (old[0], -9)
    new = daemon.pids("web")
    assert spawn["process_pid"] in new
    assert old[1] in new
    wids = {record["wid"] for record in daemon.ok("stats", name="web")["info"].values()}
    assert wids == {1, 2}
    events.close()


def test_stop_start_and_their_events(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    old = daemon.wait_pids("web", 2)
    events = daemon.subscribe().settle()
    assert daemon.ok("stop", name="web", waiting=True)["info"] is None
    assert not any(map(alive, old))
    assert daemon.status("web") == "stopped"
    events.until(lambda topic, body: topic == "watcher.web.stop")
    assert events.actions("web") == ["kill", "kill", "reap", "reap", "stop"]
    info = daemon.ok("start", name="web", waiting=True)["info"]
    assert info == {"started": sorted(daemon.pids("web")), "kept": []}
    assert daemon.ok("start", name="web", waiting=True)["info"]["kept"] == info["started"]
    events.close()


def test_incr_decr_and_numprocesses_by_set(circusd):
    daemon = circusd(watcher("web", numprocesses=1))
    (first,) = daemon.wait_pids("web", 1)
    assert daemon.ok("incr", name="web", nb=2, waiting=True)["numprocesses"] == 3
    assert len(daemon.pids("web")) == 3
    assert daemon.ok("decr", name="web", waiting=True)["numprocesses"] == 2
    assert first not in daemon.pids("web"), "the oldest goes first"
    daemon.ok("set", name="web", options={"numprocesses": 4}, waiting=True)
    assert len(daemon.pids("web")) == 4
    daemon.ok("decr", name="web", nb=10, waiting=True)
    assert daemon.pids("web") == []


def test_restart_replaces_everything(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    old = daemon.wait_pids("web", 2)
    info = daemon.ok("restart", name="web", waiting=True)["info"]
    assert info["stopped"] == sorted(old)
    assert info["started"] == sorted(daemon.pids("web"))
    assert info["kept"] == []


def test_reload_starts_the_new_before_the_old_go(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    old = daemon.wait_pids("web", 2)
    events = daemon.subscribe().settle()
    info = daemon.ok("reload", name="web", waiting=True)["info"]
    assert info["stopped"] == sorted(old)
    assert len(info["started"]) == 2
    events.until(lambda topic, body: topic == "watcher.web.reload")
    actions = events.actions("web")
    assert actions[:2] == ["spawn", "spawn"]
    assert actions.count("kill") == 2
    records = daemon.ok("stats", name="web")["info"]
    assert {record["wid"] for record in records.values()} == {3, 4}
    events.close()


def test_sequential_reload_replaces_one_after_another(circusd):
    daemon = circusd(watcher("web", numprocesses=2, ready_after=0.1))
    old = daemon.wait_pids("web", 2)
    events = daemon.subscribe().settle()
    info = daemon.ok("reload", name="web", sequential=True, waiting=True)["info"]
    assert info["stopped"] == sorted(old)
    events.until(lambda topic, body: topic == "watcher.web.reload")
    assert events.actions("web") == ["kill", "reap", "spawn", "kill", "reap", "spawn", "reload"]
    events.close()


def test_a_reload_whose_newcomer_fails_keeps_the_old_and_says_why(circusd, tmp_path):
    good = tmp_path / "good"
    good.write_text("#!/bin/sh\nexec sleep 60\n")
    good.chmod(0o755)
    daemon = circusd(watcher("web", f'cmd = "{good}"\n', numprocesses=4))
    old = daemon.wait_pids("web", 4)
    good.write_text("#!/bin/sh\nexit 3\n")
    for sequential in (False, True):
        reply = daemon.call("reload", name="web", sequential=sequential, waiting=True)
        assert reply["status"] == "error"
        assert "exited with code 3" in reply["reason"]
        kept = set(old) & set(daemon.pids("web"))
        assert len(kept) == (3 if sequential else 4)


def test_reload_by_sighup_keeps_the_processes(circusd):
    body = "cmd = '''sh -c 'trap \"echo hup >> {path}\" HUP; while :; do sleep 0.05; done' '''\n"
    daemon = circusd(watcher("web", 'cmd = "sleep 60"\n'))
    daemon.wait_pids("web", 1)
    path = daemon.folder / "hup"
    daemon.write(
        watcher("web", body.replace("{path}", str(path)), send_hup="true", copy_env="true")
    )
    daemon.ok("reloadconfig", waiting=True)
    pids = daemon.pids("web")
    info = daemon.ok("reload", name="web", waiting=True)["info"]
    assert info == {"stopped": [], "started": [], "kept": pids}
    wait_for(path.exists, "the trap")


def test_without_respawn_a_watcher_stops_after_its_last_process(circusd):
    daemon = circusd(watcher("once", numprocesses=2, respawn="false"))
    first, second = daemon.wait_pids("once", 2)
    os.kill(first, signal.SIGTERM)
    daemon.wait_pids("once", 1)
    assert daemon.status("once") == "active"
    info = daemon.ok("start", name="once", waiting=True)["info"]
    assert info["kept"] == [second]
    assert len(info["started"]) == 1
    for pid in daemon.pids("once"):
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: daemon.status("once") == "stopped")


def test_max_age_replaces_a_worker_once(circusd):
    daemon = circusd(watcher("young", max_age=0.3, max_age_variance=0))
    (first,) = daemon.wait_pids("young", 1)
    wait_for(lambda: daemon.pids("young") not in ([], [first]))
    assert not alive(first)


def test_singleton_stays_single(circusd):
    daemon = circusd(watcher("one", singleton="true"))
    daemon.wait_pids("one", 1)
    reply = daemon.ok("incr", name="one", nb=3, waiting=True)
    assert reply["singleton"] is True
    assert len(daemon.pids("one")) == 1
    (old,) = daemon.pids("one")
    info = daemon.ok("reload", name="one", waiting=True)["info"]
    assert info["stopped"] == [old]


def test_autostart_and_patterns(circusd):
    text = watcher("a1") + watcher("a2", autostart="false") + watcher("b")
    daemon = circusd(text)
    daemon.wait_pids("a1", 1)
    assert daemon.status("a2") == "stopped"
    daemon.ok("stop", name="a*", waiting=True)
    daemon.ok("start", name="a*", waiting=True)
    assert daemon.call("status")["statuses"] == {"a1": "active", "a2": "stopped", "b": "active"}
    daemon.ok("start", name="a2", waiting=True)
    assert daemon.status("a2") == "active"


def test_higher_priority_starts_first_with_the_pause_between(circusd):
    text = "warmup_delay = 0.2\n" + watcher("low") + watcher("high", priority=9)
    daemon = circusd(text)
    (high,) = daemon.wait_pids("high", 1)
    (low,) = daemon.wait_pids("low", 1)
    started = {
        name: record["started"]
        for name in ("high", "low")
        for record in daemon.ok("stats", name=name)["info"].values()
    }
    assert started["low"] - started["high"] >= 0.19
    assert high != low


def test_a_watchers_warmup_delay_spaces_its_own_processes_only(circusd):
    text = watcher("slow", numprocesses=3, warmup_delay=0.3, priority=9) + watcher("quick")
    daemon = circusd(text)
    daemon.wait_pids("quick", 1)
    assert len(daemon.pids("slow")) < 3
    assert daemon.status("slow") == "starting"
    daemon.wait_pids("slow", 3)
    started = sorted(r["started"] for r in daemon.ok("stats", name="slow")["info"].values())
    assert all(b - a >= 0.29 for a, b in pairwise(started))


def test_a_crash_loop_slows_nobody_else_and_shows_its_next_try(circusd):
    text = watcher("crash", 'cmd = "false"\ncopy_env = true\n', backoff_min=5) + watcher("web")
    daemon = circusd(text)
    daemon.wait_pids("web", 1)
    detail = wait_for(lambda: daemon.call("status", name="crash").get("info"))
    detail = wait_for(
        lambda: (i := daemon.call("status", name="crash").get("info")) and i.get("next_try") and i
    )
    assert 0 < detail["next_try"] <= 5
    assert "exited with code 1" in detail["reason"]
    assert daemon.status("crash") == "active"
    (old,) = daemon.pids("web")
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: daemon.pids("web") not in ([], [old]))


def test_kill_uses_its_own_signal_and_grace_and_the_worker_comes_back(circusd):
    daemon = circusd(watcher("stubborn", STUBBORN, copy_env="true"))
    (old,) = daemon.wait_deaf("stubborn")
    daemon.ok("kill", name="stubborn", graceful_timeout=0.2, waiting=True)
    assert not alive(old)
    daemon.wait_pids("stubborn", 1)
    (old,) = daemon.pids("stubborn")
    daemon.ok("kill", name="stubborn", pid=old, signum="kill", waiting=True)
    assert not alive(old)


def test_signals_reach_processes_and_children(circusd):
    daemon = circusd(watcher("tree", "cmd = \"sh -c 'sleep 50 & wait'\"\ncopy_env = true\n"))
    (shell,) = daemon.wait_pids("tree", 1)
    sleeper = wait_for(lambda: [pid for pid in daemon.family() if pid != shell])[0]
    daemon.ok("signal", name="tree", signum="term", children=True)
    wait_for(lambda: not alive(sleeper))
    refused = daemon.call("signal", name="tree", signum="term", pid=1)
    assert refused["status"] == "ok", "a foreign pid is ignored"
    daemon.ok("signal", name="tree", signum=9)
    wait_for(lambda: not alive(shell))


def test_stopping_ends_the_whole_tree_even_where_it_ignores_the_signal(circusd):
    """Three levels that ignore SIGTERM, the lowest in a session of its own."""
    ignore = "import signal, subprocess, sys, time, os; signal.signal(15, signal.SIG_IGN); "
    lowest = f"{ignore} os.setsid(); time.sleep(60)"
    middle = f"{ignore} subprocess.Popen([sys.executable, '-c', {lowest!r}]); time.sleep(60)"
    program = f"{ignore} subprocess.Popen([sys.executable, '-c', {middle!r}]); time.sleep(60)"
    daemon = circusd("")
    script = daemon.folder / "tree.py"
    script.write_text(program)
    daemon.ready()
    daemon.ok(
        "add",
        name="tree",
        cmd=f"{sys.executable} {script}",
        start=True,
        options={"graceful_timeout": 0.3, "copy_env": True},
    )
    family = wait_for(lambda: len(f := daemon.family()) == 3 and f)
    daemon.ok("stop", name="tree", waiting=True)
    assert not any(map(alive, family))


def test_grandchildren_of_a_worker_that_obeys_are_stopped_too(circusd):
    daemon = circusd(
        watcher("shell", "cmd = \"sh -c 'sleep 50 & sleep 51 & wait'\"\ncopy_env = true\n")
    )
    daemon.wait_pids("shell", 1)
    family = wait_for(lambda: len(f := daemon.family()) == 3 and f)
    began = time.monotonic()
    daemon.ok("stop", name="shell", waiting=True)
    assert time.monotonic() - began < 5, "they obeyed: nobody waited for the grace to pass"
    assert not any(map(alive, family))


def test_what_a_crashed_worker_left_is_gone_before_the_next_one_starts(circusd):
    daemon = circusd(watcher("shell", "cmd = \"sh -c 'sleep 50 & wait'\"\ncopy_env = true\n"))
    (shell,) = daemon.wait_pids("shell", 1)
    (sleeper,) = wait_for(lambda: [pid for pid in daemon.family() if pid != shell])
    os.kill(shell, signal.SIGKILL)
    wait_for(lambda: daemon.pids("shell") not in ([], [shell]))
    assert not alive(sleeper)


def test_sigterm_wins_during_a_slow_start(circusd):
    daemon = circusd(watcher("slow", numprocesses=50, warmup_delay=0.5))
    daemon.wait_pids("slow", 1)
    assert daemon.terminate(5) == 0


def test_sigterm_wins_during_a_crash_loop_and_a_reload(circusd):
    daemon = circusd(
        watcher("crash", 'cmd = "false"\ncopy_env = true\n', max_retry=-1) + watcher("web")
    )
    daemon.wait_pids("web", 1)
    daemon.ok("reload", name="web")
    assert daemon.terminate(5) == 0


def test_a_second_sigterm_shortens_the_grace_and_a_third_kills(circusd):
    daemon = circusd(watcher("stubborn", STUBBORN, copy_env="true", graceful_timeout=100))
    (pid,) = daemon.wait_deaf("stubborn")
    daemon.process.terminate()
    wait_for(lambda: daemon.status("stubborn") == "stopping")
    began = time.monotonic()
    daemon.process.terminate()
    wait_for(lambda: "told again" in daemon.log())
    assert alive(pid)
    daemon.process.terminate()
    assert daemon.wait(5) == 0
    assert time.monotonic() - began < 5
    assert not alive(pid)


def test_quit_answers_when_all_is_gone(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    pids = daemon.wait_pids("web", 2)
    assert daemon.call("quit", waiting=True)["status"] == "ok"
    assert not any(map(alive, pids))
    assert daemon.wait(5) == 0


def test_orphans_of_strangers_are_reaped(circusd):
    """A worker's double-forked daemon comes back to circusd, which must not keep its zombie."""
    body = 'cmd = "sh -c \'(setsid sh -c \\"sleep 0.2\\" &) ; exec sleep 50\'"\ncopy_env = true\n'
    daemon = circusd(watcher("forker", body))
    daemon.wait_pids("forker", 1)

    def zombies():
        children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        return [pid for pid in children if not alive(int(pid))]

    wait_for(lambda: len(daemon.family()) == 1)
    wait_for(lambda: not zombies())


def test_workers_keep_the_limit_of_descriptors_that_circusd_was_given(circusd):
    """circusd raises its own: a descriptor per worker is more than the usual 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(777, soft), hard))
    try:
        daemon = circusd(watcher("web") + watcher("own", rlimit_nofile=333))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (web,), (own,) = daemon.wait_pids("web", 1), daemon.wait_pids("own", 1)
    assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    assert resource.prlimit(web, resource.RLIMIT_NOFILE) == (min(777, soft), hard)
    assert resource.prlimit(own, resource.RLIMIT_NOFILE) == (333, 333)
