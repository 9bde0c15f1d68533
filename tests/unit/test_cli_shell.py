"""The shell of circusctl, with a session that remembers what it was asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from circus import __version__
from circus.cli.completion import candidates
from circus.cli.output import Screen
from circus.cli.parser import Invocation, parse
from circus.cli.shell import PROMPT, Shell, history_path


class FakeSession:
    """Remembers the commands; answers nothing."""

    endpoint = "ipc:///c"

    def __init__(self) -> None:
        self.screen = Screen()
        self.flags = parse([]).flags
        self.ran: list[list[str]] = []
        self.asked_names = 0
        self.interrupt = False

    def run(self, invocation: Invocation) -> int:
        assert invocation.command is not None
        self.ran.append([invocation.command.name, *invocation.words])
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt
        return 0

    def watchers(self) -> list[str]:
        self.asked_names += 1
        return ["api", "web", "beta two"]


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def shell(session: FakeSession) -> Callable[..., Shell]:
    """Make a shell that reads these lines, and then the end of input."""

    def make(*lines: str, terminal: bool = False) -> Shell:
        left = list(lines)
        prompts: list[str] = []

        def read(prompt: str) -> str:
            prompts.append(prompt)
            if not left:
                raise EOFError
            return left.pop(0)

        made = Shell(session, read)  # type: ignore[arg-type]
        made._terminal = terminal
        made.prompts = prompts  # type: ignore[attr-defined]
        return made

    return make


def test_it_greets_with_the_version_and_the_status(shell, session, capsys):
    assert shell().run() == 0
    assert capsys.readouterr().out == f"circusctl {__version__}\n"
    assert session.ran == [["status"]]


def test_lines_are_commands(shell, session):
    shell("list", "incr web 2", "add web 'sleep 60'").run()
    assert session.ran[1:] == [["list"], ["incr", "web", "2"], ["add", "web", "sleep 60"]]


@pytest.mark.parametrize("word", ["exit", " exit ", "EOF"])
def test_exit_leaves(shell, session, word: str):
    assert shell(word, "list").run() == 0
    assert session.ran == [["status"]]


def test_an_empty_line_does_nothing(shell, session):
    shell("list", "", "   ").run()
    assert session.ran == [["status"], ["list"]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lits", "Did you mean 'list'?"),
        ("stop --wiating", "Did you mean '--waiting'?"),
        ("--json", "there is no command on this line. Type help"),
        ('add "web', "No closing quotation"),
        ("list --endpoint ipc:///other", "this shell stays with ipc:///c. Leave it (exit)"),
    ],
)
def test_a_mistake_does_not_leave(shell, session, capsys, line: str, said: str):
    shell(line, "list").run()
    assert said in capsys.readouterr().err
    assert session.ran == [["status"], ["list"]]


def test_ctrl_c_ends_a_command_but_not_the_shell(shell, session, capsys):
    made = shell("stop --waiting", "list")
    session.run(parse(["status"]))
    session.ran.clear()
    run = made.execute

    def interrupted(line: str) -> int:
        session.interrupt = line.startswith("stop")
        return run(line)

    made.execute = interrupted  # type: ignore[method-assign]
    assert made.run() == 0
    assert session.ran == [["status"], ["stop"], ["list"]]
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [("y", True), ("Yes", True), ("n", False), ("", False), ("yess", False)],
)
def test_quit_stops_circusd_only_after_asking(shell, session, answer: str, stopped: bool):
    made = shell("quit", answer, "list", terminal=False)
    made._terminal = True
    made._line_editing = _no_line_editing
    made.run()
    assert session.ran == [["status"], *([["quit"]] if stopped else []), ["list"]]
    assert "Stop circusd? [y/N] " in made.prompts[1]


def test_without_a_terminal_quit_does_as_it_is_told(shell, session):
    shell("quit").run()
    assert session.ran == [["status"], ["quit"]]


def test_the_prompt_is_for_terminals(shell):
    made = shell(terminal=False)
    made.run()
    assert made.prompts == [""]
    made = shell(terminal=True)
    made._line_editing = _no_line_editing
    made.run()
    assert made.prompts == [PROMPT] == ["(circusctl) "]


def test_help(shell, session, capsys):
    shell("help", "help incr", "incr --help", "help lits").run()
    shown = capsys.readouterr()
    assert shown.out.count("usage: circusctl [options] command [args]") == 1
    assert shown.out.count("usage: circusctl incr [options] NAME") == 2
    assert "there is no command 'lits'. Did you mean 'list'?" in shown.err
    assert session.ran == [["status"]]


# Completion


@pytest.mark.parametrize(
    ("before", "prefix", "found"),
    [
        ("", "st", ["start", "stats", "status", "stop"]),
        ("", "e", ["exit"]),
        ("help ", "inc", ["incr"]),
        ("incr ", "", ["api", "beta two", "web"]),
        ("incr ", "w", ["web"]),
        ("incr --waiting ", "w", ["web"]),
        ("incr web ", "", []),
        ("add ", "", []),
        ("stop --m", "--m", ["--match"]),
        ("quit ", "", []),
        ("nonsense ", "", []),
        ("--js", "--js", ["--json"]),
        ("", "--comp", []),
    ],
)
def test_what_may_come_next(shell, before: str, prefix: str, found: list[str]):
    assert shell().matches(before, prefix) == found


def test_names_are_asked_for_once_for_a_burst_of_tabs(shell, session):
    made = shell()
    for _ in range(5):
        made.matches("incr ", "")
    assert session.asked_names == 1


def test_names_are_asked_for_only_where_they_may_stand(shell, session):
    shell().matches("qu", "qu")
    assert session.asked_names == 0


def test_candidates_of_an_empty_line():
    assert "status" in candidates([], "", list)


def test_a_completed_name_is_quoted_where_it_has_to_be(shell, monkeypatch):
    made = shell()
    monkeypatch.setattr("readline.get_line_buffer", lambda: "incr ")
    monkeypatch.setattr("readline.get_begidx", lambda: 5)
    found = [made.complete("", state) for state in range(4)]
    assert found == ["api ", "'beta two' ", "web ", None]


# History


def test_the_history_lives_in_the_state_directory(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_path() == tmp_path / "circus" / "circusctl_history"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert history_path() == tmp_path / ".local" / "state" / "circus" / "circusctl_history"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert history_path() == tmp_path / ".local" / "state" / "circus" / "circusctl_history"
    assert os.environ["HOME"] == str(tmp_path)


def _no_line_editing():
    import contextlib

    return contextlib.nullcontext()
