"""What a destination has not taken yet: bounded, and the oldest lines give way.

A line that is out in part is completed before anything else, so that a destination that recovers
shows whole lines again.
"""

from __future__ import annotations

from collections import deque

from circus.stream.chunk import Source


class Backlog:
    """Bytes in order of arrival. It may grow past its limit until trim() is called."""

    __slots__ = ("_limit", "_pieces", "_torn", "dropped", "dropped_lines", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[tuple[Source, bytes]] = deque()
        self._torn = False  # the first piece begins inside a line whose beginning is out
        self.size = 0
        self.dropped = 0
        self.dropped_lines = 0

    def push(self, source: Source, data: bytes) -> None:
        """Append *data*."""
        if data:
            self._pieces.append((source, data))
            self.size += len(data)

    def head(self) -> tuple[Source, bytes]:
        """Return the oldest piece; there must be one."""
        return self._pieces[0]

    def peek(self, most: int) -> bytes:
        """Return the oldest *most* bytes without removing them."""
        first = self._pieces[0][1]
        if len(first) >= most or len(self._pieces) == 1:
            return first[:most]
        parts, left = [], most
        for _, data in self._pieces:
            parts.append(data[:left])
            left -= len(data)
            if left <= 0:
                break
        return b"".join(parts)

    def consume(self, count: int) -> tuple[Source, bool]:
        """Remove the oldest *count* bytes, 1 or more: they are out.

        Returns the source of the last of them, and whether it was no newline.
        """
        self.size -= count
        while True:
            source, data = self._pieces[0]
            if count < len(data):
                self._pieces[0] = (source, data[count:])
                self._torn = data[count - 1] != 0x0A
                return source, self._torn
            self._pieces.popleft()
            count -= len(data)
            if not count:
                self._torn = False  # of the next piece nothing is out
                return source, data[-1] != 0x0A

    def trim(self) -> None:
        """Drop the oldest lines until no more than the limit is left."""
        if self.size <= self._limit:
            return
        kept = self._cut_torn_line()
        while self._pieces and self.size > self._limit:
            source, data = self._pieces.popleft()
            excess = self.size - self._limit
            end = len(data)
            if excess < end:
                end = data.find(b"\n", excess - 1) + 1 or end
            self._count(data[:end])
            self.size -= len(data)
            if end < len(data):
                self._pieces.appendleft((source, data[end:]))
                self.size += len(data) - end
        if kept is not None:
            self._pieces.appendleft(kept)
            self.size += len(kept[1])
        self._torn = kept is not None

    def clear(self) -> None:
        """Drop everything."""
        for _, data in self._pieces:
            self._count(data)
        self._pieces.clear()
        self.size = 0
        self._torn = False

    def _cut_torn_line(self) -> tuple[Source, bytes] | None:
        """Take out the rest of the line that is out in part, unless it alone fills the half."""
        if not self._torn:
            return None
        source, data = self._pieces[0]
        end = data.find(b"\n") + 1 or len(data)
        if end > self._limit // 2:
            return None
        self._pieces.popleft()
        if end < len(data):
            self._pieces.appendleft((source, data[end:]))
        self.size -= end
        return source, data[:end]

    def _count(self, data: bytes) -> None:
        self.dropped += len(data)
        self.dropped_lines += data.count(b"\n")
