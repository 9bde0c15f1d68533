"""Compares managers with N idle workers: start, idling, respawn after kill -9, stop, memory.

All run the same static worker, in one run, one after another, round by round; the table shows the
medians of the rounds and the ratio to the floor. Run it with `make bench-quick` or `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import table
from benchmarks.build import Unavailable
from benchmarks.contain import guarded
from benchmarks.peers.base import Manager
from benchmarks.peers.circus_019 import Circus019
from benchmarks.peers.circusd import Circusd, PureCircusd
from benchmarks.peers.floor import Floor
from benchmarks.peers.supervisord import Supervisord
from benchmarks.session import Failed, Measured, session

MANAGERS: Final[tuple[type[Manager], ...]] = (
    Floor,
    Circusd,
    PureCircusd,
    Supervisord,
    Circus019,
)


@dataclass(slots=True)
class Row:
    """One manager and what was measured of it."""

    manager: Manager
    alone: Measured = field(default_factory=Measured)  # with one worker
    rounds: list[Measured] = field(default_factory=list)

    def of(self, name: str) -> float:
        """Return the median over the rounds of one figure."""
        return median(getattr(measured, name) for measured in self.rounds)

    @property
    def respawns(self) -> list[float]:
        """All respawn latencies, in milliseconds."""
        return [value for measured in self.rounds for value in measured.respawn_ms]

    def kib_per_worker(self, workers: int) -> float:
        """Return the growth of the manager's own memory per worker."""
        return (self.of("dirty_kib") - self.alone.dirty_kib) / max(1, workers - 1)


