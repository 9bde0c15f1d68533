"""What a managed socket is once it is bound, and what is said where it cannot be."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from circus.model.errors import SocketError
from circus.model.specs import SocketSpec
from circus.sockets.bind import ManagedSocket, bind

LOOPBACK = {"host": "127.0.0.1", "port": 0}


def web(**options: object) -> SocketSpec:
    return SocketSpec(name="web", **options)  # type: ignore[arg-type]


@pytest.fixture
def bound(request: pytest.FixtureRequest):
    """Bind and close at the end."""

    def make(spec: SocketSpec) -> ManagedSocket:
        managed = bind(spec)
        request.addfinalizer(managed.close)
        return managed

    return make


def refusal(spec: SocketSpec) -> str:
    with pytest.raises(SocketError) as caught:
        bind(spec).close()
    return str(caught.value)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def test_a_tcp_socket_listens_and_knows_the_port_it_got(bound):
    managed = bound(web(**LOOPBACK))
    assert managed.port != 0
    assert (managed.host, managed.path) == ("127.0.0.1", None)
    assert managed.location == f"127.0.0.1:{managed.port}"
    assert str(managed) == f"socket 'web' at 127.0.0.1:{managed.port}"
    with socket.create_connection(("127.0.0.1", managed.port), timeout=5):
        pass


def test_it_stays_out_of_programs_that_are_not_given_it(bound):
    managed = bound(web(**LOOPBACK))
    assert not os.get_inheritable(managed.fileno())
    assert managed.fileno() > 2


def test_standard_descriptors_are_never_taken():
    """A daemon may run without 0, 1 and 2."""
    program = (
        "import os\n"
        "from circus.model.specs import SocketSpec\n"
        "from circus.sockets.bind import bind\n"
        "report = os.dup2(1, 9)\n"
        "os.close(0); os.close(1); os.close(2)\n"
        "managed = bind(SocketSpec(name='web', host='127.0.0.1', port=0))\n"
        "os.write(9, b'%d %s' % (managed.fileno(), b'no' if os.get_inheritable("
        "managed.fileno()) else b'yes'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    number, closed_on_exec = done.stdout.split()
    assert int(number) >= 3
    assert closed_on_exec == b"yes"


def test_it_does_not_block_unless_told_to(bound):
    def blocks(managed: ManagedSocket) -> bool:
        return not fcntl.fcntl(managed.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK

    assert not blocks(bound(web(**LOOPBACK)))
    assert blocks(bound(web(**LOOPBACK, blocking=True)))


@pytest.mark.parametrize("nodelay", [True, False])
def test_accepted_connections_inherit_nodelay(bound, nodelay):
    managed = bound(web(**LOOPBACK, nodelay=nodelay, blocking=True))
    managed.sock.settimeout(5)
    with socket.create_connection(("127.0.0.1", managed.port), timeout=5):
        connection, _peer = managed.sock.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == nodelay


def test_datagrams(bound):
    managed = bound(web(**LOOPBACK, type="SOCK_DGRAM", blocking=True))
    managed.sock.settimeout(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", ("127.0.0.1", managed.port))
    assert managed.sock.recv(10) == b"hello"


def test_two_programs_cannot_share_a_port_for_datagrams_unawares(bound):
    managed = bound(web(**LOOPBACK, type="SOCK_DGRAM"))
    said = refusal(web(host="127.0.0.1", port=managed.port, type="SOCK_DGRAM"))
    assert f"socket web: cannot bind 127.0.0.1:{managed.port}: address already in use" in said


def test_a_multicast_group_may_have_several_listeners(bound):
    first = bound(web(host="239.1.2.3", port=0, type="SOCK_DGRAM"))
    assert first.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@needs_ipv6
def test_ipv6(bound):
    managed = bound(web(host="::1", port=0, family="AF_INET6"))
    assert managed.location == f"[::1]:{managed.port}"
    with socket.create_connection(("::1", managed.port), timeout=5):
        pass


@needs_ipv6
def test_the_ipv6_wildcard_serves_ipv4_too(bound):
    managed = bound(web(host="::", port=0, family="AF_INET6"))
    with socket.create_connection(("127.0.0.1", managed.port), timeout=5):
        pass


def test_several_listeners_share_a_reuseport_address(bound):
    first = bound(web(**LOOPBACK, so_reuseport=True))
    second = bound(web(host="127.0.0.1", port=first.port, so_reuseport=True))
    assert second.port == first.port
    assert second.fileno() != first.fileno()


def test_an_interface_is_bound_to(bound):
    managed = bound(web(**LOOPBACK, interface="lo"))
    name = managed.sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
    assert name.rstrip(b"\0") == b"lo"


def test_a_device_that_may_not_be_bound_to(monkeypatch):
    def denied(self: socket.socket, *option: object) -> None:
        if socket.SO_BINDTODEVICE in option:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket.socket, "setsockopt", denied)
    assert refusal(web(**LOOPBACK, interface="eth7")) == (
        "socket web: cannot bind to the device eth7: operation not permitted. "
        "Binding to a device needs root or CAP_NET_RAW"
    )


def test_the_backlog_is_changed_while_it_listens(bound):
    managed = bound(web(**LOOPBACK, backlog=1))
    managed.tune(web(**LOOPBACK, backlog=64, nodelay=False))
    assert managed.spec.backlog == 64
    assert managed.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    peers = [socket.create_connection(("127.0.0.1", managed.port), timeout=5) for _ in range(8)]
    for peer in peers:
        peer.close()


# What cannot be bound


def test_a_port_in_use_is_named_with_the_way_to_its_holder(bound):
    managed = bound(web(**LOOPBACK))
    assert refusal(web(host="127.0.0.1", port=managed.port)) == (
        f"socket web: cannot bind 127.0.0.1:{managed.port}: address already in use. "
        f"Find who listens there with: ss -lnp 'sport = :{managed.port}'"
    )


def test_a_privileged_port(monkeypatch):
    def denied(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    assert refusal(web(host="0.0.0.0", port=80)) == (
        "socket web: cannot bind 0.0.0.0:80: permission denied. "
        "Use a port above 1023 or grant CAP_NET_BIND_SERVICE"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "192.0.2.1", "port": 0}, "Write an address that this machine has"),
        ({"host": "::1", "port": 0}, "cannot find the address of host '::1' (AF_INET)"),
        ({"host": "127.0.0.1", "port": 70000}, "Write a number from 0 to 65535"),
        ({**LOOPBACK, "proto": "nonsense"}, "proto = nonsense: unknown protocol"),
        ({**LOOPBACK, "proto": "udp"}, "family, type and proto do not fit"),
        ({**LOOPBACK, "interface": "nonesuch0"}, "nonesuch0"),
        ({"family": "AF_UNIX"}, "a unix socket needs a path"),
    ],
)
def test_every_refusal_names_the_socket_and_the_way_out(options, said):
    message = refusal(web(**options))
    assert message.startswith("socket web: ")
    assert said in message


def test_a_host_that_nobody_knows(monkeypatch):
    def unknown(*args: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert refusal(web(host="no.such.host.invalid", port=0)) == (
        "socket web: cannot find the address of host 'no.such.host.invalid' (AF_INET): name or "
        "service not known. Write an address of this machine, as in host = 127.0.0.1"
    )


def test_a_failed_bind_leaves_no_descriptor(bound):
    managed = bound(web(**LOOPBACK))
    before = os.listdir("/proc/self/fd")
    refusal(web(host="127.0.0.1", port=managed.port))
    assert os.listdir("/proc/self/fd") == before


# Unix sockets


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_a_unix_socket_is_made_and_goes_with_its_owner(tmp_path: Path, kind: str):
    path = tmp_path / "web.sock"
    managed = bind(web(path=str(path), type=kind))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert (managed.location, managed.host, managed.port) == (str(path), None, None)
    with socket.socket(socket.AF_UNIX, getattr(socket, kind)) as client:
        client.connect(str(path))
    managed.close()
    assert not path.exists()


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o700), (0o007, 0o770), (0o000, 0o777)])
def test_the_umask_gives_the_file_mode(tmp_path: Path, bound, umask: int, mode: int):
    before = os.umask(0o022)
    try:
        path = tmp_path / "web.sock"
        bound(web(path=str(path), umask=umask))
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_socket_file_left_by_a_dead_listener_is_taken_over(tmp_path: Path, bound):
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    managed = bound(web(path=str(path)))
    assert managed.sock.getsockname() == str(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_live_listener_keeps_its_path(tmp_path: Path, kind: int):
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX, kind) as alive:
        alive.bind(str(path))
        if kind == socket.SOCK_STREAM:
            alive.listen()
        assert "in use: a program listens there" in refusal(web(path=str(path)))
        assert path.exists()


def test_a_listener_whose_queue_is_full_is_alive(tmp_path: Path):
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as alive, socket.socket(socket.AF_UNIX) as queued:
        alive.bind(str(path))
        alive.listen(0)
        queued.connect(str(path))
        assert "in use" in refusal(web(path=str(path)))


def test_replace_takes_the_path_from_whatever_has_it(tmp_path: Path, bound):
    path = tmp_path / "web.sock"
    path.write_text("not a socket")
    assert "set replace = true" in refusal(web(path=str(path)))
    first = bound(web(path=str(path), replace=True))
    second = bound(web(path=str(path), replace=True))
    assert second.file != first.file
    first.close()  # its name is another's by now
    assert path.exists()


def test_no_directory_is_ever_replaced(tmp_path: Path):
    assert "it is a directory" in refusal(web(path=str(tmp_path), replace=True))


def test_a_path_that_is_too_long(tmp_path: Path):
    said = refusal(web(path=str(tmp_path / ("x" * 120))))
    assert "is longer than 107 bytes" in said


def test_a_path_of_full_length_is_fine(tmp_path: Path, monkeypatch, bound):
    monkeypatch.chdir(tmp_path)
    assert bound(web(path="x" * 107)).path == "x" * 107


def test_a_missing_directory_is_named(tmp_path: Path):
    missing = tmp_path / "missing"
    assert refusal(web(path=str(missing / "web.sock"))) == (
        f"socket web: cannot bind {missing}/web.sock: no such file or directory. "
        f"Make the directory first: mkdir -p {missing}"
    )
