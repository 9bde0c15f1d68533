"""tools/load.py: workers that misbehave on request."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import load

TOOL = Path(load.__file__)


def test_it_crashes_on_request():
    assert subprocess.run([sys.executable, TOOL, "crash", "0"], timeout=20).returncode == 1


def test_lines_have_the_size_asked_for():
    writer = subprocess.Popen([sys.executable, TOOL, "lines", "1000", "50"], stdout=subprocess.PIPE)
    try:
        assert [len(writer.stdout.readline()) for _ in range(3)] == [50, 50, 50]
    finally:
        writer.kill()
        writer.communicate(timeout=20)


@pytest.mark.parametrize("args", [[], ["nothing"], ["spin", "much"]])
def test_a_wrong_request_is_answered_with_the_manual(args, capsys):
    assert load.main(args) == 2
    assert "stubborn" in capsys.readouterr().err
