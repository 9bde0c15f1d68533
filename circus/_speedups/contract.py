"""What both backends share: the steps of a spawn, and the error that names the one that failed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

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
