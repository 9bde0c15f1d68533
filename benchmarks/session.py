"""One manager with N workers, from its start to its end, with what was measured on the way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import build, contain, proc
from benchmarks.hello import Hellos
from benchmarks.peers.base import Manager

START_DEADLINE: Final = 60.0
STOP_DEADLINE: Final = 60.0
RESPAWN_DEADLINE: Final = 15.0
_KILL_GAP: Final = 0.05
"""Longest pause, in seconds, between two kills: who polls is not waited for each time."""


class Failed(Exception):
    """A manager did not do what the comparison asks of it; the message says what."""


@dataclass(slots=True)
class Measured:
    """What one session gave. Times in milliseconds, memory in KiB."""

    first_ms: float = 0.0
    all_ms: float = 0.0
    start_cpu_ms: float = 0.0
    pss_kib: int = 0
    dirty_kib: int = 0
    idle_cpu_pct: float = 0.0
    respawn_ms: list[float] = field(default_factory=list)
    lost: int = 0
    stop_ms: float = 0.0
    exit_ms: float = 0.0
    left: int = 0


class Session:
    """A running manager. Use `session()`, which ends it whatever happens."""

    def __init__(self, manager: Manager, workers: int, directory: Path) -> None:
        self.manager, self.workers = manager, workers
        self.measured = Measured()
        self._log = directory / "output"
        self.hellos = Hellos(directory / "hello")
        worker = build.compile_worker(directory, directory / "hello")
        command = manager.configure(directory, workers, worker)
        with self._log.open("wb") as log:
            self._started = time.monotonic_ns()
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=manager.environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=contain.die_with_parent,  # noqa: PLW1509 - we have one thread
            )
        self._pidfd = os.pidfd_open(self.process.pid)

    def own_pids(self) -> list[int]:
        """Return the processes of the manager itself: all that we started, less the workers."""
        workers = frozenset(start.pid for start in self.hellos.starts)
        below = contain.descendants(os.getpid(), leaves=workers)
        return [pid for pid in below if pid not in workers]

    def wait_running(self) -> None:
        """Measure the time until all workers run, and what it cost the manager."""
        if not self.hellos.wait_for(self.workers, START_DEADLINE, self._ended):
            known = len(self.hellos.starts)
            raise Failed(f"{known} of {self.workers} workers ran{self._last_words()}")
        moments = sorted(start.ns for start in self.hellos.starts)
        self.measured.first_ms = (moments[0] - self._started) / 1e6
        self.measured.all_ms = (moments[self.workers - 1] - self._started) / 1e6
        self.measured.start_cpu_ms = proc.cpu_ns(self.own_pids()) / 1e6

    def measure_memory(self) -> None:
        """Measure the manager's memory."""
        memory = proc.memory_kib(self.own_pids())
        self.measured.pss_kib, self.measured.dirty_kib = memory.pss, memory.dirty

    def measure_idle(self, seconds: float) -> None:
        """Measure the CPU that the manager uses while nothing happens, in percent of one core."""
        own = self.own_pids()
        before, begin = proc.cpu_ns(own), time.monotonic_ns()
        time.sleep(seconds)
        used, passed = proc.cpu_ns(own) - before, time.monotonic_ns() - begin
        self.measured.idle_cpu_pct = 100.0 * used / passed

    def measure_respawn(self, kills: int, seed: int) -> None:
        """Kill *kills* different workers, one by one; measure until a new one runs for each.

        The n-th start after the first kill answers the n-th kill: for a manager that collects
        several deaths before it acts that is exact on average, for the others in each case.
        """
        known = self.hellos.look()
        victims = [start.pid for start in self.hellos.starts[: self.workers]]
        kill_times = []
        for pid in random.Random(seed).sample(victims, min(kills, len(victims))):
            kill_times.append(time.monotonic_ns())
            os.kill(pid, signal.SIGKILL)
            self.hellos.wait_for(known + len(kill_times), _KILL_GAP)
        self.hellos.wait_for(known + len(kill_times), RESPAWN_DEADLINE)
        back = sorted(start.ns for start in self.hellos.starts[known:])
        self.measured.respawn_ms = [
            (now - then) / 1e6 for then, now in zip(kill_times, back, strict=False)
        ]
        self.measured.lost = max(0, len(kill_times) - len(back))

    def stop(self) -> None:
        """Ask the manager to stop; measure until the last worker, and until itself is gone."""
        asked = time.monotonic_ns()
        self.manager.stop(self.process)
        gone, ended = self.hellos.wait_end(self._pidfd, STOP_DEADLINE)
        if ended is None:
            raise Failed(f"it did not stop within {STOP_DEADLINE:.0f} s{self._last_words()}")
        self.process.wait()
        self.measured.exit_ms = (ended - asked) / 1e6
        self.measured.stop_ms = ((gone or ended) - asked) / 1e6
        self.measured.left = len(contain.descendants(os.getpid()))

    def close(self) -> None:
        """End what still runs, and let go of the descriptors."""
        contain.end_all()
        self.process.poll()
        self.process.returncode = self.process.returncode or 0  # end_all may have reaped it
        os.close(self._pidfd)
        self.hellos.close()

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def _last_words(self) -> str:
        words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"; its last words: {' / '.join(words[-3:])}" if words else ""


@contextmanager
def session(manager: Manager, workers: int, directory: Path) -> Iterator[Session]:
    """Start *manager* with *workers* workers in an empty place below *directory*."""
    place = directory / "run"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    running = Session(manager, workers, place)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(place, ignore_errors=True)
