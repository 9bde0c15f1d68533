"""What travels from a pipe to a sink: some bytes, and where they came from."""

from __future__ import annotations

from typing import Final, NamedTuple

CONTINUES: Final = 1
"""The line began in an earlier chunk: it was longer than max_line, and is passed in pieces."""
GOES_ON: Final = 2
"""The line goes on in a later chunk."""

Source = tuple[int, str]
"""Pid and stream name: bytes of two sources never belong to one line."""


class Chunk(NamedTuple):
    """Bytes of one worker's stdout or stderr.

    A sink that asked for whole lines gets whole lines with their newlines. Only what a worker
    wrote last may lack its newline, and so do pieces of overlong lines, which *part* marks.
    """

    data: bytes
    pid: int
    wid: int
    name: str
    part: int = 0
    timestamp: float | None = None
    """Seconds since the epoch, where whoever made the chunk knows better than the clock."""
