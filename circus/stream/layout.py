"""How a chunk looks where it ends up: the bytes as they are, prefixed lines, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any, Final

from circus.stream.chunk import CONTINUES, GOES_ON, Chunk

FORMATS: Final = ("raw", "text", "json")
CUT: Final = b"[...]"
"""Stands where an overlong line was cut, at the end of a piece and at the beginning of the next."""
_MERGED_MOST: Final = 64 * 1024
"""A longer line of JSON stays a message: reading it would hold up the loop."""

Layout = Callable[[Chunk], bytes]
Stamp = Callable[[Chunk], datetime]


def raw(chunk: Chunk) -> bytes:
    """The bytes as they came."""
    return chunk.data


def text(chunk: Chunk) -> bytes:
    """Whole lines; the last one of a worker gets the newline it lacks."""
    return framed(chunk, b"", b"")


def framed(chunk: Chunk, head: bytes, tail: bytes) -> bytes:
    """Return the lines of *chunk*, each between *head* and *tail*."""
    body = chunk.data.removesuffix(b"\n")
    if chunk.part:
        begin = CUT + b" " if chunk.part & CONTINUES else b""
        end = b" " + CUT if chunk.part & GOES_ON else b""
        return b"".join((head, begin, body, end, tail, b"\n"))
    if head or tail:
        body = body.replace(b"\n", tail + b"\n" + head)
    return b"".join((head, body, tail, b"\n"))


def stamped(time_format: str, stamp: Stamp) -> Layout:
    """Return a layout that puts "TIME [PID] | " before each line."""

    def layout(chunk: Chunk) -> bytes:
        moment = stamp(chunk).strftime(time_format)
        return framed(chunk, f"{moment} [{chunk.pid}] | ".encode("utf-8", "replace"), b"")

    return layout


def json_lines(watcher: str, stamp: Stamp) -> Layout:
    """Return a layout that makes one JSON object of each line.

    It has time, watcher, wid, pid, stream and message. A line that is a JSON object itself is
    merged: its own members stay, its own time replaces ours, but who wrote it is for us to say.
    """
    shown = encode_basestring(watcher)

    def layout(chunk: Chunk) -> bytes:
        moment = stamp(chunk).astimezone(UTC).isoformat(timespec="milliseconds")
        time = encode_basestring(moment.replace("+00:00", "Z"))
        who = (
            f'"watcher": {shown}, "wid": {chunk.wid}, "pid": {chunk.pid}, '
            f'"stream": {encode_basestring(chunk.name)}'
        )
        part = f', "part": "{_PARTS[chunk.part]}"' if chunk.part else ""
        begin = f'{{"time": {time}, {who}{part}, "message": '
        lines = []
        for line in chunk.data.removesuffix(b"\n").split(b"\n"):
            merged = None if chunk.part else _own_members(line)
            if merged is None:
                message = encode_basestring(line.decode("utf-8", "replace"))
                lines.append(f"{begin}{message}}}\n")
            else:
                moment_given = merged.pop("time", None)
                when = time if moment_given is None else json.dumps(moment_given)
                rest = json.dumps(merged, ensure_ascii=False)[1:-1]
                lines.append(f'{{"time": {when}, {who}{", " if rest else ""}{rest}}}\n')
        return "".join(lines).encode("utf-8", "replace")

    return layout


_PARTS: Final = {
    GOES_ON: "first",
    CONTINUES | GOES_ON: "middle",
    CONTINUES: "last",
}
_OURS: Final = ("watcher", "wid", "pid", "stream")


def _own_members(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object that *line* is, without the members that are ours; None if it is none.

    Numbers that JSON does not have (NaN) make it a plain line.
    """
    if not line.startswith(b"{") or len(line) > _MERGED_MOST:
        return None
    try:
        found = json.loads(line, parse_constant=_refuse)
        if not isinstance(found, dict):
            return None
    except (ValueError, RecursionError):
        return None
    for name in _OURS:
        found.pop(name, None)
    return found


def _refuse(word: str) -> None:
    raise ValueError(word)
