"""reloadconfig: the file is read again, checked whole, and only what differs is touched."""

import os
import signal
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from tests.system.daemon import alive, wait_for
from tests.system.text import server, sock, table, watcher

QUICK = {"ready_after": 0.05, "graceful_timeout": 5}
TREE = "sh -c 'sleep 50 & sleep 51 & wait'"


def reload(daemon, text, **more):
    """Write *text* and have it applied, completely."""
    daemon.write(text)
    return daemon.ok("reloadconfig", waiting=True, **more)


def sockets(daemon):
    """The managed sockets by name."""
    return {row["name"]: row for row in daemon.ok("listsockets")["sockets"]}


def connect(row):
    """Connect to a managed TCP socket."""
    return socket.create_connection((row["host"], row["port"]), timeout=20)


def answer(connection):
    """The pid that a worker of ours answered with."""
    with connection, connection.makefile() as lines:
        return int(lines.readline().split()[0])


def words(pid, file="cmdline"):
    """The command line, or the environment, of a process; just after its exec it has none yet."""
    text = wait_for(Path(f"/proc/{pid}/{file}").read_bytes, f"a {file} of pid {pid}")
    return text.decode().rstrip("\0").split("\0")


# Watchers


def test_nothing_changed_nothing_happens(circusd):
    text = sock("s") + watcher("web", numprocesses=2) + watcher("other", priority=3)
    daemon = circusd(text)
    pids = daemon.wait_pids("web", 2), daemon.wait_pids("other", 1)
    before = daemon.ok("listsockets")["sockets"]
    events = daemon.subscribe().settle()
    for _ in range(3):
        daemon.ok("reloadconfig", waiting=True)
    daemon.ok("add", name="fence", cmd="true")
    events.until(lambda topic, body: topic == "watcher.fence.add")
    assert events.actions("web") == events.actions("other") == []
    assert (daemon.pids("web"), daemon.pids("other")) == pids
    assert daemon.ok("listsockets")["sockets"] == before
    assert "changed" not in daemon.log()
    events.close()


def test_what_the_command_line_says_is_no_change(circusd, short_path):
    """The file is compared with itself, not with what the flags made of it."""
    daemon = circusd(
        watcher("web"), args=["--log-level", "debug", "--pidfile", str(short_path / "pid")]
    )
    pids = daemon.wait_pids("web", 1)
    daemon.ok("reloadconfig", waiting=True)
    assert "it applies when circusd restarts" not in daemon.log()
    assert daemon.pids("web") == pids


def test_a_comment_or_another_order_is_no_change(circusd):
    daemon = circusd(watcher("a") + watcher("b"))
    pids = daemon.wait_pids("a", 1), daemon.wait_pids("b", 1)
    reload(daemon, "# said anew\n" + watcher("b") + watcher("a"))
    assert (daemon.pids("a"), daemon.pids("b")) == pids


