"""A comparison runs from end to end, and nothing that it starts outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ["--workers", "5", "--rounds", "1", "--idle", "0.1", "--settle", "0.1", "--kills", "3"]
DEADLINE = 30


def _start(*args, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.idle_workers", *SMALL, *args],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def test_the_floor_is_measured(tmp_path):
    bench = _start("--only", "floor", "--json", str(tmp_path / "out.json"))
    said, _ = bench.communicate(timeout=DEADLINE)
    assert bench.returncode == 0, said
    (measured,) = json.loads((tmp_path / "out.json").read_text())["managers"]["floor"]["rounds"]
    assert 0 < measured["first_ms"] < measured["all_ms"]
    assert len(measured["respawn_ms"]) == 3
    assert measured["stop_ms"] > 0
    assert (measured["lost"], measured["left"]) == (0, 0)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_a_comparison_that_is_interrupted(signum):
    """SIGTERM goes to the guardian, which says it on; SIGKILL to the benchmark below it."""
    bench = _start("--only", "floor", "--idle", "60")
    try:
        workers = _wait_for_workers(bench.pid)
        (below,) = _children(bench.pid)
        os.kill(bench.pid if signum == signal.SIGTERM else below, signum)
        bench.communicate(timeout=DEADLINE)
    finally:
        bench.kill()
        bench.communicate()
    assert bench.returncode in (130, 128 + signal.SIGKILL)
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def _wait_for_workers(guardian):
    """Return the workers of the round that idles: benchmark, floor, then five workers."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        for benchmark in _children(guardian):
            for manager in _children(benchmark):
                if len(workers := _children(manager)) == 5:
                    return workers
        time.sleep(0.01)
    raise AssertionError("the workers did not start")


def _children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
