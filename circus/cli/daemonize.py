"""Go to the background: fork twice, leave the session, close every descriptor.

`daemonize` does just that. `launch` also lets the process that was started wait until the daemon
says how its start went, so that its exit status and its words are the truth.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import sys
import time
from typing import Final, NoReturn

from circus.model.errors import CircusError

START_TIMEOUT: Final = 60.0
"""Seconds that `launch` waits for the daemon's word."""
_MAX_WORDS: Final = 64 * 1024
_STARTED: Final = b"+"
_FAILED: Final = b"-"


class DaemonizeError(CircusError, ValueError):
    """This process cannot go to the background."""


def daemonize() -> None:
    """Return in a daemon; the calling process exits with status 0.

    Working directory and umask stay. Descriptors 0, 1 and 2 are /dev/null, all others closed.
    """
    _refuse_unsafe()
    _flush()
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():  # the grandchild leads no session, so it can never get a terminal
        os._exit(0)
    _close_all(keep=-1)


def launch(timeout: float = START_TIMEOUT) -> Report:
    """Return a Report in a daemon; the calling process exits when the daemon used it.

    Its status is 0 after started(), else 1, with the reason on stderr: what failed() was told,
    that the daemon ended without a word, or that *timeout* seconds have passed.
    """
    _refuse_unsafe()
    _flush()
    words, pipe_end = os.pipe()
    report = fcntl.fcntl(pipe_end, fcntl.F_DUPFD_CLOEXEC, 3)  # whatever of 0, 1 and 2 is open
    os.close(pipe_end)
    if os.fork():
        os.close(report)
        _await(words, timeout)
    os.close(words)
    os.setsid()
    if os.fork():
        os._exit(0)
    _close_all(keep=report)
    return Report(report)


class Report:
    """The daemon's word to the process that launched it. Only the first one counts."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def started(self) -> None:
        """Say that the daemon is up and answers."""
        self._say(_STARTED)

    def failed(self, reason: str) -> None:
        """Say why the daemon cannot start."""
        self._say(_FAILED + reason.encode("utf-8", "replace")[: _MAX_WORDS - 1])

    def _say(self, words: bytes) -> None:
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):  # nobody waits any more
            while words:
                words = words[os.write(self._fd, words) :]
        os.close(self._fd)
        self._fd = -1


def max_descriptors() -> int:
    """Return one more than the highest number that a descriptor of this process may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def _refuse_unsafe() -> None:
    if "gevent" in sys.modules:
        raise DaemonizeError(
            "cannot go to the background once gevent is loaded: its hub does not survive the fork. "
            "Import gevent later, or run in the foreground"
        )


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _close_all(keep: int) -> None:
    """Close all descriptors but *keep*, and put /dev/null on 0, 1 and 2."""
    os.closerange(3, keep)
    os.closerange(max(3, keep + 1), max_descriptors())
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
        os.set_inheritable(fd, True)  # also where dup2 had nothing to do
    if null > 2:
        os.close(null)


def _await(words: int, timeout: float) -> NoReturn:
    """Exit as the daemon says, or says not."""
    deadline = time.monotonic() + timeout
    said = b""
    poll = select.poll()
    poll.register(words, select.POLLIN)
    while len(said) < _MAX_WORDS:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            _exit(
                f"circusd has not said within {timeout:g} s whether it started. "
                "It may still come up: see its log, or ask circusctl status"
            )
        part = os.read(words, 4096)
        if not part:
            break
        said += part
    if said == _STARTED:
        os._exit(0)
    if said:
        _exit(said.removeprefix(_FAILED).decode("utf-8", "replace"))
    _exit("circusd ended before it was up, without a word. Start it without --daemon to see why")


def _exit(reason: str) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"{reason.rstrip()}\n".encode("utf-8", "replace"))
    os._exit(1)
