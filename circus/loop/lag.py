"""How long the loop keeps others waiting: it measures itself."""

from __future__ import annotations

from typing import Final

BUCKETS: Final = tuple(0.0001 * 2**power for power in range(16))
"""Upper bounds in seconds: 0.1 ms, doubling, up to 3.3 s."""


class Lag:
    """A histogram of the turns' lengths: while a turn lasts, nobody else is served."""

    __slots__ = ("blamed", "counts", "longest", "slowest", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self.longest = 0.0
        self.blamed = 0.0
        self.slowest = ""  # the callback that took longest, blamed seconds: for people
        self.counts = [0] * (len(BUCKETS) + 1)

    def record(self, seconds: float) -> None:
        """Count one turn of the loop."""
        self.turns += 1
        index = 0
        for bound in BUCKETS:
            if seconds <= bound:
                break
            index += 1
        self.counts[index] += 1
        self.longest = max(self.longest, seconds)

    def blame(self, seconds: float, callback: object) -> None:
        """Remember a callback that took long, if none took longer."""
        if seconds > self.blamed:
            self.blamed = seconds
            self.slowest = getattr(callback, "__qualname__", repr(callback))

    def quantile(self, share: float) -> float:
        """Return the bucket bound below which *share* (0 to 1) of the turns lie, in seconds."""
        rank, seen = share * self.turns, 0
        for bound, count in zip(BUCKETS, self.counts, strict=False):
            seen += count
            if seen >= rank:
                return float(min(bound, self.longest))
        return self.longest

    def summary(self) -> dict[str, float | int | str]:
        """Return what people and metrics want to know; times in milliseconds."""
        return {
            "turns": self.turns,
            "p50_ms": round(self.quantile(0.5) * 1e3, 3),
            "p99_ms": round(self.quantile(0.99) * 1e3, 3),
            "max_ms": round(self.longest * 1e3, 3),
            "slowest": self.slowest,
        }
