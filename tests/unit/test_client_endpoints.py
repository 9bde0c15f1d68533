"""Where circusd listens by default, and how a client finds it."""

import os
import socket
import subprocess
import sys

import pytest

from circus.client import endpoints


@pytest.fixture(autouse=True)
def _runtime(monkeypatch, short_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_path))
    monkeypatch.setattr(endpoints, "SYSTEM_DIRECTORY", f"{short_path}/run/circus")
    monkeypatch.setattr(endpoints, "CLASSIC_ENDPOINT", "tcp://127.0.0.1:1")


@pytest.fixture
def listener(short_path):
    """Make a listening socket file."""
    made = []

    def listen(path):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        sock = socket.socket(socket.AF_UNIX)
        made.append(sock)
        sock.bind(str(path))
        sock.listen()
        return f"ipc://{path}"

    yield listen
    for sock in made:
        sock.close()


def test_the_defaults_are_files_under_the_runtime_directory(short_path):
    assert endpoints.default_endpoint() == f"ipc://{short_path}/circus/control.sock"
    assert endpoints.default_pubsub_endpoint() == f"ipc://{short_path}/circus/events.sock"
    assert endpoints.default_stats_endpoint() == f"ipc://{short_path}/circus/stats.sock"


@pytest.mark.parametrize("runtime", [None, "", "relative", "/no/such/dir"])
def test_without_a_runtime_directory_root_has_run_and_others_tmp(monkeypatch, runtime):
    if runtime is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert endpoints.runtime_directory() == "/tmp/circus-1234"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert endpoints.runtime_directory() == endpoints.SYSTEM_DIRECTORY
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert endpoints.runtime_directory() == "/tmp/circus-0"


def test_the_runtime_directory_is_for_its_owner_alone(short_path):
    mask = os.umask(0)
    try:
        directory = endpoints.make_runtime_directory()
    finally:
        os.umask(mask)
    assert os.stat(directory).st_mode & 0o777 == 0o700
    assert endpoints.make_runtime_directory() == directory


def test_a_runtime_directory_made_by_somebody_else_is_a_trap(short_path):
    os.mkdir(short_path / "circus", 0o700)
    os.chmod(short_path / "circus", 0o777)
    with pytest.raises(PermissionError, match="not circusd's own"):
        endpoints.make_runtime_directory()
    os.rmdir(short_path / "circus")
    os.symlink("/tmp", short_path / "circus")
    with pytest.raises(PermissionError, match="not circusd's own"):
        endpoints.make_runtime_directory()


def test_the_environment_names_the_endpoint(monkeypatch):
    monkeypatch.setenv("CIRCUSCTL_ENDPOINT", "tcp://127.0.0.1:9")
    assert endpoints.find_endpoint() == "tcp://127.0.0.1:9"


def test_a_client_finds_the_file_that_is_there(short_path, listener):
    assert endpoints.find_endpoint() == endpoints.default_endpoint(), "the default, for the error"
    system = listener(f"{short_path}/run/circus/control.sock")
    assert endpoints.find_endpoint() == system
    own = listener(f"{short_path}/circus/control.sock")
    assert endpoints.find_endpoint() == own
    events = listener(f"{short_path}/run/circus/events.sock")
    assert endpoints.find_pubsub_endpoint() == events


def test_a_file_in_a_directory_open_to_others_is_not_trusted(short_path, listener):
    listener(f"{short_path}/circus/control.sock")
    os.chmod(short_path / "circus", 0o770)
    assert endpoints.find_endpoint() == endpoints.default_endpoint()
    assert endpoints.find_pubsub_endpoint() == endpoints.default_pubsub_endpoint()


def test_the_classic_port_is_used_where_somebody_listens(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        classic = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(endpoints, "CLASSIC_ENDPOINT", classic)
        assert endpoints.find_endpoint() == classic
    assert endpoints.find_endpoint() == endpoints.default_endpoint()


def test_it_is_known_who_listens_here(short_path, listener):
    live = listener(f"{short_path}/live.sock")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"{short_path}/stale.sock")
    assert endpoints.is_listening(live) is True
    assert endpoints.is_listening(f"ipc://{short_path}/stale.sock") is False
    assert endpoints.is_listening(f"ipc://{short_path}/none.sock") is False
    assert endpoints.is_listening("tcp://127.0.0.1:1") is False
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert endpoints.is_listening(f"tcp://127.0.0.1:{port}") is True
        assert endpoints.is_listening(f"tcp://localhost:{port}") is True


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://192.0.2.1:5", "ipc://@x", "ipc://", "x", "tcp://127.0.0.1:99999", "ipc://" + "x" * 200],
)
def test_it_is_not_guessed_who_listens_elsewhere(endpoint):
    assert endpoints.is_listening(endpoint) is None


def test_no_zeromq_is_loaded_for_it():
    code = (
        "import sys, circus.client.endpoints as e; e.find_endpoint(); "
        "sys.exit(any(m in sys.modules for m in ('zmq', 'json', 'dataclasses', 'typing')))"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True, timeout=30)
