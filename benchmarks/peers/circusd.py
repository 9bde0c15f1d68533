"""This checkout's circusd, on either backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import build
from benchmarks.control import ask
from benchmarks.peers.base import Manager

_CONFIG = """\
[circus]
endpoint = "ipc://{directory}/control"
pubsub_endpoint = "ipc://{directory}/events"
loglevel = "warning"

[watcher.idle]
cmd = "{worker}"
numprocesses = {workers}
"""


class Circusd(Manager):
    """circusd with one watcher of N workers, no streams, nobody subscribed."""

    name = "circusd"
    note = "this checkout, compiled"
    backend = "compiled"

    def prepare(self, directory: Path) -> None:
        """See that the backend is there."""
        code = "import circus._speedups; print(circus._speedups.BACKEND)"
        asked = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=self.environment(directory),
        )
        if asked.stdout.strip() != self.backend:
            told = asked.stdout.strip() or asked.stderr.strip()[-200:]
            raise build.Unavailable(f"the {self.backend} backend is not built: {told}")

    def configure(self, directory: Path, workers: int, worker: Path) -> list[str]:
        """Write the configuration."""
        config = directory / "circus.toml"
        text = _CONFIG.format(directory=directory, workers=workers, worker=worker)
        config.write_text(text, encoding="utf-8")
        script = Path(sys.executable).with_name("circusd")
        if script.exists():
            return [str(script), str(config)]
        return [sys.executable, "-m", "circus.cli.circusd", str(config)]

    def environment(self, directory: Path) -> dict[str, str]:
        """Find this checkout also where it is not installed."""
        return super().environment(directory) | {"PYTHONPATH": str(build.HERE.parent)}

    def verify(self, directory: Path, workers: int) -> None:
        """Ask it how many processes it has."""
        told = ask(f"ipc://{directory}/control", "numprocesses").get("numprocesses")
        if told != workers:
            raise RuntimeError(f"circusd says it has {told} processes, and {workers} were started")


class PureCircusd(Circusd):
    """The same in pure Python."""

    name = "circusd-pure"
    note = "this checkout, CIRCUS_PURE=1"
    backend = "pure"

    def environment(self, directory: Path) -> dict[str, str]:
        """Choose the pure backend."""
        return super().environment(directory) | {"CIRCUS_PURE": "1"}
