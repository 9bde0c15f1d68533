"""Circus 0.19.0, from the package index: what this project takes the place of."""

from __future__ import annotations

from pathlib import Path

from benchmarks import build
from benchmarks.control import ask
from benchmarks.peers.base import Manager

_CONFIG = """\
[circus]
endpoint = ipc://{directory}/control
pubsub_endpoint = ipc://{directory}/events
multicast_endpoint =
loglevel = warning

[watcher:idle]
cmd = {worker}
numprocesses = {workers}
"""


class Circus019(Manager):
    """The same configuration as circusd's, with check_delay at its default of 5 seconds."""

    name = "circus-0.19"
    note = "0.19.0, looks for deaths every check_delay = 5 s"

    def prepare(self, directory: Path) -> None:
        """Install it."""
        self._bin = build.environment("circus-0.19.0", "circus==0.19.0", "tornado", "setuptools")

    def configure(self, directory: Path, workers: int, worker: Path) -> list[str]:
        """Write the configuration."""
        config = directory / "circus.ini"
        text = _CONFIG.format(directory=directory, workers=workers, worker=worker)
        config.write_text(text, encoding="utf-8")
        return [str(self._bin / "circusd"), str(config)]

    def verify(self, directory: Path, workers: int) -> None:
        """Ask it how many processes it has."""
        told = ask(f"ipc://{directory}/control", "numprocesses").get("numprocesses")
        if told != workers:
            raise RuntimeError(f"circus says it has {told} processes, and {workers} were started")
