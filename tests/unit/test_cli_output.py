"""What people see on a terminal, and scripts anywhere else."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest

from circus.cli.output import Screen, line_up

GREEN, RED, YELLOW, END = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
STATUS = "api: stopped\nour web: x: active  (3 of 4 running: exited with 1)\nslow: starting"
STATS = """\
api:
7: No such process (stopped?)
web:
41: 41  python3 root 0 13.26M 213.26M 10.0 0.12 0:00.0
   1043  sh www-data 0 1.2M 2.4M 0.0 0.006 0:00.0"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """Return what a function prints on a terminal that shows colours: stdout and stderr."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def shown(show: Callable[..., None], *args: str) -> str:
        stream = Terminal()
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            show(*args)
        return stream.getvalue()

    return shown


def test_scripts_get_the_plain_text(capsys: pytest.CaptureFixture[str]):
    screen = Screen()
    screen.show_reply("status", STATUS)
    screen.show_reply("stats", STATS)
    screen.complain("error: program x not found")
    shown = capsys.readouterr()
    assert shown.out == f"{STATUS}\n{STATS}\n"
    assert shown.err == "error: program x not found\n"


def test_a_terminal_shows_states_in_colour(terminal):
    assert terminal(Screen().show_reply, "status", STATUS) == (
        f"api: {RED}stopped{END}\n"
        f"our web: x: {GREEN}active{END}  (3 of 4 running: exited with 1)\n"
        f"slow: {YELLOW}starting{END}\n"
    )


def test_a_single_state_is_coloured_too(terminal):
    show = Screen().show_reply
    assert terminal(show, "status", "active") == f"{GREEN}active{END}\n"
    assert terminal(show, "status", "active  (1 of 2: x)") == f"{GREEN}active{END}  (1 of 2: x)\n"


def test_notes_stay_lined_up(terminal):
    shown = terminal(Screen().show_reply, "status", "a: active   (x)\nbc: stopped  (y)")
    assert shown == (f"a: {GREEN}active{END}   (x)\nbc: {RED}stopped{END}  (y)\n")


def test_errors_are_marked(terminal):
    assert terminal(Screen().complain, "error: no: really") == f"{RED}error:{END} no: really\n"
    assert terminal(Screen().complain, "Timed out.") == "Timed out.\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_may_forbid_colours(terminal, monkeypatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    assert terminal(Screen().show_reply, "status", STATUS) == f"{STATUS}\n"


def test_a_flag_may_forbid_colours(terminal):
    assert terminal(Screen(colour=False).show_reply, "status", STATUS) == f"{STATUS}\n"


def test_the_columns_of_stats_line_up(terminal):
    assert terminal(Screen().show_reply, "stats", STATS) == (
        "api:\n"
        "7: No such process (stopped?)\n"
        "web:\n"
        "41:   41 python3 root     0 13.26M 213.26M 10.0  0.12 0:00.0\n"
        "    1043 sh      www-data 0   1.2M    2.4M  0.0 0.006 0:00.0\n"
    )


def test_lining_up_keeps_every_word():
    assert [line.split() for line in line_up(STATS).split("\n")] == [
        line.split() for line in STATS.split("\n")
    ]
    assert line_up("") == ""
    assert line_up("web:\n") == "web:\n"
