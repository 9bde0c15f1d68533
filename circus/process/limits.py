"""The resource limits of a worker: rlimit_ options become what setrlimit(2) takes."""

from __future__ import annotations

import difflib
import resource
from typing import Final

from circus.model.errors import SpawnError
from circus.model.specs import WatcherSpec

LIMITS: Final = {
    name.removeprefix("RLIMIT_").lower(): int(getattr(resource, name))
    for name in dir(resource)
    if name.startswith("RLIMIT_")
}
"""Limit name, as in rlimit_NAME, -> its number on this machine."""

UNLIMITED: Final = resource.RLIM_INFINITY


def rlimits(spec: WatcherSpec) -> tuple[tuple[int, int, int], ...]:
    """Return (number, soft, hard) for each limit of *spec*, in the order of its rlimits.

    Soft and hard are the same. No kernel gives unlimited descriptors, so an unlimited nofile is
    our own hard limit. Raises SpawnError for a limit that this machine does not know.
    """
    return tuple(_limit(spec, name, value) for name, value in spec.rlimits.items())


def _limit(spec: WatcherSpec, name: str, value: int | None) -> tuple[int, int, int]:
    number = LIMITS.get(name.lower())
    if number is None:
        close = difflib.get_close_matches(name.lower(), LIMITS, n=1)
        way_out = f"Did you mean rlimit_{close[0]}?" if close else f"Known: {', '.join(LIMITS)}"
        raise SpawnError(f"watcher {spec.name}: rlimit_{name}: there is no such limit. {way_out}")
    if value is not None and not 0 <= value < 2**63:
        raise SpawnError(
            f"watcher {spec.name}: rlimit_{name} = {value}: not a limit. Give a whole number of 0 "
            "or more, or nothing for unlimited"
        )
    if value is None and number == resource.RLIMIT_NOFILE:
        value = resource.getrlimit(number)[1]
    if value is None:
        value = UNLIMITED
    return number, value, value
