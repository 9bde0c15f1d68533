"""The examples in examples/ load without a warning, and both dialects say the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from circus.config import load

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.[it][no][im]*")), ids=lambda p: p.name)
def test_each_example_loads_without_a_warning(path):
    loaded = load(str(path), strict=True)
    assert loaded.warnings == ()
    assert loaded.spec.watchers


def test_quickstart_says_the_same_in_ini_and_toml():
    ini = load(str(EXAMPLES / "quickstart.ini")).spec
    toml = load(str(EXAMPLES / "quickstart.toml")).spec
    assert ini.sockets == toml.sockets
    by_name = {watcher.name: watcher for watcher in toml.watchers}
    for watcher in ini.watchers:
        # A text of arguments is split when the worker starts, a list is taken as it is.
        assert replace(watcher, args="") == replace(by_name[watcher.name], args="")
