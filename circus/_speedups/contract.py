"""What both backends share: the steps of a spawn and their error, what a drain tells."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

STEPS: Final = (
    "clone",
    "descriptors",
    "cwd",
    "setsid",
    "umask",
    "rlimit",
    "groups",
    "gid",
    "uid",
    "exec",
)
"""The steps in their order. All but the first happen in the child."""

Rlimit = tuple[int, int, int]
"""Resource number, soft limit, hard limit; -1 is unlimited, as in the resource module."""


class SpawnStepError(OSError):
    """A spawn failed in *step*. No process and no descriptor is left of it.

    *index* tells which item of the step failed where there are many: the position in *rlimits*
    for the step rlimit, the descriptor for the step descriptors; -1 where it says nothing.
    """

    def __init__(self, errno: int, step: str, index: int = -1) -> None:
        super().__init__(errno, os.strerror(errno))
        self.step = step
        self.index = index

    def __str__(self) -> str:
        return f"{self.step}: {self.strerror}"


def check_request(argv: Sequence[bytes], executables: Sequence[bytes], keep: Sequence[int]) -> None:
    """Raise ValueError for a request that no backend can serve."""
    if not argv or not executables:
        raise ValueError("argv and executables must not be empty")
    lowest = 3
    for fd in keep:
        if fd < lowest:
            raise ValueError("keep must be ascending, without duplicates, from 3 up")
        lowest = fd + 1


CHUNK: Final = 65536
"""Bytes that one read of a pipe asks for: what a pipe holds unless somebody changed it."""
DRAIN_ROOM: Final = 4 * CHUNK
"""Bytes that are gathered before they are written, and the largest chunk of drain_to()."""

GOT: Final = 0
FULL: Final = 1
END: Final = 2


class Poured(NamedTuple):
    """What drain_to() did.

    *visited* descriptors were read, *written* bytes are out, *rest* was read and is not, because of
    the errno *error*. *notes* holds (fd, status, bytes) of those worth a look. *source* is the
    descriptor that gave the last bytes, -1 if none did, and *midline* says that these do not end
    with a newline.
    """

    visited: int
    written: int
    notes: list[tuple[int, int, int]]
    rest: bytes
    error: int
    source: int
    midline: bool


def check_drain(budget: int, chunk: int) -> None:
    """Raise ValueError for bounds that make no sense."""
    if budget < 1:
        raise ValueError("budget must be 1 byte or more")
    if not 1 <= chunk <= DRAIN_ROOM:
        raise ValueError(f"chunk must be 1 to {DRAIN_ROOM} bytes")
