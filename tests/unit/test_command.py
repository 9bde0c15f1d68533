"""What a worker's command line is made of."""

from __future__ import annotations

import pytest

from circus.model.errors import SpawnError
from circus.model.specs import WatcherSpec
from circus.process.command import command_line, depends_on_wid, sockets_mentioned

OPEN_QUOTE = "no closing quotation. Close the quote, or put a backslash before it"


def web(**options) -> WatcherSpec:
    return WatcherSpec(name="web", **options)


def words(wid=1, sockets=None, env=None, **options) -> list[str]:
    return command_line(web(**options), wid, sockets or {}, env or {})


@pytest.mark.parametrize(
    ("cmd", "args", "expected"),
    [
        ("sleep 60", "", ["sleep", "60"]),
        ("sleep", "60", ["sleep", "60"]),
        ("  sleep\n 60 ", "", ["sleep", "60"]),
        ("echo 'two words' a\\ b \"\"", "", ["echo", "two words", "a b", ""]),
        ("echo", "'two words' three", ["echo", "two words", "three"]),
        ("echo", ("two words", "'", ""), ["echo", "two words", "'", ""]),
        ("echo $HOME ~ * # no comment", "", ["echo", "$HOME", "~", "*", "#", "no", "comment"]),
        ("echo a && echo b", "", ["echo", "a", "&&", "echo", "b"]),
    ],
)
def test_cmd_and_text_args_are_split_and_list_args_are_not(cmd, args, expected):
    assert words(cmd=cmd, args=args) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(circus.wid)", "7"),
        ("((circus.wid))", "7"),
        ("$(CIRCUS.WID)", "7"),
        ("--id=$(circus.wid).log", "--id=7.log"),
        ("$(circus.sockets.web)", "12"),
        ("fd://$(circus.sockets.WEB)", "fd://12"),
        ("$(circus.env.HOME)", "/home/x"),
        ("$(circus.numprocesses)", "4"),
        ("$(circus.working_dir)", "/two words"),
        ("$(circus.uid)", "www-data"),
        ("$(circus.shell)", "False"),
        ("$(circus.umask)", "022"),
        ("$(circus.rlimits.nofile)", "500"),
        ("$(circus.graceful_timeout)", "30.0"),
    ],
)
def test_variables_are_filled_in_and_stay_one_argument(text, value):
    options = {
        "numprocesses": 4,
        "working_dir": "/two words",
        "uid": "www-data",
        "umask": 0o022,
        "rlimits": {"nofile": 500},
        "sockets": {"web": 12},
        "env": {"Home": "/home/x"},
    }
    assert words(7, cmd=f"run {text}", **options) == ["run", value]
    assert words(7, cmd="run", args=text, **options) == ["run", value]
    assert words(7, cmd="run", args=(text,), **options) == ["run", value]


@pytest.mark.parametrize(
    "text",
    [
        "$(circus.name)",
        "$(circus.custom)",
        "$(circus.gid)",
        "$(circus.sockets.other)",
        "$(circus.env.other)",
        "$(circus.rlimits.core)",
        "$(circus.sockets.)",
        "$WID",
        "$(wid)",
    ],
)
def test_unknown_variables_stay_as_they_are_written(text):
    assert words(cmd=f"run {text}", extra={"custom": "1"}) == ["run", text]


def test_a_list_in_args_is_one_text_as_a_variable():
    assert words(cmd="log $(circus.args)", args=("a b", "c")) == ["log", "'a b' c", "a b", "c"]


def test_a_shell_gets_the_text_as_it_is_written():
    assert words(cmd="cd /x && exec run > $LOG", shell=True) == [
        "/bin/sh",
        "-c",
        "cd /x && exec run > $LOG",
    ]
    assert words(cmd="echo", args="'a b' | cat", shell=True)[2] == "echo 'a b' | cat"
    assert words(3, cmd="run $(circus.wid)", shell=True)[2] == "run 3"


def test_the_items_of_a_list_stay_single_arguments_in_a_shell():
    options = {"cmd": "echo", "args": ("$(circus.working_dir)", "; rm x"), "working_dir": "/a b"}
    assert words(shell=True, **options)[2] == "echo '/a b' '; rm x'"


def test_shell_args_follow_the_text_and_need_a_shell():
    options = {"cmd": "echo $0 $1", "shell_args": "zero 'number $(circus.wid)'"}
    assert words(5, shell=True, **options) == [
        "/bin/sh",
        "-c",
        "echo $0 $1",
        "zero",
        "number 5",
    ]
    assert words(5, **options) == ["echo", "$0", "$1"]


def test_a_shell_text_may_have_an_open_quote_for_the_shell_to_tell():
    assert words(cmd="echo 'a", shell=True)[2] == "echo 'a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "watcher web: cmd is empty. Write for example: cmd = sleep 60"),
        ({"cmd": " \n"}, "watcher web: cmd is empty. Write for example: cmd = sleep 60"),
        (
            {"cmd": "echo 'a"},
            f"watcher web: cmd = echo 'a: {OPEN_QUOTE}",
        ),
        (
            {"cmd": "echo", "args": 'b"'},
            f'watcher web: args = b": {OPEN_QUOTE}',
        ),
    ],
)
def test_what_is_no_command_says_the_way_out(options, message):
    with pytest.raises(SpawnError) as raised:
        words(**options)
    assert str(raised.value) == message


def test_an_empty_program_is_no_command_either():
    with pytest.raises(SpawnError, match="cmd is empty"):
        words(cmd="''")


def test_the_sockets_that_a_command_line_mentions():
    assert sockets_mentioned(web(cmd="run")) == frozenset()
    spec = web(
        cmd="run --fd $(circus.sockets.Web)", args=("((circus.sockets.admin))", "$(circus.wid)")
    )
    assert sockets_mentioned(spec) == {"web", "admin"}
    by_shell = {"cmd": "run $0", "shell_args": "$(circus.sockets.web)"}
    assert sockets_mentioned(web(shell=True, **by_shell)) == {"web"}
    assert sockets_mentioned(web(**by_shell)) == frozenset()


def test_which_command_lines_differ_between_workers():
    assert not depends_on_wid(web(cmd="run $(circus.numprocesses)"))
    assert depends_on_wid(web(cmd="run", args="$(circus.WID)"))
    assert depends_on_wid(web(cmd="run", args=("x", "((circus.wid))")))
