"""The rooms of the house: who may know whom. The map is in pyproject.toml, [tool.importlinter]."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "circus"


def test_imports_point_down():
    """Also those inside functions and under TYPE_CHECKING: the import graph counts them all."""
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr


@pytest.mark.parametrize("source", sorted(PACKAGE.rglob("*.pyx")), ids=lambda path: path.name)
def test_compiled_code_imports_nothing_of_ours(source):
    """The import graph does not see Cython files, and _speedups is the lowest room."""
    lines = source.read_text().splitlines()
    found = [re.match(r"\s*(?:from|c?import)\s+(circus[\w.]*)", line) for line in lines]
    imported = [match[1] for match in found if match]
    assert [name for name in imported if not name.startswith("circus._speedups")] == []


@pytest.mark.parametrize(
    "source", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_each_module_says_first_what_it_is_for(source):
    docstring = ast.get_docstring(ast.parse(source.read_text()))
    assert docstring, f"{source}: say in the first line what the room is for"
    assert docstring.splitlines()[0].strip()


def test_importing_circus_is_cheap():
    """No logging, nothing heavy, no handler: programs embed circus and scripts ask its version."""
    code = (
        "import sys, signal; before = set(sys.modules); import circus;"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert run.stderr == ""
    heavy = {"zmq", "psutil", "logging", "asyncio", "subprocess", "dataclasses", "tornado"}
    assert heavy.isdisjoint(run.stdout.split()), run.stdout
