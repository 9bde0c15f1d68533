"""Managed sockets in use: who gets which descriptor, and that no connection is lost."""

import os
import signal
import socket
import stat
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.system.daemon import CIRCUSD, alive, wait_for
from tests.system.text import program, server, sock, table, watcher

QUICK = {"ready_after": 0.05, "graceful_timeout": 1}


def sockets(daemon):
    """The managed sockets by name."""
    return {row["name"]: row for row in daemon.ok("listsockets")["sockets"]}


def connect(row):
    """Connect to a managed socket."""
    if "path" in row:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(row["path"])
        return client
    return socket.create_connection((row["host"], row["port"]), timeout=20)


def words(connection):
    """What a worker of ours answered: its pid, and what it knows of the connection."""
    with connection, connection.makefile() as lines:
        return lines.readline().split()


def answer(connection):
    return int(words(connection)[0])


def descriptors(pid):
    """What the descriptors of a process refer to, by number."""
    folder = Path(f"/proc/{pid}/fd")
    found = {}
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # closed meanwhile
            found[int(name)] = os.readlink(folder / name)
    return found


def settled(pid, numbers):
    """The descriptors of a worker, just these *numbers* once its interpreter has read its file."""

    def found():
        theirs = descriptors(pid)
        return sorted(theirs) == sorted(numbers) and theirs

    return wait_for(found, f"{numbers} as descriptors of pid {pid}")


def arguments(pid):
    text = wait_for(Path(f"/proc/{pid}/cmdline").read_bytes, f"a command line of pid {pid}")
    return text.decode().rstrip("\0").split("\0")


# Who gets what


def test_the_number_works_in_cmd_and_in_args_of_every_worker(circusd):
    """And a worker has the standard three and its own socket, nothing else."""
    options = {"use_sockets": True, "numprocesses": 3, "copy_env": True}
    daemon = circusd(
        sock("web")
        + sock("other")
        + watcher("cmd", cmd=program("hold", "$(circus.sockets.web)"), **options)
        + watcher("args", cmd=program("hold"), args="((circus.sockets.WEB))", **options)
        + watcher("list", cmd=program("hold"), args=["$(circus.sockets.web)"], **options)
        + watcher("other", cmd=program("hold", "$(circus.sockets.other)"), **options)
    )
    names = {"cmd": "web", "args": "web", "list": "web", "other": "other"}
    pids = {name: daemon.wait_pids(name, 3) for name in names}
    ours = descriptors(daemon.pid)
    for name, used in names.items():
        fd = sockets(daemon)[used]["fd"]
        for pid in pids[name]:
            assert arguments(pid)[-1] == str(fd)
            assert settled(pid, [0, 1, 2, fd])[fd] == ours[fd], "the very same socket"


def test_without_a_mention_a_worker_gets_all_sockets_and_without_use_sockets_none(circusd):
    daemon = circusd(
        sock("a")
        + sock("b")
        + watcher("all", use_sockets=True)
        + watcher("none")
        + watcher("unused", cmd=program("hold", "$(circus.sockets.a)"))
    )
    fds = [row["fd"] for row in sockets(daemon.ready()).values()]
    expected = {"all": [0, 1, 2, *fds], "none": [0, 1, 2], "unused": [0, 1, 2]}
    for name, numbers in expected.items():
        (pid,) = daemon.wait_pids(name, 1)
        settled(pid, numbers)


