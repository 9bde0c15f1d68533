"""The table of managed sockets changes as a whole or not at all, and keeps what need not change."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from circus.model.errors import SocketError
from circus.model.specs import SocketSpec
from circus.sockets.table import SocketPlan, SocketTable


def tcp(name: str, **options: object) -> SocketSpec:
    return SocketSpec(name=name, **{"host": "127.0.0.1", "port": 0, **options})  # type: ignore[arg-type]


@pytest.fixture
def table():
    sockets = SocketTable()
    yield sockets
    sockets.close_all()


def talk(address: tuple[str, int] | str) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(5)
        client.connect(address)


def test_names_ignore_case(table: SocketTable):
    table.open_all([tcp("Web")])
    assert "WEB" in table
    assert table["wEb"].name == "Web"
    assert table.fds() == {"web": table["web"].fileno()}
    with pytest.raises(KeyError):
        table["other"]


def test_two_names_that_differ_only_in_case_are_refused(table: SocketTable):
    with pytest.raises(SocketError, match="there are two of this name"):
        table.open_all([tcp("web"), tcp("WEB")])
    assert len(table) == 0


def test_all_are_opened_or_none(table: SocketTable, tmp_path: Path):
    before = os.listdir("/proc/self/fd")
    specs = [
        tcp("web"),
        SocketSpec(name="ux", path=str(tmp_path / "ux.sock")),
        SocketSpec(name="bad", path=str(tmp_path / "missing" / "bad.sock")),
    ]
    with pytest.raises(SocketError, match="socket bad: "):
        table.open_all(specs)
    assert len(table) == 0
    assert list(tmp_path.iterdir()) == []
    assert os.listdir("/proc/self/fd") == before


def test_listsockets_shows_them_by_descriptor(table: SocketTable, tmp_path: Path):
    path = str(tmp_path / "ux.sock")
    table.open_all([tcp("web", backlog=5), SocketSpec(name="ux", path=path)])
    web, ux = table["web"], table["ux"]
    assert table.listing() == [
        {"fd": web.fileno(), "name": "web", "backlog": 5, "host": "127.0.0.1", "port": web.port},
        {"fd": ux.fileno(), "name": "ux", "backlog": 2048, "path": path},
    ]
    assert web.fileno() < ux.fileno()


def test_closing_removes_socket_files(table: SocketTable, tmp_path: Path):
    table.open_all([SocketSpec(name="ux", path=str(tmp_path / "ux.sock"))])
    table.close_all()
    assert list(tmp_path.iterdir()) == []
    assert len(table) == 0


# A new configuration


def test_an_unchanged_socket_keeps_its_descriptor_and_its_queue(table: SocketTable):
    table.open_all([tcp("web"), tcp("api")])
    fd, port = table["web"].fileno(), table["web"].port
    with socket.create_connection(("127.0.0.1", port), timeout=5):  # waits in the queue
        plan = table.apply([tcp("web"), tcp("new")])
        assert plan == SocketPlan(added=("new",), removed=("api",), kept=("web",))
        assert table["web"].fileno() == fd
        table["web"].sock.settimeout(5)
        table["web"].sock.accept()[0].close()


def test_plan_says_what_apply_would_do_and_does_nothing(table: SocketTable):
    table.open_all([tcp("web"), tcp("api")])
    port = table["web"].port
    fds = table.fds()
    plan = table.plan([tcp("web", backlog=7), tcp("api", type="SOCK_DGRAM"), tcp("new")])
    assert plan == SocketPlan(added=("new",), rebound=("api",), tuned=("web",))
    assert plan.changes
    assert table.fds() == fds
    assert table["web"].port == port
    assert not table.plan([tcp("web"), tcp("api")]).changes


def test_backlog_nodelay_and_blocking_change_live(table: SocketTable):
    table.open_all([tcp("web")])
    fd = table["web"].fileno()
    plan = table.apply([tcp("web", backlog=9, nodelay=False, blocking=True)])
    assert plan == SocketPlan(tuned=("web",))
    assert table["web"].fileno() == fd
    assert os.get_blocking(fd)
    assert table["web"].sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_what_a_worker_set_on_a_shared_socket_outlives_a_reload(table: SocketTable):
    table.open_all([tcp("web")])
    os.set_blocking(table["web"].fileno(), True)  # as some servers do; all holders share the flag
    table.apply([tcp("web"), tcp("new")])
    table.apply([tcp("web", backlog=9), tcp("new")])
    assert os.get_blocking(table["web"].fileno())


def test_another_spelling_of_the_same_address_is_no_change(table: SocketTable):
    table.open_all([tcp("web")])
    fd, port = table["web"].fileno(), table["web"].port
    assert table.apply([tcp("web", host="localhost", port=port)]).rebound == ()
    assert table["web"].fileno() == fd


def test_a_renamed_socket_keeps_its_listener(table: SocketTable):
    table.open_all([tcp("web", port=0)])
    port = table["web"].port
    table.apply([tcp("web", port=port)])
    fd = table["web"].fileno()
    plan = table.apply([tcp("front", port=port)])
    assert plan == SocketPlan(added=("front",), removed=("web",))
    assert table.fds() == {"front": fd}
    assert table["front"].name == "front"


def test_a_socket_moves_although_workers_hold_the_old_one(table: SocketTable):
    table.open_all([tcp("web", host="0.0.0.0")])
    port = table["web"].port
    held_by_worker = os.dup(table["web"].fileno())
    try:
        plan = table.apply([tcp("web", host="127.0.0.1", port=port)])
        assert plan.rebound == ("web",)
        assert table["web"].location == f"127.0.0.1:{port}"
        talk(("127.0.0.1", port))
    finally:
        os.close(held_by_worker)


def test_a_unix_socket_is_made_anew_under_its_own_path(table: SocketTable, tmp_path: Path):
    path = str(tmp_path / "ux.sock")
    table.open_all([SocketSpec(name="ux", path=path, umask=0o077)])
    plan = table.apply([SocketSpec(name="ux", path=path, umask=0o007)])
    assert plan.rebound == ("ux",)
    assert os.stat(path).st_mode & 0o777 == 0o770
    assert os.listdir(tmp_path) == ["ux.sock"]
    talk(path)


def test_a_socket_file_that_somebody_removed_is_made_again(table: SocketTable, tmp_path: Path):
    spec = SocketSpec(name="ux", path=str(tmp_path / "ux.sock"))
    table.open_all([spec])
    os.unlink(tmp_path / "ux.sock")
    assert table.apply([spec]).rebound == ("ux",)
    talk(str(tmp_path / "ux.sock"))


def test_when_one_fails_everything_is_as_before(table: SocketTable, tmp_path: Path):
    ux = SocketSpec(name="ux", path=str(tmp_path / "ux.sock"), umask=0o077)
    table.open_all([tcp("web", host="0.0.0.0"), tcp("api", backlog=5), ux])
    port = table["web"].port
    before = (table.listing(), os.listdir("/proc/self/fd"))
    with pytest.raises(SocketError, match="socket bad: "):
        table.apply(
            [
                tcp("web", host="127.0.0.1", port=port),  # needs the port of the old one
                tcp("api", backlog=9),
                SocketSpec(name="ux", path=str(tmp_path / "ux.sock"), umask=0o007),
                tcp("new"),
                SocketSpec(name="bad", path=str(tmp_path / "missing" / "bad.sock")),
            ]
        )
    assert (table.listing(), os.listdir("/proc/self/fd")) == before
    assert table["api"].spec.backlog == 5
    assert os.listdir(tmp_path) == ["ux.sock"]
    assert os.stat(tmp_path / "ux.sock").st_mode & 0o777 == 0o700
    talk(("127.0.0.1", port))
    talk(str(tmp_path / "ux.sock"))


def test_opening_twice_is_refused(table: SocketTable):
    table.open_all([tcp("web")])
    with pytest.raises(SocketError, match="open already"):
        table.open_all([tcp("web")])


# One listener per slot


def test_each_slot_gets_a_listener_of_its_own(table: SocketTable):
    table.open_all([tcp("web", so_reuseport=True), tcp("api")])
    assert table.fds() == {"api": table["api"].fileno()}
    first, second = table.listener("web"), table.listener("web")
    try:
        assert first.port == second.port == table["web"].port
        assert len({first.fileno(), second.fileno(), table["web"].fileno()}) == 3
        first.close()  # the second goes on
        for _ in range(4):
            talk(("127.0.0.1", second.port or 0))
    finally:
        first.close()
        second.close()


def test_the_table_itself_takes_no_connection_of_a_reuseport_socket(table: SocketTable):
    table.open_all([tcp("web", so_reuseport=True)])
    with pytest.raises(ConnectionRefusedError):
        talk(("127.0.0.1", table["web"].port or 0))
    table.apply([tcp("web", so_reuseport=True, backlog=3)])
    with pytest.raises(ConnectionRefusedError):
        talk(("127.0.0.1", table["web"].port or 0))


def test_no_datagram_of_a_reuseport_socket_is_swallowed(table: SocketTable):
    table.open_all([tcp("log", type="SOCK_DGRAM", so_reuseport=True)])
    listener = table.listener("log")
    try:
        listener.sock.settimeout(5)
        for _ in range(16):  # the kernel spreads senders over all that are bound
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("127.0.0.1", listener.port or 0))
            assert listener.sock.recv(1) == b"x"
    finally:
        listener.close()


def test_a_shared_socket_has_no_listener_per_slot(table: SocketTable):
    table.open_all([tcp("web")])
    with pytest.raises(SocketError, match="so_reuseport = true"):
        table.listener("web")
