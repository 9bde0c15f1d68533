"""Lines: turns the bytes of one pipe, however they are cut, into whole lines.

A line that is longer than the bound is passed in pieces, never cut inside a UTF-8 character; the
pieces are marked, and put together again they are the bytes that came in.
"""

from __future__ import annotations

from typing import Final

from circus.stream.chunk import CONTINUES, GOES_ON

MAX_LINE: Final = 1024 * 1024
LEAST_MAX_LINE: Final = 16

Run = tuple[bytes, int]
"""Whole lines and 0, or one piece of an overlong line and its mark."""


class LineAssembler:
    """Holds at most *max_line* bytes, the beginning of a line whose end has not come yet."""

    __slots__ = ("_begun", "_held", "_max")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max = max(max_line, LEAST_MAX_LINE)
        self._held = bytearray()
        self._begun = False  # pieces of this line are out already

    @property
    def held(self) -> int:
        """Bytes that wait for the end of their line."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Run]:
        """Take the next bytes of the pipe; return what is complete now."""
        runs: list[Run] = []
        end = data.rfind(b"\n") + 1
        if end:
            whole, data = data[:end], data[end:]
            if self._held or self._begun:
                first = whole.find(b"\n") + 1
                self._held += whole[:first]
                self._end_line(runs)
                whole = whole[first:]
            if len(whole) <= self._max:
                if whole:
                    runs.append((whole, 0))
            else:
                self._split(whole, runs)
        if data:
            self._held += data
            self._cut(runs)
        return runs

    def finish(self) -> list[Run]:
        """Return what is left: the worker ended, or will not end this line."""
        runs: list[Run] = []
        if self._held:
            runs.append((bytes(self._held), CONTINUES if self._begun else 0))
            self._held.clear()
        self._begun = False
        return runs

    def _end_line(self, runs: list[Run]) -> None:
        """The held line is complete."""
        self._cut(runs)
        runs.append((bytes(self._held), CONTINUES if self._begun else 0))
        self._held.clear()
        self._begun = False

    def _split(self, whole: bytes, runs: list[Run]) -> None:
        """Pass lines of which some may be too long, as many as fit together."""
        start, size = 0, len(whole)
        while start < size:
            end = whole.rfind(b"\n", start, start + self._max) + 1
            if end:
                runs.append((whole[start:end], 0))
            else:
                end = whole.find(b"\n", start) + 1
                self._held += whole[start:end]
                self._end_line(runs)
            start = end

    def _cut(self, runs: list[Run]) -> None:
        """Pass pieces until no more is held than allowed."""
        while len(self._held) > self._max:
            end = boundary(self._held, self._max)
            runs.append((bytes(self._held[:end]), GOES_ON | (CONTINUES if self._begun else 0)))
            del self._held[:end]
            self._begun = True


def boundary(data: bytes | bytearray, limit: int) -> int:
    """Return where to cut *data* so that at most *limit* bytes and no half character stand before.

    Bytes that are no UTF-8 are cut at the limit.
    """
    end = limit
    while end > limit - 4 and end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    return end if end > limit - 4 and end > 0 else limit
