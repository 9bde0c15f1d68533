"""Read many pipes in one call, in Python: the specification of the compiled twin.

One read of each pipe, in the order given: a pipe that floods gets no more of a call than a quiet
one. A read that comes back short has emptied its pipe (pipe(7)), so that no second read asks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from errno import EAGAIN, EIO
from typing import Final

from circus._speedups.contract import CHUNK, DRAIN_ROOM, END, FULL, GOT, Poured, check_drain

_EMPTY: Final = -EAGAIN  # never told to callers


def drain(
    fds: Sequence[int], budget: int, chunk: int = CHUNK
) -> tuple[int, list[tuple[int, int, bytes]]]:
    """Read each of *fds* once, at most *chunk* bytes of each and *budget* bytes in all.

    Returns how many of *fds* were visited, in their order, before the budget was used up, and
    (fd, status, data) for each of those that said something. The status is GOT (there is no more
    for now), FULL (there may be more), END (end of file), or -errno. The descriptors are
    non-blocking and stay open.
    """
    check_drain(budget, chunk)
    found: list[tuple[int, int, bytes]] = []
    visited = 0
    for fd in fds:
        if budget <= 0:
            break
        visited += 1
        status, data = _read(fd, min(chunk, budget))
        if status == _EMPTY:
            continue
        budget -= len(data)
        found.append((fd, status, data))
    return visited, found


def drain_to(
    fds: Sequence[int], out: int, budget: int, chunk: int = CHUNK, note: int = CHUNK
) -> Poured:
    """Read as drain() does and write all of it to the descriptor *out*, many reads a write.

    What cannot be written is handed back, and nothing more is read. Poured tells the rest; it
    notes only those that ended, failed, or gave *note* bytes or more.
    """
    check_drain(budget, chunk)
    visited = written = held = 0
    error = 0
    source = -1
    midline = False
    parts: list[bytes] = []
    notes: list[tuple[int, int, int]] = []
    for fd in fds:
        ask = min(chunk, budget)
        if ask <= 0:
            break
        if held and held + ask > DRAIN_ROOM:
            done, error = _write_all(out, b"".join(parts))
            written += done
            if error:
                break
            parts, held = [], 0
        visited += 1
        status, data = _read(fd, ask)
        if status == _EMPTY:
            continue
        if data:
            parts.append(data)
            held += len(data)
            budget -= len(data)
            source, midline = fd, data[-1] != 0x0A
        if not data or len(data) >= note:
            notes.append((fd, status, len(data)))
    rest = b"".join(parts)
    if not error and rest:
        done, error = _write_all(out, rest)
        written += done
        rest = rest[done:]
    elif error:
        rest = rest[done:]
    return Poured(visited, written, notes, rest, error, source, midline)


def _read(fd: int, size: int) -> tuple[int, bytes]:
    try:
        data = os.read(fd, size)
    except BlockingIOError:
        return _EMPTY, b""
    except OSError as error:
        return -(error.errno or EIO), b""
    if not data:
        return END, b""
    return FULL if len(data) == size else GOT, data


def _write_all(out: int, data: bytes) -> tuple[int, int]:
    """Return how many bytes were written, and the errno that kept the others from it, or 0."""
    done = 0
    view = memoryview(data)
    while done < len(data):
        try:
            count = os.write(out, view[done:])
        except OSError as error:
            return done, error.errno or EIO
        if not count:
            return done, EIO
        done += count
    return done, 0