def arguments(args: list[str]) -> argparse.Namespace:
    """Parse the command line; --quick changes defaults, single options change single figures."""
    names = ", ".join(manager.name for manager in MANAGERS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_workers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 workers instead of 1,000")
    parser.add_argument("--workers", type=int, help="how many workers each manager runs")
    parser.add_argument("--rounds", type=int, help="how often each manager is measured")
    parser.add_argument("--idle", type=float, help="seconds over which idle CPU is measured")
    parser.add_argument(
        "--settle", type=float, default=1.5, help="seconds between the last start and idling"
    )
    parser.add_argument("--kills", type=int, help="workers killed per round")
    parser.add_argument("--only", help=f"names with commas between, of: {names}")
    parser.add_argument("--json", metavar="FILE", help="write all figures there; - for stdout")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a budget is missed")
    chosen = parser.parse_args(args)
    defaults = (200, 3, 3.0, 50) if chosen.quick else (1000, 3, 10.0, 100)
    for name, value in zip(("workers", "rounds", "idle", "kills"), defaults, strict=True):
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    if chosen.only is not None:
        chosen.only = [name.strip() for name in chosen.only.split(",")]
        if unknown := set(chosen.only) - {manager.name for manager in MANAGERS}:
            parser.error(f"no manager called {', '.join(sorted(unknown))}; there are {names}")
    return chosen


def warm_up(manager: Manager, directory: Path, settle: float) -> Row:
    """Prepare *manager* and run it twice with one worker.

    The first run warms the caches (a first import compiles, and leaves a larger heap), the second
    is the base that the growth of memory is counted from.
    """
    manager.prepare(directory)
    row = Row(manager)
    for pause in (0.0, settle):
        with session(manager, 1, directory) as running:
            running.wait_running()
            time.sleep(pause)
            running.measure_memory()
            manager.verify(directory / "run", 1)
            running.stop()
            row.alone = running.measured
    return row


def measure(row: Row, directory: Path, options: argparse.Namespace, number: int) -> None:
    """Run one round of one manager."""
    with session(row.manager, options.workers, directory) as running:
        running.wait_running()
        time.sleep(options.settle)
        running.measure_memory()
        running.measure_idle(options.idle)
        running.measure_respawn(options.kills, seed=number)
        row.manager.verify(directory / "run", options.workers - running.measured.lost)
        running.stop()
        row.rounds.append(running.measured)


def collect(directory: Path, options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Measure all managers, alternating; return the rows and a line for each that had to go."""
    rows, gone = [], []
    for kind in MANAGERS:
        if options.only is None or kind.name in options.only:
            try:
                rows.append(warm_up(kind(), directory, options.settle))
            except (Unavailable, Failed, OSError, RuntimeError) as error:
                gone.append(f"{kind.name}: left out: {error}")
    for number in range(options.rounds):
        for row in list(rows):
            print(f"round {number + 1} of {options.rounds}: {row.manager.name}", flush=True)
            try:
                measure(row, directory, options, number)
            except (Failed, OSError, RuntimeError) as error:
                gone.append(f"{row.manager.name}: left out from round {number + 1}: {error}")
                rows.remove(row)
    return rows, gone


def report(rows: list[Row], workers: int) -> str:
    """Return the table."""
    floor = next((row for row in rows if row.manager.name == Floor.name), None)

    def ratio(row: Row, name: str) -> str:
        base = floor.of(name) if floor else 0.0
        return f"{row.of(name) / base:.1f}x" if base else "-"

    header = (
        "manager",
        "first\nms",
        f"all {workers}\nms",
        "\nx floor",
        "CPU to\nthere ms",
        "idle\nCPU %",
        "respawn\np50 ms",
        "\np99 ms",
        "\nmax ms",
        "stop\nms",
        "\nx floor",
        "exit\nms",
        "PSS\nMiB",
        "KiB a\nworker",
    )
    cells = [
        (
            row.manager.name,
            f"{row.of('first_ms'):.1f}",
            f"{row.of('all_ms'):.1f}",
            ratio(row, "all_ms"),
            f"{row.of('start_cpu_ms'):.1f}",
            f"{row.of('idle_cpu_pct'):.3f}",
            *(
                f"{table.percentile(row.respawns, share):.2f}" if row.respawns else "-"
                for share in (0.5, 0.99, 1.0)
            ),
            f"{row.of('stop_ms'):.1f}",
            ratio(row, "stop_ms"),
            f"{row.of('exit_ms'):.1f}",
            f"{row.of('pss_kib') / 1024:.1f}",
            f"{row.kib_per_worker(workers):.2f}",
        )
        for row in rows
    ]
    return table.render(header, cells)


def remarks(rows: list[Row]) -> list[str]:
    """Return what the table does not show."""
    lines = [f"{row.manager.name}: {row.manager.note}" for row in rows if row.manager.note]
    for row in rows:
        if lost := sum(measured.lost for measured in row.rounds):
            lines.append(f"{row.manager.name}: {lost} killed workers did not come back in time")
        if left := sum(measured.left for measured in row.rounds):
            lines.append(f"{row.manager.name}: left {left} processes behind after its end")
    return lines


def verdicts(rows: list[Row]) -> list[tuple[bool, str]]:
    """Return for each budget of circusd whether it holds, and the figures."""
    floor = next((row for row in rows if row.manager.name == Floor.name), None)
    told = []
    for row in rows:
        if not isinstance(row.manager, Circusd):
            continue
        name = row.manager.name
        worst = max(row.respawns, default=float("inf"))
        told.append((worst <= 10, f"{name}: a killed worker is back within 10 ms: {worst:.2f} ms"))
        idle = row.of("idle_cpu_pct")
        told.append((idle < 0.05, f"{name}: idle CPU cannot be measured: {idle:.3f} %"))
        if floor:
            times = row.of("stop_ms") / floor.of("stop_ms")
            told.append((times < 2, f"{name}: stops in under twice the floor: {times:.1f}x"))
        left = sum(measured.left for measured in row.rounds)
        told.append((left == 0, f"{name}: nothing is left behind: {left}"))
    return told


def as_json(rows: list[Row], options: argparse.Namespace, gone: list[str]) -> str:
    """Return all figures and the circumstances."""
    return json.dumps(
        {
            "comparison": "idle_workers",
            "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "machine": {
                "cpus": os.cpu_count(),
                "kernel": platform.release(),
                "arch": platform.machine(),
                "python": platform.python_version(),
            },
            "options": vars(options),
            "left_out": gone,
            "managers": {
                row.manager.name: {
                    "alone": asdict(row.alone),
                    "rounds": [asdict(measured) for measured in row.rounds],
                }
                for row in rows
            },
        },
        indent=1,
    )


def run(directory: Path, options: argparse.Namespace) -> int:
    """Measure and print; return the exit code."""
    load = os.getloadavg()[0]
    rows, gone = collect(directory, options)
    print(f"\n{options.workers} idle workers, medians of {options.rounds} rounds, ", end="")
    print(f"{os.cpu_count()} CPUs, Linux {platform.release()}, load {load:.1f} at the start\n")
    print(report(rows, options.workers))
    print()
    for line in [*remarks(rows), *gone]:
        print(line)
    results = verdicts(rows)
    print()
    for holds, line in results:
        print(f"{'holds ' if holds else 'MISSED'}  {line}")
    if options.json == "-":
        print(as_json(rows, options, gone))
    elif options.json:
        Path(options.json).write_text(as_json(rows, options, gone) + "\n", encoding="utf-8")
    missed = options.check and not all(holds for holds, _ in results)
    return 1 if missed or not rows else 0


def main(args: list[str]) -> int:
    """Parse, then measure under a guardian that leaves nothing behind."""
    options = arguments(args)
    return guarded(lambda directory: run(directory, options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
