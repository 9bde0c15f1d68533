"""How command lines of circusctl are read."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from circus.cli.parser import (
    DEFAULT_TIMEOUT,
    GLOBAL_FLAGS,
    WATCHERS,
    Invocation,
    UsageError,
    build_parser,
    help_text,
    parse,
)
from circus.control.commands import NAMES, find_command


def read(line: str) -> Invocation:
    return parse(line.split())


def request(line: str) -> dict:
    invocation = read(line)
    assert invocation.command is not None
    return invocation.command.message(*invocation.words, **invocation.options)


@pytest.mark.parametrize(
    "line",
    [
        "--json --endpoint tcp://h:1 --timeout 2.5 status web",
        "status --json --endpoint tcp://h:1 --timeout 2.5 web",
        "status web --json --endpoint=tcp://h:1 --timeout=2.5",
        "--endpoint tcp://h:1 status web --timeout 2.5 --json",
        "--end tcp://h:1 --json status --time 2.5 web",
    ],
)
def test_global_flags_stand_anywhere(line: str):
    invocation = read(line)
    assert invocation.command is find_command("status")
    assert invocation.words == ["web"]
    flags = invocation.flags
    assert (flags.json, flags.endpoint, flags.timeout) == (True, "tcp://h:1", 2.5)


def test_without_a_command():
    invocation = read("--endpoint ipc:///run/x --json")
    assert invocation.command is None
    assert (invocation.flags.endpoint, invocation.flags.timeout) == ("ipc:///run/x", None)
    assert DEFAULT_TIMEOUT == 5.0


def test_a_value_that_is_a_command_name_is_a_value():
    invocation = read("--endpoint list status")
    assert invocation.command is find_command("status")
    assert invocation.flags.endpoint == "list"


def test_commands_are_found_in_any_case():
    assert read("STATUS").command is find_command("status")


@pytest.mark.parametrize(
    "line",
    [
        "signal --children web term",
        "signal web --children term",
        "signal web term --children",
    ],
)
def test_flags_of_a_command_stand_anywhere(line: str):
    invocation = read(line)
    assert invocation.words == ["web", "term"]
    assert invocation.options == {"children": True, "recursive": False}
    assert request(line)["properties"]["children"] is True


def test_flags_with_a_value():
    assert read("stop --match regex w.*").options == {"waiting": False, "match": "regex"}
    assert read("kill web --signum TERM").options["signum"] == "TERM"


def test_after_two_dashes_every_word_is_an_argument():
    invocation = read("add --start web -- python -m http.server --json")
    assert invocation.words == ["web", "python", "-m", "http.server", "--json"]
    assert invocation.options["start"] is True
    assert invocation.flags.json is False


def test_negative_numbers_are_arguments():
    assert read("incr web -1").words == ["web", "-1"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list --waitin", "unrecognized arguments: --waitin."),
        ("stop --waitin", None),  # an abbreviation
        ("status --waiting", "unrecognized arguments: --waiting. status has no such flag."),
        ("stop --wiating", "Did you mean '--waiting'?"),
        ("--jsno status", "Did you mean '--json'?"),
        ("add web sleep -x", "Write -- in front of arguments that begin with a dash"),
        ("statsu", "There is no such command. Did you mean 'stats'?"),
        ("xyzzy", "There is no such command. See them all with circusctl --help"),
        ("--timeout soon status", "'soon' is not a number of seconds, as in 2.5"),
        ("--timeout -1 status", "'-1' is not a number of seconds"),
        ("--timeout nan status", "'nan' is not a number of seconds"),
        ("--timeout inf status", "'inf' is not a number of seconds"),
        ("--endpoint", "expected one argument"),
        ("status --endpoint", "expected one argument"),
    ],
)
def test_what_cannot_be_read(line: str, said: str | None):
    if said is None:
        assert read(line).options["waiting"] is True
        return
    with pytest.raises(UsageError) as caught:
        read(line)
    assert said in str(caught.value)
    assert caught.value.text.startswith("usage: circusctl ")
    assert f"circusctl: error: {caught.value}" in caught.value.text


# What each line of the fact sheet sends
@pytest.mark.parametrize(
    ("line", "command", "properties"),
    [
        ("add --start web sleep 5", "add", {"name": "web", "cmd": "sleep 5", "start": True}),
        ("decr web 2", "decr", {"name": "web", "nb": 2}),
        ("incr web --waiting", "incr", {"name": "web", "waiting": True}),
        ("dstats", "dstats", {}),
        ("get web cmd uid", "get", {"name": "web", "keys": ["cmd", "uid"]}),
        ("globaloptions endpoint", "globaloptions", {"option": "endpoint"}),
        ("list", "list", {}),
        ("list web", "list", {"name": "web"}),
        ("numprocesses web", "numprocesses", {"name": "web"}),
        ("options web", "options", {"name": "web"}),
        ("quit --waiting", "quit", {"waiting": True}),
        ("rm web --nostop --waiting", "rm", {"name": "web", "nostop": True, "waiting": True}),
        ("stats web 42", "stats", {"name": "web", "process": 42}),
        ("status web", "status", {"name": "web"}),
    ],
)
def test_a_line_becomes_a_request(line: str, command: str, properties: dict):
    sent = request(line)
    assert sent["command"] == command
    assert properties.items() <= sent["properties"].items()


def test_the_tree_has_every_command_with_its_flags():
    tree = build_parser()
    branches = next(a for a in tree._actions if isinstance(a, argparse._SubParsersAction)).choices
    assert list(branches) == list(NAMES)
    for name, branch in branches.items():
        flags = {flag for action in branch._actions for flag in action.option_strings}
        assert flags >= set(GLOBAL_FLAGS)
        assert flags >= {f"--{long}" for _, long, _, _ in find_command(name).options}


def test_watcher_names_are_completed_where_a_command_takes_one():
    tree = build_parser()
    branches = next(a for a in tree._actions if isinstance(a, argparse._SubParsersAction)).choices

    def completed(name: str) -> list[str]:
        actions = branches[name]._actions
        return [a.metavar for a in actions if getattr(a, "complete", None) is WATCHERS]

    assert completed("incr") == completed("status") == ["NAME"]
    assert completed("quit") == completed("listen") == completed("globaloptions") == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str):
    text = help_text(find_command(name))
    assert text.startswith(f"usage: circusctl {name}")
    assert "--endpoint" in text
    assert "--complete" not in text


def test_the_overview_names_every_command():
    text = help_text(None)
    for name in NAMES:
        assert f"\n    {name} " in text
    assert "Exit status:" in text
    assert "COMMAND" not in text


def test_the_words_of_a_command_are_explained():
    assert "N                     how many processes more or fewer (default: 1)" in help_text(
        find_command("incr")
    )


def test_one_command_loads_little():
    """The budget of a one-shot command: no libzmq, and of the commands only the one."""
    program = (
        "import sys\n"
        "import circus.cli.circusctl\n"
        "from circus.cli.parser import parse\n"
        "parse(['status', '--json'])\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(done.stdout.split())
    heavy = {"zmq", "psutil", "logging", "dataclasses", "inspect", "typing", "importlib.metadata"}
    heavy |= {"subprocess", "asyncio", "difflib", "shlex", "readline", "tempfile"}
    assert not loaded & heavy
    assert {name for name in NAMES if f"circus.control.commands.{name}" in loaded} == {"status"}
