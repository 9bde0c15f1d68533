"""The floor: the smallest C program that spawns, waits, respawns and stops."""

from __future__ import annotations

from pathlib import Path

from benchmarks import build
from benchmarks.peers.base import Manager


class Floor(Manager):
    """clone with a shared descriptor table, a pidfd each, one epoll set."""

    name = "floor"
    note = "C: clone, pidfd, epoll, waitid, kill"

    def prepare(self, directory: Path) -> None:
        """Compile it."""
        self._program = build.compile_c("manager.c", directory / "floor")

    def configure(self, directory: Path, workers: int, worker: Path) -> list[str]:
        """It needs no configuration."""
        return [str(self._program), str(workers), str(worker)]
