"""How long to wait before a process that keeps ending is started again."""

from __future__ import annotations

from typing import Final

from circus.model.specs import WatcherSpec

CLEAN_EXIT_PAUSE: Final = 1.0
"""Longest pause, in seconds, after a process that ended with status 0: it may just be short."""


def failures_after(spec: WatcherSpec, failures: int, uptime: float) -> int:
    """Return the count of quick ends in a row after a process ended that was up *uptime* s."""
    return 1 if uptime >= spec.backoff_reset else failures + 1


def delay(spec: WatcherSpec, failures: int, jitter: float, *, clean: bool = False) -> float:
    """Return the seconds to wait after *failures* quick ends in a row.

    None after the first; then backoff_min, doubling up to backoff_max, of which a random half is
    taken away by *jitter* (0 to 1), so that many workers do not come back in step.
    """
    if failures <= 1:
        return 0.0
    # An exponent past 62 would pass any cap; bounding it keeps the arithmetic small.
    pause = min(spec.backoff_max, spec.backoff_min * 2.0 ** min(failures - 2, 62))
    if clean:
        pause = min(pause, CLEAN_EXIT_PAUSE)
    return pause * (1.0 - jitter / 2)


def gives_up(spec: WatcherSpec, attempts: int) -> bool:
    """Say whether *attempts* failed spawns in a row are enough to stop trying (max_retry)."""
    return spec.max_retry >= 0 and attempts >= max(1, spec.max_retry)
