"""Which backend is chosen, and that both are complete."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from circus import _speedups
from circus._speedups import pure

BLOCKED = "import sys; sys.modules['circus._speedups.compiled'] = None\n"
BROKEN = """
import importlib.abc, importlib.util, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "circus._speedups.compiled":
            raise ImportError("undefined symbol")
sys.meta_path.insert(0, Broken())
"""


def backend_of(preparation: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter; it prints the backend that it chose."""
    return subprocess.run(
        [sys.executable, "-c", f"{preparation}\nimport circus._speedups as s; print(s.BACKEND)"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_compiled_one_is_chosen_where_it_is_built():
    assert backend_of().stdout == "compiled\n"
    assert backend_of(CIRCUS_PURE="0").stdout == "compiled\n"


def test_the_environment_may_ask_for_the_pure_one():
    assert backend_of(CIRCUS_PURE="1").stdout == "pure\n"


def test_the_pure_one_serves_where_the_compiled_one_is_not_built():
    assert backend_of(BLOCKED).stdout == "pure\n"


def test_a_compiled_one_that_does_not_load_is_heard():
    done = backend_of(BROKEN)
    assert done.returncode != 0
    assert "undefined symbol" in done.stderr
    assert backend_of(BROKEN, CIRCUS_PURE="1").stdout == "pure\n"


@pytest.mark.parametrize("name", ["spawn", "reserve", "children", "drain", "drain_to"])
def test_both_have_the_same_functions_with_the_same_arguments(name):
    compiled = importlib.import_module("circus._speedups.compiled")
    assert name in _speedups.__all__
    theirs = inspect.signature(getattr(compiled, name)).parameters.values()
    ours = inspect.signature(getattr(pure, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in theirs] == [
        (p.name, p.kind, p.default) for p in ours
    ]