def test_no_descriptor_of_circusds_caller_leaks_into_a_worker(circusd):
    """Not even one that was made inheritable and given to circusd."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        high = os.dup2(writer, 77, inheritable=True)
        wrapped = ["sh", "-c", 'exec "$@" 9</dev/zero', "sh", *CIRCUSD]
        for pure in (False, True):
            daemon = circusd(
                sock("web") + watcher("a", copy_env=True) + server("web"),
                program=wrapped,
                pass_fds=(writer, high),
                pure=pure,
            )
            for name in ("a", "web"):
                (pid,) = daemon.wait_pids(name, 1)
                settled(pid, [0, 1, 2] + [sockets(daemon)["web"]["fd"]] * (name == "web"))
            assert 9 in descriptors(daemon.pid), "circusd itself got them"
        os.close(high)
    finally:
        os.close(reader)
        os.close(writer)


# No connection is lost


def test_a_connection_that_waits_while_workers_are_restarted_is_answered(circusd):
    daemon = circusd(sock("web") + server("web", numprocesses=2, **QUICK))
    old = daemon.wait_pids("web", 2)
    row = sockets(daemon)["web"]
    assert answer(connect(row)) in old
    for pid in old:
        os.kill(pid, signal.SIGSTOP)  # whoever connects now waits
    waiting = [connect(row) for _ in range(5)]
    daemon.ok("restart", name="web", waiting=True)
    assert {answer(client) for client in waiting} <= set(daemon.pids("web")) - set(old)

    daemon.ok("stop", name="web", waiting=True)
    waiting = [connect(row) for _ in range(5)]
    daemon.ok("start", name="web", waiting=True)
    assert {answer(client) for client in waiting} <= set(daemon.pids("web"))


def test_connections_during_a_reload_are_all_answered(circusd):
    daemon = circusd(sock("web") + server("web", numprocesses=2, **QUICK))
    old = daemon.wait_pids("web", 2)
    row = sockets(daemon)["web"]
    daemon.ok("reload", name="web")
    answered = set()
    while not set(daemon.pids("web")).isdisjoint(old) or not answered - set(old):
        answered.add(answer(connect(row)))
    assert answered - set(old)


def test_accepted_connections_inherit_nodelay(circusd):
    daemon = circusd(sock("web") + server("web") + sock("slow", nodelay=False) + server("slow"))
    daemon.ready()
    assert words(connect(sockets(daemon)["web"]))[1] == "nodelay=1"
    assert words(connect(sockets(daemon)["slow"]))[1] == "nodelay=0"


# Kinds of sockets


def test_a_unix_socket_has_the_mode_that_its_octal_umask_leaves(circusd, short_path):
    paths = {mask: str(short_path / mask) for mask in ("007", "077", "117")}
    text = "".join(sock(f"s{mask}", path=path, umask=mask) for mask, path in paths.items())
    daemon = circusd(text + server("s007"))
    assert answer(connect(sockets(daemon.ready())["s007"])) in daemon.wait_pids("s007", 1)
    modes = {mask: stat.S_IMODE(os.stat(path).st_mode) for mask, path in paths.items()}
    assert modes == {"007": 0o770, "077": 0o700, "117": 0o660}
    assert daemon.terminate() == 0
    assert not any(map(os.path.exists, paths.values())), "files go with circusd"


def test_the_umask_of_an_ini_file_is_octal_too(circusd, short_path):
    path = short_path / "s"
    daemon = circusd(f"[socket:s]\npath = {path}\numask = 027\n", suffix="ini")
    daemon.ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_so_reuseport_gives_each_worker_a_listener_of_its_own(circusd):
    daemon = circusd(
        sock("web", so_reuseport=True) + server("web", numprocesses=3, copy_env=True, **QUICK)
    )
    pids = daemon.wait_pids("web", 3)
    row = sockets(daemon)["web"]
    listeners = set()
    for pid in pids:
        fd = int(arguments(pid)[-1])
        listeners.add(settled(pid, [0, 1, 2, fd])[fd])
    assert len(listeners) == 3
    assert listeners.isdisjoint(descriptors(daemon.pid).values()), "circusd keeps none of them"
    answered = set()
    wait_for(lambda: answered.add(answer(connect(row))) or answered == set(pids))
    daemon.ok("reload", name="web", waiting=True)
    new = set(daemon.pids("web"))
    assert new.isdisjoint(pids)
    assert answer(connect(row)) in new


def test_stdin_socket_is_descriptor_0(circusd):
    daemon = circusd(
        sock("inetd") + watcher("inetd", cmd=program("serve", 0), stdin_socket="INETD")
    )
    (pid,) = daemon.wait_pids("inetd", 1)
    row = sockets(daemon)["inetd"]
    assert answer(connect(row)) == pid
    assert settled(pid, [0, 1, 2])[0] == descriptors(daemon.pid)[row["fd"]]


def test_datagrams_reach_a_worker(circusd):
    daemon = circusd(
        sock("udp", type="SOCK_DGRAM")
        + watcher("udp", cmd=program("echo", "$(circus.sockets.udp)"), use_sockets=True)
    )
    (pid,) = daemon.wait_pids("udp", 1)
    row = sockets(daemon)["udp"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"hello", (row["host"], row["port"]))
        assert client.recv(100) == b"%d hello" % pid


# On demand


def on_demand(name, *args, **options):
    return server(name, *args, on_demand=True, **options)


def test_an_on_demand_watcher_starts_at_the_first_connection(circusd):
    daemon = circusd(
        sock("lazy") + on_demand("lazy", numprocesses=2) + sock("idle") + on_demand("idle")
    )
    row = sockets(daemon.ready())["lazy"]
    assert daemon.call("status")["statuses"] == {"lazy": "stopped", "idle": "stopped"}
    assert daemon.family() == []
    first = answer(connect(row))
    assert first in daemon.wait_pids("lazy", 2)
    assert answer(connect(row)) in daemon.pids("lazy")
    assert daemon.call("status")["statuses"] == {"lazy": "active", "idle": "stopped"}


def test_an_on_demand_watcher_rests_after_its_processes_ended_until_the_next_connection(circusd):
    """Each process ends by itself after one answer."""
    daemon = circusd(sock("lazy") + on_demand("lazy", 1))
    row = sockets(daemon.ready())["lazy"]
    for _ in range(3):
        pid = answer(connect(row))
        wait_for(lambda pid=pid: not alive(pid))
        wait_for(lambda: daemon.status("lazy") == "stopped", "rest")
        assert daemon.family() == []


def test_an_operators_stop_of_an_on_demand_watcher_holds(circusd):
    daemon = circusd(sock("lazy") + on_demand("lazy"))
    row = sockets(daemon.ready())["lazy"]
    daemon.ok("stop", name="lazy", waiting=True)
    client = connect(row)
    daemon.ok("reloadconfig", waiting=True)
    assert daemon.status("lazy") == "stopped"
    daemon.ok("start", name="lazy", waiting=True)
    assert answer(client) in daemon.wait_pids("lazy", 1)


def test_an_on_demand_watcher_that_leaves_its_connection_alone_does_not_spin(circusd):
    """Its socket stays readable; each start is held back longer than the one before."""
    daemon = circusd(
        sock("lazy")
        + watcher(
            "lazy",
            cmd="sh -c 'exit 1' $(circus.sockets.lazy)",
            copy_env=True,
            use_sockets=True,
            on_demand=True,
            backoff_min=0.2,
        )
        + sock("other")
        + on_demand("other")
    )
    events = daemon.subscribe().settle()
    with connect(sockets(daemon)["lazy"]):
        began = time.monotonic()
        for _ in range(7):
            events.until(lambda topic, body: topic == "watcher.lazy.spawn")
        assert time.monotonic() - began > 0.25, "pauses of 0, 0.1 to 0.2, 0.2 to 0.4 s and so on"
        assert answer(connect(sockets(daemon)["other"])) in daemon.wait_pids("other", 1)
    events.close()


def test_restart_does_not_wake_an_on_demand_watcher_that_rests(circusd):
    daemon = circusd(sock("lazy") + on_demand("lazy"))
    row = sockets(daemon.ready())["lazy"]
    for command in ("restart", "start", "reload"):
        daemon.ok(command, name="lazy", waiting=True)
        assert daemon.status("lazy") == "stopped"
    assert answer(connect(row)) in daemon.wait_pids("lazy", 1)
    (old,) = daemon.pids("lazy")
    daemon.ok("restart", name="lazy", waiting=True)
    (new,) = daemon.pids("lazy")
    assert new != old, "one that runs is restarted as any other"


def test_a_reload_tells_an_on_demand_watcher_where_to_wait(circusd):
    daemon = circusd(sock("a") + sock("b") + on_demand("a", watcher="lazy"))
    rows = sockets(daemon.ready())
    daemon.write(sock("a") + sock("b") + on_demand("b", watcher="lazy"))
    daemon.ok("reloadconfig", waiting=True)
    with connect(rows["a"]):
        assert daemon.status("lazy") == "stopped"
        assert answer(connect(rows["b"])) in daemon.wait_pids("lazy", 1)


def test_a_watcher_that_is_on_demand_no_longer_starts_at_the_reload(circusd):
    daemon = circusd(sock("lazy") + on_demand("lazy"))
    row = sockets(daemon.ready())["lazy"]
    daemon.write(sock("lazy") + server("lazy"))
    daemon.ok("reloadconfig", waiting=True)
    (pid,) = daemon.pids("lazy")
    assert answer(connect(row)) == pid


def test_reloadconfig_keeps_waiting_for_the_first_connection(circusd):
    text = sock("lazy") + on_demand("lazy")
    daemon = circusd(text)
    row = sockets(daemon.ready())["lazy"]
    daemon.write(text + watcher("more"))
    daemon.ok("reloadconfig", waiting=True)
    assert daemon.status("lazy") == "stopped"
    assert answer(connect(row)) in daemon.wait_pids("lazy", 1)


def test_many_connections_wait_in_a_full_backlog_without_harm(circusd):
    daemon = circusd(sock("web", backlog=64) + server("web", autostart=False))
    row = sockets(daemon.ready())["web"]
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(row)) for _ in range(50)]
        daemon.ok("start", name="web", waiting=True)
        assert {answer(client) for client in clients} == set(daemon.pids("web"))


@pytest.mark.parametrize("family", ["AF_INET6"])
def test_ipv6(circusd, family):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    daemon = circusd(table("socket.six", host="::1", port=0, family=family) + server("six"))
    assert answer(connect(sockets(daemon.ready())["six"])) in daemon.wait_pids("six", 1)
