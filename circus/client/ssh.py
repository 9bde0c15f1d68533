"""A tunnel to a circusd on another host, by the OpenSSH client: `ssh -N -L FILE:TARGET HOST`.

The near end is a socket file in a directory that only we can enter. The ssh process lives until
close(), or until this process ends.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from typing import Final

from circus.client.errors import CallError

DEFAULT_TARGET: Final = "ipc:///run/circus/control.sock"
DEADLINE: Final = 30.0
"""Seconds to connect in: a person may have to type a passphrase."""

_STEP: Final = 0.02
_KILL_AFTER: Final = 2.0
_SHOWN: Final = 2_000


class Tunnel:
    """A way to *target*, an endpoint of the host *server*: [user@]host[:port]."""

    def __init__(
        self,
        server: str,
        target: str | None = None,
        keyfile: str | None = None,
        *,
        timeout: float = DEADLINE,
        program: str = "ssh",
    ) -> None:
        directory = tempfile.mkdtemp(prefix="circus-ssh-")
        path = os.path.join(directory, "s")
        self.endpoint = f"ipc://{path}"
        """What to connect to here."""
        try:
            command = ssh_command(server, target or DEFAULT_TARGET, path, keyfile, program)
            with open(os.path.join(directory, "log"), "wb") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        except (OSError, ValueError) as exc:
            shutil.rmtree(directory, ignore_errors=True)
            raise CallError(f"cannot run {program}: {exc}") from exc
        self._close = weakref.finalize(self, _end, process, directory)
        try:
            _await_socket(process, path, server, time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End ssh and remove the near end. It is harmless to do it twice."""
        self._close()


def ssh_command(
    server: str, target: str, path: str, keyfile: str | None = None, program: str = "ssh"
) -> list[str]:
    """Return the words that forward the socket file *path* to *target* on *server*."""
    scheme, _, far = target.partition("://")
    if scheme not in ("ipc", "tcp") or not far:
        raise ValueError(f"{target}: only ipc:// and tcp:// endpoints can be reached through ssh")
    host, colon, port = server.rpartition(":")
    if not (colon and port.isdigit()):
        host, port = server, ""
    if not host or host.startswith("-"):
        raise ValueError(f"{server!r} is no [user@]host[:port]")
    options = ["-N", "-T", "-o", "ExitOnForwardFailure=yes", "-o", "ConnectTimeout=10"]
    if port:
        options += ["-p", port]
    if keyfile:
        options += ["-i", keyfile]
    return [program, *options, "-L", f"{path}:{far}", host]


def _await_socket(
    process: subprocess.Popen[bytes], path: str, server: str, deadline: float
) -> None:
    while True:
        if process.poll() is not None:
            reason = _last_words(path) or f"ssh ended with status {process.returncode}"
            raise CallError(f"no tunnel to {server}: {reason}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
                return
            except OSError:
                pass  # not there yet
        if time.monotonic() >= deadline:
            raise CallError(f"no tunnel to {server}: no connection in time. {_last_words(path)}")
        try:
            process.wait(_STEP)
        except subprocess.TimeoutExpired:
            pass


def _last_words(path: str) -> str:
    try:
        with open(os.path.join(os.path.dirname(path), "log"), "rb") as log:
            return log.read(_SHOWN).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _end(process: subprocess.Popen[bytes], directory: str) -> None:
    process.terminate()
    try:
        process.wait(_KILL_AFTER)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(directory, ignore_errors=True)
