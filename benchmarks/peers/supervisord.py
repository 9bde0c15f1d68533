"""supervisord, from the package index."""

from __future__ import annotations

from pathlib import Path

from benchmarks import build
from benchmarks.peers.base import Manager

_VERSION = "4.3.0"
_CONFIG = """\
[supervisord]
nodaemon = true
user = {user}
logfile = {directory}/supervisord.log
loglevel = warn
pidfile = {directory}/supervisord.pid
childlogdir = {directory}
minfds = {minfds}

[program:idle]
command = {worker}
process_name = %(process_num)05d
numprocs = {workers}
autorestart = true
stdout_logfile = NONE
stderr_logfile = NONE
"""


class Supervisord(Manager):
    """One program of N processes; it holds three pipes for each, whatever its configuration."""

    name = "supervisord"
    note = f"{_VERSION}; holds three pipes a worker"

    def prepare(self, directory: Path) -> None:
        """Install it."""
        self._bin = build.environment(f"supervisor-{_VERSION}", f"supervisor=={_VERSION}")

    def configure(self, directory: Path, workers: int, worker: Path) -> list[str]:
        """Write the configuration."""
        config = directory / "supervisord.conf"
        text = _CONFIG.format(
            directory=directory,
            workers=workers,
            worker=worker,
            minfds=4 * workers + 100,
            user=directory.owner(),
        )
        config.write_text(text, encoding="utf-8")
        return [str(self._bin / "supervisord"), "-c", str(config)]
