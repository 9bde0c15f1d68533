"""The resource limits of a worker: rlimit_ options become what setrlimit(2) takes."""

from __future__ import annotations

import difflib
import errno
import os
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


def is_short_of_descriptors() -> bool:
    """Say whether those that are left have to be kept for clients, logs and looks into /proc.

    An eighth of the limit is, but 40 to 256: libzmq ends the process when a client of an ipc://
    endpoint connects while there is none. The lowest free number tells how many are in use, for
    two system calls.
    """
    try:
        lowest = os.dup(2)
    except OSError as exc:
        return exc.errno == errno.EMFILE  # else there is no descriptor 2: nothing can be said
    os.close(lowest)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft != UNLIMITED and soft - lowest < min(max(soft // 8, 40), 256)


def raise_descriptors() -> tuple[int, int] | None:
    """Let us have as many descriptors as the system allows: each worker takes one or more.

    Return the soft and hard limit from before, which the workers are to have (a program that loops
    over all descriptors, or calls select(2), must not find thousands), or None if nothing changed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # an unlimited hard limit is more than some systems grant
        return None
    return soft, hard


def rlimits(
    spec: WatcherSpec, nofile: tuple[int, int] | None = None
) -> tuple[tuple[int, int, int], ...]:
    """Return (number, soft, hard) for each limit of *spec*, in the order of its rlimits.

    *nofile* is the limit of descriptors for workers whose spec says none; None: ours.

    Soft and hard are the same. No kernel gives unlimited descriptors, so an unlimited nofile is
    our own hard limit. Raises SpawnError for a limit that this machine does not know.
    """
    asked = tuple(_limit(spec, name, value) for name, value in spec.rlimits.items())
    if nofile is not None and all(number != resource.RLIMIT_NOFILE for number, _, _ in asked):
        return (*asked, (resource.RLIMIT_NOFILE, *nofile))
    return asked


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
