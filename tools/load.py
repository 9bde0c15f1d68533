"""Workers that misbehave on request, to try circusd on: `python tools/load.py KIND ...`.

    lines RATE [SIZE]    write RATE lines a second of SIZE bytes (100) to stdout
    spin PERCENT         use that much of one core
    crash SECONDS        end with status 1 after that time
    stubborn             ignore SIGTERM
    family COUNT         start COUNT children that outlive their parent, then wait
    grow MIB             take one MiB of memory a second, up to MIB

Each runs until it is stopped. The standard library is all it needs.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final


def lines(rate: float, size: float = 100) -> None:
    """Write lines at a steady pace; a reader that is slow slows it down."""
    line = b"x" * (int(size) - 1) + b"\n"
    due = time.monotonic()
    while True:
        os.write(1, line)
        due = max(due + 1 / rate, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))


def spin(percent: float) -> None:
    """Alternate between work and sleep, ten times a second."""
    busy = percent / 1000
    while True:
        start = time.monotonic()
        while time.monotonic() - start < busy:
            pass
        time.sleep(max(0.0, 0.1 - busy))


def crash(seconds: float) -> None:
    """End badly after a while."""
    time.sleep(seconds)
    sys.exit(1)


def stubborn() -> None:
    """Live until SIGKILL."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


def family(count: float) -> None:
    """Start children; they are in the tree of this process and do not end with it."""
    for _ in range(int(count)):
        if os.fork() == 0:
            break
    while True:
        signal.pause()


def grow(mib: float) -> None:
    """Take memory, and write to it."""
    taken: list[bytearray] = []
    while True:
        if len(taken) < mib:
            taken.append(bytearray(os.urandom(4096) * 256))
        time.sleep(1)


KINDS: Final[dict[str, Callable[..., None]]] = {
    kind.__name__: kind for kind in (lines, spin, crash, stubborn, family, grow)
}


def main(args: list[str]) -> int:
    """Run one kind of load; its figures follow its name."""
    try:
        kind, figures = KINDS[args[0]], [float(text) for text in args[1:]]
    except (IndexError, KeyError, ValueError):
        print(__doc__, file=sys.stderr)
        return 2
    kind(*figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
