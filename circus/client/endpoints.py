"""Where circusd listens when nobody says otherwise, and where a client finds it.

This module loads no ZeroMQ: the one-shot client and circusd's own start read it first.
"""

from __future__ import annotations

import os
import socket
import stat

CONTROL = "control.sock"
EVENTS = "events.sock"
STATS = "stats.sock"
SYSTEM_DIRECTORY = "/run/circus"
CLASSIC_ENDPOINT = "tcp://127.0.0.1:5555"
"""Where circusd listened before its default became an ipc:// file."""

PROBE_TIMEOUT = 0.05
_LOOPBACK = ("127.", "localhost:", "[::1]:")


def runtime_directory() -> str:
    """Return the directory of circusd's default endpoints; it need not exist.

    circus under $XDG_RUNTIME_DIR, else /run/circus for root, else /tmp/circus-UID.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime) and os.path.isdir(runtime):
        return os.path.join(runtime, "circus")
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        return SYSTEM_DIRECTORY
    return f"/tmp/circus-{os.geteuid()}"


def make_runtime_directory() -> str:
    """Make runtime_directory() for its owner alone and return it.

    Raises OSError, and PermissionError when somebody else made it first: it would be a trap.
    """
    directory = runtime_directory()
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if not _is_trusted(directory):
            raise PermissionError(
                f"{directory} is not circusd's own: it belongs to another user, or others may "
                "write to it. Remove it, or name an endpoint"
            ) from None
    return directory


def default_endpoint() -> str:
    """Return the control endpoint of a circusd that was not told one."""
    return _ipc(runtime_directory(), CONTROL)


def default_pubsub_endpoint() -> str:
    """Return the event endpoint of a circusd that was not told one."""
    return _ipc(runtime_directory(), EVENTS)


def default_stats_endpoint() -> str:
    """Return the stats endpoint of a circusd that was not told one."""
    return _ipc(runtime_directory(), STATS)


def find_endpoint() -> str:
    """Return the control endpoint that a client without one should use.

    $CIRCUSCTL_ENDPOINT; else the first default place that has the file; else the classic TCP port
    if somebody listens there; else default_endpoint(), for an error that names it.
    """
    told = os.environ.get("CIRCUSCTL_ENDPOINT")
    if told:
        return told
    found = _find(CONTROL)
    if found is None and is_listening(CLASSIC_ENDPOINT):
        return CLASSIC_ENDPOINT
    return found or default_endpoint()


def find_pubsub_endpoint() -> str:
    """Return the event endpoint that a client without one should use."""
    return _find(EVENTS) or default_pubsub_endpoint()


def is_listening(endpoint: str) -> bool | None:
    """Tell at once whether somebody listens at an ipc:// or loopback tcp:// *endpoint*.

    None where that takes a network, or cannot be told.
    """
    scheme, _, rest = endpoint.partition("://")
    try:
        if scheme == "ipc" and rest and not rest.startswith("@"):
            return _connects(socket.AF_UNIX, rest)
        host, _, port = rest.rpartition(":")
        if scheme == "tcp" and rest.startswith(_LOOPBACK) and port.isdigit():
            if host == "[::1]":
                return _connects(socket.AF_INET6, (host[1:-1], int(port)))
            address = "127.0.0.1" if host == "localhost" else host
            return _connects(socket.AF_INET, (address, int(port)))
    except (OSError, OverflowError):
        return None
    return None


def _ipc(directory: str, file: str) -> str:
    return f"ipc://{directory}/{file}"


def _find(file: str) -> str | None:
    """Return the endpoint of the first default place that has *file*."""
    for directory in _candidates():
        path = os.path.join(directory, file)
        if _is_trusted(directory) and os.access(path, os.W_OK):
            return f"ipc://{path}"
    return None


def _candidates() -> list[str]:
    """Return where a circusd of this user, or the system's, may have put its files."""
    uid = os.geteuid()
    places = [
        runtime_directory(),
        f"/run/user/{uid}/circus",
        f"/tmp/circus-{uid}",
        SYSTEM_DIRECTORY,
    ]
    return list(dict.fromkeys(places))


def _is_trusted(directory: str) -> bool:
    """Whether *directory* is ours or root's, and nobody else may put a file there."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid in (0, os.geteuid())
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT)
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError, NotADirectoryError):
            return False
        except (TimeoutError, BlockingIOError):
            return True  # its queue is full: busy, but there
    return True
