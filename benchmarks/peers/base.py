"""What a comparison asks of a process manager: how it is configured, started and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path


class Manager(ABC):
    """One manager under comparison. Each runs in the foreground and is stopped by SIGTERM."""

    name: str
    note: str = ""
    """What a reader of the table should know about this row."""

    def prepare(self, directory: Path) -> None:  # noqa: B027 - most need nothing
        """Build or install what is needed, once; raise build.Unavailable where that cannot be."""

    @abstractmethod
    def configure(self, directory: Path, workers: int, worker: Path) -> list[str]:
        """Write configuration into *directory* and return the command line to start."""

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the environment to start it with."""
        return {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ask it to stop itself and all its workers."""
        process.send_signal(signal.SIGTERM)

    def verify(self, directory: Path, workers: int) -> None:  # noqa: B027 - few can be asked
        """Raise session.Failed when the manager's own word differs from what was seen."""
