"""Binding: who may open the endpoint, and what is said when it cannot be had."""

import os
import pwd
import socket
import stat

import pytest
import zmq

from circus.control.endpoint import Account, bind, find_account
from circus.model.addresses import is_loopback
from circus.model.errors import SocketError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def context():
    made = zmq.Context()
    yield made
    made.term()


@pytest.fixture
def router(context):
    with context.socket(zmq.ROUTER) as sock:
        sock.linger = 0
        yield sock


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def refusal(router, endpoint, **settings):
    mask = os.umask(0)
    os.umask(mask)
    with pytest.raises(SocketError) as caught:
        bind(router, endpoint, what="control endpoint", **settings)
    assert os.umask(mask) == mask, "the file mode mask is as before"
    return str(caught.value)


# ipc


def test_only_the_owner_can_open_the_file_and_its_new_directory(router, short_path):
    before = os.umask(0)
    try:
        binding = bind(router, f"ipc://{short_path}/a/b/c.sock", what="")
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert mode(f"{short_path}/a/b/c.sock") == 0o600
    assert mode(f"{short_path}/a/b") == 0o700
    assert binding.address == f"ipc://{short_path}/a/b/c.sock"
    binding.release()
    assert os.listdir(f"{short_path}/a/b") == []
    binding.release()


def test_release_leaves_a_file_that_is_not_ours(router, short_path):
    path = f"{short_path}/c.sock"
    binding = bind(router, f"ipc://{path}", what="")
    os.unlink(path)
    with open(path, "w"):
        pass
    binding.release()
    assert os.path.exists(path)


def test_a_stale_file_is_replaced(router, short_path):
    path = f"{short_path}/c.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    bind(router, f"ipc://{path}", what="").release()


def test_a_live_endpoint_is_not_taken_over(router, short_path):
    path = f"{short_path}/c.sock"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(path)
        live.listen(1)
        reason = refusal(router, f"ipc://{path}")
        assert reason.startswith(f"control endpoint ipc://{path}: in use")
        assert "circusctl quit" in reason
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)  # it still listens there
        for _ in range(3):  # a full queue is alive, too
            extra = socket.socket(socket.AF_UNIX)
            extra.setblocking(False)
            extra.connect_ex(path)
            extra.close()
        assert "in use" in refusal(router, f"ipc://{path}")


def test_a_file_that_is_no_socket_is_left_alone(router, short_path):
    path = f"{short_path}/c.sock"
    with open(path, "w") as file:
        file.write("precious")
    assert "no socket" in refusal(router, f"ipc://{path}")
    with open(path) as file:
        assert file.read() == "precious"


def test_a_path_is_107_bytes_at_most(router, short_path):
    fits = f"{short_path}/" + "x" * (107 - len(f"{short_path}/"))
    bind(router, f"ipc://{fits}", what="").release()
    reason = refusal(router, f"ipc://{fits}y")
    assert "the path has 108 bytes, a unix socket at most 107" in reason


def test_a_directory_where_anybody_may_replace_it_is_refused(router, short_path):
    os.mkdir(short_path / "open")
    os.chmod(short_path / "open", 0o777)
    assert "chmod o-w" in refusal(router, f"ipc://{short_path}/open/c.sock")
    os.chmod(short_path / "open", 0o1777)
    bind(router, f"ipc://{short_path}/open/c.sock", what="").release()


def test_a_directory_that_cannot_be_made_says_why(router, short_path):
    (short_path / "file").touch()
    assert "cannot make the directory" in refusal(router, f"ipc://{short_path}/file/x/c.sock")
    assert "is no directory" in refusal(router, f"ipc://{short_path}/file/c.sock")


@pytest.mark.parametrize("endpoint", ["ipc://@abstract", "ipc://*"])
def test_an_endpoint_without_a_guarding_file_is_refused(router, endpoint):
    assert "no file guards" in refusal(router, endpoint)


def connects_as_nobody(path):
    """Tell whether another user can open the socket file."""
    os.seteuid(NOBODY.pw_uid)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
    except PermissionError:
        return False
    finally:
        os.seteuid(0)
    return True


@AS_ROOT
def test_strangers_stay_out(router, short_path):
    os.chmod(short_path, 0o755)
    bind(router, f"ipc://{short_path}/c.sock", what="")
    assert not connects_as_nobody(f"{short_path}/c.sock")


@AS_ROOT
def test_the_owner_can_open_the_file(router, short_path):
    os.chmod(short_path, 0o755)
    owner = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)
    bind(router, f"ipc://{short_path}/new/c.sock", what="", owner=owner)
    assert os.stat(f"{short_path}/new/c.sock").st_uid == NOBODY.pw_uid
    assert mode(f"{short_path}/new/c.sock") == 0o600
    assert connects_as_nobody(f"{short_path}/new/c.sock")


def test_an_owner_is_a_user_of_this_system():
    assert find_account("root") == Account("root", 0, 0)
    assert find_account("0").name == "root"
    for user in ("no-such-one", "4294967290", "99999999999999999999"):
        with pytest.raises(SocketError, match=f"endpoint_owner = {user}: there is no such user"):
            find_account(user)


# tcp


def test_a_free_port_is_filled_in(router):
    binding = bind(router, "tcp://127.0.0.1:*", what="")
    assert binding.address.startswith("tcp://127.0.0.1:")
    assert binding.address[16:].isdigit()


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://*:5555",
        "tcp://0.0.0.0:*",
        "tcp://[::]:*",
        "tcp://eth0:1",
        "tcp://192.0.2.1:5",
        "tcp://x",
    ],
)
def test_a_port_that_other_hosts_reach_is_refused(router, endpoint):
    reason = refusal(router, endpoint)
    assert "there is no login" in reason
    assert "allow_insecure = true" in reason


def test_the_operator_may_insist(router):
    binding = bind(router, "tcp://0.0.0.0:*", what="", allow_insecure=True)
    assert binding.address.startswith("tcp://0.0.0.0:")


def test_a_port_in_use_is_said(router, context):
    with context.socket(zmq.ROUTER) as other:
        other.linger = 0
        endpoint = bind(other, "tcp://127.0.0.1:*", what="").address
        assert f"{endpoint}: in use" in refusal(router, endpoint)


@pytest.mark.parametrize("endpoint", ["", "5555", "ipc://", "nonsense"])
def test_what_is_no_endpoint_is_said(router, endpoint):
    assert "not an endpoint" in refusal(router, endpoint)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1", "tcp://127.0.0.1:port"])
def test_what_cannot_be_bound_is_said(router, endpoint):
    assert endpoint in refusal(router, endpoint)


def test_loopback_is_this_host_only():
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost", "lo"]))
    assert not any(
        map(is_loopback, ["0.0.0.0", "::", "*", "10.0.0.1", "eth0", "", "localhost.evil"])
    )
