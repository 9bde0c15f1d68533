"""Fixtures of the system tests: real daemons, each in a folder of its own."""

import pytest

from tests.system.daemon import Daemon


@pytest.fixture
def circusd(short_path):
    """Start circusd on a configuration text; it has to leave nothing behind."""
    daemons = []

    def start(text="", **more):
        folder = short_path / str(len(daemons))
        folder.mkdir()
        daemon = Daemon(folder, text, **more)
        daemons.append(daemon)
        return daemon

    yield start
    for daemon in daemons:
        daemon.close()