def test_numprocesses_changes_in_place(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    old = daemon.wait_pids("web", 2)
    reload(daemon, watcher("web", numprocesses=4))
    more = daemon.pids("web")
    assert more[:2] == old
    assert len(more) == 4
    reload(daemon, watcher("web", numprocesses=1))
    assert daemon.pids("web") == more[3:], "the oldest went"
    assert [pid for pid in more if alive(pid)] == more[3:]
    reload(daemon, watcher("web", numprocesses=2))
    assert len(daemon.pids("web")) == 2, "back to where it began"


def test_a_changed_command_is_rolled_out_new_before_old(circusd):
    daemon = circusd(watcher("web", numprocesses=2, **QUICK) + watcher("other"))
    old, others = daemon.wait_pids("web", 2), daemon.wait_pids("other", 1)
    events = daemon.subscribe().settle()
    reload(daemon, watcher("web", cmd="sleep 61", numprocesses=2, **QUICK) + watcher("other"))
    new = daemon.pids("web")
    assert len(new) == 2
    assert not set(new) & set(old)
    assert not any(map(alive, old)), "the answer came when they were gone"
    assert all(words(pid) == ["sleep", "61"] for pid in new)
    events.until(lambda topic, body: topic == "watcher.web.reload")
    actions = events.actions("web")
    assert actions[:2] == ["spawn", "spawn"]
    assert actions.index("kill") == 2
    assert daemon.pids("other") == others
    events.close()


def test_a_changed_environment_is_rolled_out(circusd):
    text = watcher("web", env={"COLOUR": "red"}, **QUICK)
    daemon = circusd(text)
    (old,) = daemon.wait_pids("web", 1)
    reload(daemon, text.replace("red", "blue"))
    (new,) = daemon.pids("web")
    assert new != old
    assert "COLOUR=blue" in words(new, "environ")


def test_a_rollout_fills_the_places_of_processes_that_had_ended_for_good(circusd):
    options = {"respawn": False, "numprocesses": 2, **QUICK}
    daemon = circusd(watcher("web", **options))
    first, second = daemon.wait_pids("web", 2)
    os.kill(first, signal.SIGTERM)
    daemon.wait_pids("web", 1)
    reload(daemon, watcher("web", cmd="sleep 61", **options))
    pids = daemon.pids("web")
    assert len(pids) == 2
    assert second not in pids


def test_a_failed_newcomer_leaves_the_old_ones_and_tells_why(circusd):
    daemon = circusd(watcher("web", numprocesses=2, **QUICK))
    old = daemon.wait_pids("web", 2)
    daemon.write(watcher("web", cmd="/no/such/program", numprocesses=2, **QUICK))
    reply = daemon.call("reloadconfig", waiting=True)
    assert reply["status"] == "error"
    assert "/no/such/program" in reply["reason"]
    assert daemon.pids("web") == old
    reload(daemon, watcher("web", cmd="sleep 62", numprocesses=2, **QUICK))
    assert not set(daemon.pids("web")) & set(old)


def test_an_option_that_costs_nothing_keeps_the_processes(circusd):
    daemon = circusd(watcher("web", numprocesses=2, graceful_timeout=30, max_retry=5))
    pids = daemon.wait_pids("web", 2)
    changed = {
        "graceful_timeout": 3,
        "stop_signal": "SIGINT",
        "max_retry": -1,
        "priority": 7,
        "max_age": 1000,
        "backoff_max": 5,
        "respawn": False,
    }
    reload(daemon, watcher("web", numprocesses=2, **changed))
    assert daemon.pids("web") == pids
    options = daemon.ok("options", name="web")["options"]
    assert options | changed | {"stop_signal": signal.SIGINT} == options
    reload(daemon, watcher("web", numprocesses=2))
    options = daemon.ok("options", name="web")["options"]
    assert (options["graceful_timeout"], options["respawn"]) == (30, True), "defaults are back"
    assert daemon.pids("web") == pids


def test_added_watchers_start_by_priority_with_the_pause_between(circusd):
    head = "warmup_delay = 0.2\n"
    daemon = circusd(head + watcher("web"))
    (old,) = daemon.wait_pids("web", 1)
    new = watcher("low") + watcher("high", priority=9) + watcher("manual", autostart=False)
    reload(daemon, head + new + watcher("web"))
    (low,) = daemon.ok("stats", name="low")["info"].values()
    (high,) = daemon.ok("stats", name="high")["info"].values()
    assert low["started"] - high["started"] >= 0.19
    assert daemon.call("status")["statuses"] == {
        "high": "active",
        "low": "active",
        "manual": "stopped",
        "web": "active",
    }
    assert daemon.pids("web") == [old]


def test_a_removed_watcher_is_gone_with_its_whole_tree(circusd):
    daemon = circusd(watcher("tree", cmd=TREE, copy_env=True) + watcher("web"))
    (kept,) = daemon.wait_pids("web", 1)
    tree = wait_for(lambda: len(f := daemon.family()) == 4 and set(f) - {kept})
    reload(daemon, watcher("web"))
    assert not any(map(alive, tree))
    assert daemon.ok("list")["watchers"] == ["web"]
    assert daemon.pids("web") == [kept]
    reply = daemon.call("status", name="tree")
    assert (reply["errno"], reply["reason"]) == (3, "program tree not found")


def test_a_watcher_added_at_run_time_stays(circusd):
    daemon = circusd(watcher("web"))
    daemon.ok("add", name="extra", cmd="sleep 60", start=True, waiting=True)
    pids = daemon.pids("extra")
    reload(daemon, watcher("web") + watcher("more"))
    assert daemon.pids("extra") == pids
    reload(daemon, "")
    assert daemon.ok("list")["watchers"] == ["extra"]
    assert daemon.pids("extra") == pids


def test_a_name_that_was_added_at_run_time_cannot_be_added_by_the_file(circusd):
    daemon = circusd(watcher("web"))
    daemon.ok("add", name="Extra", cmd="sleep 60", start=True, waiting=True)
    pids = daemon.wait_pids("web", 1), daemon.pids("extra")
    daemon.write(watcher("web", cmd="sleep 61") + watcher("extra"))
    reply = daemon.call("reloadconfig", waiting=True)
    assert reply["status"] == "error"
    assert "nothing was changed" in reply["reason"]
    assert "circusctl rm extra" in reply["reason"]
    assert (daemon.pids("web"), daemon.pids("extra")) == pids


def test_a_stopped_watcher_stays_stopped_and_starts_as_it_is_now(circusd):
    daemon = circusd(watcher("web", numprocesses=1))
    daemon.wait_pids("web", 1)
    daemon.ok("stop", name="web", waiting=True)
    reload(daemon, watcher("web", cmd="sleep 61", numprocesses=2))
    assert daemon.status("web") == "stopped"
    assert daemon.pids("web") == []
    daemon.ok("start", name="web", waiting=True)
    pids = daemon.pids("web")
    assert len(pids) == 2
    assert all(words(pid) == ["sleep", "61"] for pid in pids)


def test_what_set_changed_lasts_until_the_file_says_otherwise(circusd):
    daemon = circusd(watcher("web", graceful_timeout=10, ready_after=0.05))
    daemon.wait_pids("web", 1)
    daemon.ok("set", name="web", options={"graceful_timeout": 4, "max_retry": 9}, waiting=True)
    daemon.ok("incr", name="web", waiting=True)
    pids = daemon.pids("web")

    daemon.ok("reloadconfig", waiting=True)
    assert daemon.pids("web") == pids

    reload(daemon, watcher("web", graceful_timeout=10, ready_after=0.05, priority=2))
    options = daemon.ok("options", name="web")["options"]
    assert (options["graceful_timeout"], options["max_retry"], options["priority"]) == (4, 9, 2)
    assert daemon.pids("web") == pids

    reload(daemon, watcher("web", graceful_timeout=11, ready_after=0.05, priority=2))
    options = daemon.ok("options", name="web")["options"]
    assert (options["graceful_timeout"], options["max_retry"]) == (11, 9)
    assert daemon.pids("web") == pids


BAD_FILES = {
    "[watcher.web\n": "circus.toml:4: not TOML",
    watcher("web", numprocesses="four"): "circus.toml:6: ",
    watcher("web") + watcher("typo", numproceses=4): "circus.toml:8: ",
    watcher("web") + table("watcher.empty"): "circus.toml:6: ",
    watcher("web", cmd="serve $(circus.sockets.nosuch)"): "circus.toml:5: ",
    watcher("web") + watcher("WEB"): "letter case does not count",
}


def test_a_bad_file_changes_nothing_and_the_asker_learns_where_it_is_bad(circusd):
    daemon = circusd(watcher("web", numprocesses=2))
    pids = daemon.wait_pids("web", 2)
    for text, told in BAD_FILES.items():
        for waiting in (True, False):
            daemon.write("" + text)
            reply = daemon.call("reloadconfig", waiting=waiting)
            assert reply["status"] == "error", text
            assert told in reply["reason"], text
            assert "nothing was changed" in reply["reason"]
            assert daemon.pids("web") == pids
    daemon.config.unlink()
    reply = daemon.call("reloadconfig")
    assert "cannot read it: No such file or directory" in reply["reason"]
    reload(daemon, watcher("web", numprocesses=3))
    assert daemon.pids("web")[:2] == pids


def test_a_reload_is_overtaken_by_the_next_one(circusd):
    """Nobody has to wait for the first one; what the file said last is what runs."""
    daemon = circusd(watcher("web", numprocesses=3, ready_after=0.3))
    old = daemon.wait_pids("web", 3)
    for seconds in (61, 62, 63):
        daemon.write(watcher("web", cmd=f"sleep {seconds}", numprocesses=3, ready_after=0.3))
        daemon.ok("reloadconfig", waiting=seconds == 63)
    pids = daemon.pids("web")
    assert len(pids) == 3
    assert not any(map(alive, old))
    assert all(words(pid) == ["sleep", "63"] for pid in pids)
    assert sorted(daemon.family()) == sorted(pids)


def test_an_option_of_circusd_itself_is_only_warned_about(circusd):
    daemon = circusd(watcher("web"))
    pids = daemon.wait_pids("web", 1)
    reload(daemon, 'loglevel = "debug"\numask = "027"\n' + watcher("web") + watcher("new"))
    assert daemon.pids("web") == pids
    assert daemon.status("new") == "active", "the rest applies"
    for option in ("loglevel", "umask"):
        told = f"[circus] {option} changed: it applies when circusd restarts"
        assert daemon.log().count(told) == 1
    daemon.ok("reloadconfig", waiting=True)
    assert daemon.log().count("it applies when circusd restarts") == 2, "said once"


def test_sighup_does_the_same(circusd):
    daemon = circusd(watcher("web") + watcher("old"))
    pids = daemon.wait_pids("web", 1)
    daemon.write(watcher("web") + watcher("new"))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.ok("list")["watchers"] == ["new", "web"])
    daemon.wait_pids("new", 1)
    daemon.write("[watcher.web]\ncmd = 5\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "circus.toml:5: " in daemon.log())
    assert daemon.pids("web") == pids


# Sockets


def test_an_unchanged_socket_is_adopted_with_the_connections_in_its_queue(circusd):
    daemon = circusd(sock("web"))
    row = sockets(daemon.ready())["web"]
    early = connect(row)
    reload(daemon, sock("web") + server("web"))
    assert sockets(daemon)["web"] == row, "the same descriptor at the same port"
    assert [answer(early)] == daemon.pids("web")


def test_a_changed_backlog_applies_to_the_open_socket(circusd):
    daemon = circusd("")
    path = str(daemon.folder / "s")
    reload(daemon, sock("s", path=path, backlog=1))
    row = sockets(daemon)["s"]

    def fill():
        """Connect until the queue is full; a unix socket says so at once."""
        connections = []
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            connections.append(client)
            if client.connect_ex(path):
                break
        for client in connections:
            client.close()
        return len(connections) - 1

    assert fill() == 2, "the kernel takes one more than the backlog"
    reload(daemon, sock("s", path=path, backlog=6))
    assert sockets(daemon)["s"] == row | {"backlog": 6}
    assert fill() == 5, "the two from before are still queued"


def test_a_moved_socket_rolls_the_watchers_that_use_it_and_no_others(circusd):
    daemon = circusd(sock("web") + server("web", **QUICK) + watcher("other"))
    (old,), others = daemon.wait_pids("web", 1), daemon.wait_pids("other", 1)
    before = sockets(daemon)["web"]
    assert answer(connect(before)) == old
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    reload(daemon, sock("web", port=port) + server("web", **QUICK) + watcher("other"))
    after = sockets(daemon)["web"]
    assert after["port"] == port
    (new,) = daemon.pids("web")
    assert new != old
    assert not alive(old)
    assert answer(connect(after)) == new
    assert daemon.pids("other") == others
    with pytest.raises(ConnectionRefusedError):
        connect(before)


def test_a_socket_in_use_is_refused_and_nothing_changes(circusd):
    daemon = circusd(sock("web") + server("web"))
    pids = daemon.wait_pids("web", 1)
    row = sockets(daemon)["web"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon.write(
            sock("web") + sock("second", port=port) + server("web", numprocesses=3) + watcher("x")
        )
        for _ in range(2):
            reply = daemon.call("reloadconfig", waiting=True)
            assert reply["status"] == "error"
            assert f"socket second: cannot bind 127.0.0.1:{port}" in reply["reason"]
            assert "nothing was changed" in reply["reason"]
            assert daemon.pids("web") == pids
            assert sockets(daemon) == {"web": row}
            assert daemon.ok("list")["watchers"] == ["web"]
            assert [answer(connect(row))] == pids
    daemon.ok("reloadconfig", waiting=True)
    assert set(sockets(daemon)) == {"web", "second"}
    assert len(daemon.pids("web")) == 3


def test_a_socket_that_is_added_and_removed(circusd):
    daemon = circusd(watcher("web"))
    pids = daemon.wait_pids("web", 1)
    reload(daemon, watcher("web") + sock("late"))
    row = sockets(daemon)["late"]
    connect(row).close()
    reload(daemon, watcher("web"))
    assert sockets(daemon) == {}
    with pytest.raises(ConnectionRefusedError):
        connect(row)
    assert daemon.pids("web") == pids


def test_reloads_good_and_bad_lose_no_descriptor(circusd):
    daemon = circusd(sock("web") + server("web", **QUICK))
    daemon.wait_pids("web", 1)
    texts = [
        sock("web", backlog=5) + server("web", **QUICK) + sock("more"),
        sock("web") + server("web", **QUICK) + sock("bad", host="192.0.2.1"),
        sock("web") + server("web", numprocesses="x"),
        sock("web") + server("web", **QUICK),
    ]

    def cycle():
        for text in texts:
            daemon.write(text)
            daemon.call("reloadconfig", waiting=True)
        return len(os.listdir(f"/proc/{daemon.pid}/fd"))

    first = cycle()
    for _ in range(3):
        wait_for(lambda: cycle() <= first, "as many descriptors as before")


# The service manager


@pytest.fixture
def manager(short_path):
    """The service manager's socket, and what it was told one datagram after another."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(short_path / "notify"))
        sock.settimeout(20)
        yield sock


def told(manager):
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())


def test_the_service_manager_is_told_of_readiness_reloads_and_the_end(circusd, manager):
    daemon = circusd(watcher("web"), env={"NOTIFY_SOCKET": manager.getsockname()})
    assert told(manager) == {"READY": "1"}
    assert daemon.call("numwatchers", seconds=2)["numwatchers"] == 1, "READY means ready"
    daemon.write(watcher("web") + watcher("new"))
    daemon.process.send_signal(signal.SIGHUP)
    reloading = told(manager)
    assert reloading.pop("RELOADING") == "1"
    assert int(reloading.pop("MONOTONIC_USEC")) > 0
    assert told(manager)["READY"] == "1"
    assert set(daemon.ok("list")["watchers"]) == {"new", "web"}
    daemon.process.terminate()
    assert told(manager)["STOPPING"] == "1"
    assert daemon.wait() == 0


def test_a_bad_file_ends_the_reload_for_the_service_manager_too(circusd, manager):
    daemon = circusd(watcher("web"), env={"NOTIFY_SOCKET": manager.getsockname()})
    assert told(manager) == {"READY": "1"}
    daemon.write("nonsense")
    daemon.process.send_signal(signal.SIGHUP)
    assert told(manager)["RELOADING"] == "1"
    assert told(manager)["READY"] == "1"


# A new life


def test_restart_of_everything_begins_anew_in_the_same_process(circusd):
    daemon = circusd(sock("a") + server("a") + watcher("gone") + watcher("web"))
    old = daemon.wait_pids("web", 1) + daemon.wait_pids("gone", 1) + daemon.wait_pids("a", 1)
    daemon.ok("add", name="extra", cmd="sleep 60", start=True, waiting=True)
    daemon.ok("stop", name="web", waiting=True)
    old += daemon.pids("extra")
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    daemon.write(sock("a", port=port) + server("a") + watcher("web", numprocesses=2))
    daemon.ok("restart", waiting=True)
    wait_for(lambda: daemon.ok("list")["watchers"] == ["a", "web"])
    assert len(daemon.wait_pids("web", 2)) == 2, "also what had been stopped starts"
    assert not any(map(alive, old))
    assert daemon.ok("dstats")["info"]["pid"] == daemon.pid
    assert [answer(connect(sockets(daemon)["a"]))] == daemon.wait_pids("a", 1)
    assert sockets(daemon)["a"]["port"] == port


def test_restart_with_a_bad_file_is_refused(circusd):
    daemon = circusd(watcher("web"))
    pids = daemon.wait_pids("web", 1)
    daemon.write("[watcher.web]\ncmd = 5\n")
    reply = daemon.call("restart", waiting=True)
    assert reply["status"] == "error"
    assert "circus.toml:5: " in reply["reason"]
    assert daemon.pids("web") == pids
    assert daemon.process.poll() is None


def test_restart_with_a_socket_in_use_goes_on_as_before(circusd):
    daemon = circusd(sock("a") + server("a"))
    daemon.wait_pids("a", 1)
    row = sockets(daemon)["a"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon.write(sock("a", port=port) + server("a"))
        daemon.call("restart", waiting=True)
        wait_for(lambda: f"cannot bind 127.0.0.1:{port}" in daemon.log())
        (pid,) = daemon.wait_pids("a", 1)
        assert answer(connect(row)) == pid


def test_sigterm_wins_during_a_restart(circusd):
    stubborn = "sh -c 'trap \"\" TERM; while :; do sleep 0.05; done'"
    daemon = circusd(watcher("stubborn", cmd=stubborn, copy_env=True, graceful_timeout=0.5))
    (pid,) = daemon.wait_pids("stubborn", 1)
    os.kill(pid, 0)
    daemon.ok("restart")
    assert daemon.terminate(10) == 0


def test_watchers_start_again_in_order_after_a_restart(circusd):
    text = "warmup_delay = 0.15\n" + watcher("a") + watcher("b", priority=1) + watcher("c")
    daemon = circusd(text)
    old = daemon.wait_pids("a", 1) + daemon.wait_pids("b", 1) + daemon.wait_pids("c", 1)
    daemon.ok("restart", waiting=True)
    started = []
    for name in ("b", "a", "c"):
        (pid,) = wait_for(lambda name=name: daemon.pids(name))
        assert pid not in old
        started += [r["started"] for r in daemon.ok("stats", name=name)["info"].values()]
    assert all(later - earlier >= 0.14 for earlier, later in pairwise(started))
