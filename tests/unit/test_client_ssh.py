"""The SSH tunnel, with a program that plays ssh."""

import os
import socket
import stat
import sys

import pytest

from circus.client import CallError
from circus.client.ssh import Tunnel, ssh_command

FAKE = f"""#!{sys.executable} -IS
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("-L") + 1].partition(":")[0])
listener.listen()
while True:
    listener.accept()[0].close()
"""


def program(short_path, text):
    path = short_path / "ssh"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_the_near_end_is_a_file_of_our_own_and_goes_with_the_tunnel(short_path):
    tunnel = Tunnel("host", "ipc:///far.sock", program=program(short_path, FAKE))
    path = tunnel.endpoint.removeprefix("ipc://")
    directory = os.path.dirname(path)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
    tunnel.close()
    tunnel.close()
    assert not os.path.exists(directory)


def test_what_ssh_says_is_said(short_path):
    ssh = program(short_path, "#!/bin/sh\necho 'no route to host' >&2; exit 255\n")
    with pytest.raises(CallError, match="no tunnel to host: no route to host"):
        Tunnel("host", program=ssh)


def test_an_ssh_that_ends_without_a_word_is_said(short_path):
    with pytest.raises(CallError, match="ssh ended with status 3"):
        Tunnel("host", program=program(short_path, "#!/bin/sh\nexit 3\n"))


def test_the_wait_has_an_end(short_path):
    ssh = program(short_path, "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(CallError, match="no connection in time"):
        Tunnel("host", program=ssh, timeout=0.1)


def test_a_missing_ssh_is_said(short_path):
    with pytest.raises(CallError, match="cannot run"):
        Tunnel("host", program=f"{short_path}/none")


def test_the_words_given_to_ssh():
    words = ssh_command("me@host:2222", "tcp://127.0.0.1:5555", "/t/s", "/k")
    assert words[0] == "ssh"
    assert words[words.index("-p") : words.index("-p") + 2] == ["-p", "2222"]
    assert words[words.index("-i") : words.index("-i") + 2] == ["-i", "/k"]
    assert words[-3:] == ["-L", "/t/s:127.0.0.1:5555", "me@host"]
    assert ssh_command("host", "ipc:///run/c.sock", "/t/s")[-2:] == ["/t/s:/run/c.sock", "host"]


@pytest.mark.parametrize(
    ("server", "target"),
    [("-oProxyCommand=x", "ipc:///x"), ("", "ipc:///x"), ("host", "inproc://x"), ("host", "x")],
)
def test_words_that_ssh_would_misread_are_refused(server, target):
    with pytest.raises(CallError):
        Tunnel(server, target)
