"""The benchmarks' own arithmetic."""

import pytest

from benchmarks import table
from benchmarks.idle_workers import Row, arguments, report, verdicts
from benchmarks.peers.circusd import Circusd
from benchmarks.peers.floor import Floor
from benchmarks.session import Measured


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.995, 100), (1.0, 100)]
)
def test_percentiles_are_values_that_were_measured(share, value):
    assert table.percentile(range(100, 0, -1), share) == value


def test_columns_line_up_and_a_header_may_have_two_lines():
    text = table.render(["name", "all\nms"], [["a", "1.0"], ["longer", "10.0"]])
    assert text.splitlines() == [
        "         all",
        "name      ms",
        "------  ----",
        "a        1.0",
        "longer  10.0",
    ]


def _row(manager, **figures):
    return Row(manager, rounds=[Measured(**figures)])


def test_ratios_are_to_the_floor_of_the_same_run():
    rows = [
        _row(Floor(), all_ms=10.0, stop_ms=5.0, respawn_ms=[1.0]),
        _row(Circusd(), all_ms=25.0, stop_ms=6.0, respawn_ms=[2.0]),
    ]
    line = report(rows, workers=200).splitlines()[-1].split()
    assert line[0] == "circusd"
    assert {"2.5x", "1.2x"} <= set(line)


def test_a_missed_budget_is_said_with_its_figure():
    floor = _row(Floor(), stop_ms=5.0)
    good = _row(Circusd(), stop_ms=9.0, respawn_ms=[3.0])
    bad = _row(Circusd(), stop_ms=11.0, respawn_ms=[3.0, 12.0], idle_cpu_pct=0.1, left=1)
    assert [holds for holds, _ in verdicts([floor, good])] == [True] * 4
    told = verdicts([floor, bad])
    assert [holds for holds, _ in told] == [False] * 4
    assert "12.00 ms" in told[0][1]


def test_quick_changes_defaults_and_not_what_was_asked_for():
    assert arguments(["--quick"]).workers == 200
    assert arguments(["--quick", "--workers", "7"]).workers == 7
    assert arguments([]).workers == 1000


def test_a_manager_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        arguments(["--only", "floor,nobody"])
    assert "no manager called nobody" in capsys.readouterr().err
