"""Each command's client half: words to a request, a reply to text."""

import pytest

from circus.control.commands import NAMES, find_command, get_commands
from circus.control.commands.base import ArgumentError


def sent(command, *words, **options):
    """Return the properties that a command line sends."""
    message = find_command(command).message(*words, **options)
    assert message["command"] == command
    return message["properties"]


def shown(command, **reply):
    """Return what is printed for a reply."""
    return find_command(command).console_msg({"status": "ok", "time": 1.0, "id": None, **reply})


def unflagged(command):
    """Return the options of *command* as a command line without flags gives them."""
    return {long: default for _, long, default, _ in find_command(command).options}


@pytest.mark.parametrize(
    ("command", "words", "properties"),
    [
        ("add", ["web", "sleep", "60"], {"name": "web", "cmd": "sleep 60"}),
        ("add", ["web", "sleep 60"], {"name": "web", "cmd": "sleep 60"}),
        ("add", ["web", "sh", "-c", "a b"], {"name": "web", "cmd": "sh -c 'a b'"}),
        ("decr", ["web"], {"name": "web"}),
        ("incr", ["web", "2"], {"name": "web", "nb": 2}),
        ("dstats", [], {}),
        ("get", ["web", "cmd", "env"], {"name": "web", "keys": ["cmd", "env"]}),
        ("globaloptions", ["endpoint"], {"option": "endpoint"}),
        ("ipython", [], {}),
        ("kill", ["web", "7"], {"name": "web", "pid": "7"}),
        ("list", [], {}),
        ("list", ["web"], {"name": "web"}),
        ("listsockets", [], {}),
        ("numprocesses", ["web"], {"name": "web"}),
        ("numwatchers", [], {}),
        ("options", ["web"], {"name": "web"}),
        ("quit", [], {}),
        ("reload", [], {"graceful": True}),
        ("reload", ["web"], {"name": "web", "graceful": True}),
        ("reloadconfig", [], {}),
        ("restart", ["w*"], {"name": "w*"}),
        ("start", [], {}),
        ("stop", ["web"], {"name": "web"}),
        ("rm", ["web"], {"name": "web"}),
        ("set", ["web", "max_retry", "3"], {"name": "web", "options": {"max_retry": 3}}),
        ("signal", ["web", "TERM"], {"name": "web", "signum": "TERM"}),
        ("signal", ["web", "7", "9"], {"name": "web", "pid": 7, "signum": "9"}),
        ("stats", [], {}),
        ("stats", ["web", "7"], {"name": "web", "process": 7}),
        ("status", ["web"], {"name": "web"}),
    ],
)
def test_words_become_properties(command, words, properties):
    assert sent(command, *words, **unflagged(command)) == properties
    assert sent(command, *words) == properties


@pytest.mark.parametrize(
    ("command", "words", "flags", "properties"),
    [
        ("add", ["a", "b"], {"start": True}, {"start": True}),
        ("kill", ["a"], {"signum": "9", "graceful_timeout": "2"}, {"signum": "9"}),
        ("kill", ["a"], {"graceful_timeout": "2"}, {"graceful_timeout": 2.0}),
        ("kill", ["a"], {"waiting": True}, {"waiting": True}),
        ("reload", [], {"terminate": True}, {"graceful": False}),
        ("reload", [], {"sequential": True}, {"sequential": True}),
        ("rm", ["a"], {"nostop": True, "waiting": True}, {"nostop": True, "waiting": True}),
        ("set", ["a", "uid", "1"], {"waiting": True}, {"waiting": True}),
        ("signal", ["a", "1"], {"children": True, "recursive": True}, {"children": True}),
        ("start", ["a"], {"match": "regex", "waiting": True}, {"match": "regex"}),
        ("stats", [], {"extended": True}, {"extended": True}),
        ("quit", [], {"waiting": True}, {"waiting": True}),
        ("incr", ["a"], {"waiting": True}, {"waiting": True}),
    ],
)
def test_flags_become_properties(command, words, flags, properties):
    assert sent(command, *words, **flags).items() >= properties.items()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("add", []),
        ("add", ["web"]),
        ("decr", []),
        ("get", ["web"]),
        ("incr", ["web", "1", "2"]),
        ("kill", []),
        ("options", []),
        ("quit", ["now"]),
        ("rm", []),
        ("rm", ["a", "b"]),
        ("set", ["web"]),
        ("set", ["web", "uid"]),
        ("set", ["web", "uid", "1", "gid"]),
        ("signal", ["web"]),
        ("stop", ["a", "b"]),
        ("listsockets", ["x"]),
    ],
)
def test_too_few_or_many_words_show_the_right_ones(command, words):
    with pytest.raises(ArgumentError, match="^Invalid number of arguments.*circusctl " + command):
        find_command(command).message(*words)


@pytest.mark.parametrize(
    ("command", "words", "flags"),
    [
        ("incr", ["web", "x"], {}),
        ("signal", ["web", "x", "TERM"], {}),
        ("stats", ["web", "x"], {}),
        ("kill", ["web"], {"graceful_timeout": "soon"}),
    ],
)
def test_words_that_are_no_numbers_are_refused(command, words, flags):
    with pytest.raises(ArgumentError):
        find_command(command).message(*words, **flags)


def test_listen_gives_topics():
    listen = find_command("listen")
    assert listen.msg_type == "sub"
    assert listen.message() == [""]
    assert listen.message("watcher.web.", "x") == ["watcher.web.", "x"]


# set: values


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("numprocesses", "3", 3),
        ("MAX_RETRY", "-1", -1),
        ("warmup_delay", "1.5", 1.5),
        ("graceful_timeout", "2", 2.0),
        ("shell", "Yes", True),
        ("respawn", "0", False),
        ("stop_signal", "sigint", 2),
        ("stop_signal", "9", 9),
        ("uid", "33", 33),
        ("uid", "www-data", "www-data"),
        ("working_dir", "/srv", "/srv"),
        ("cmd", "sleep 1", "sleep 1"),
        ("rlimit_nofile", "500", 500),
        ("rlimit_core", "unlimited", None),
        ("env", "A=1,B=x=y", {"A": "1", "B": "x=y"}),
        ("env", "A=1,2,B=3", {"A": "1,2", "B": "3"}),
        ("env", '{"A": "1"}', {"A": "1"}),
        ("env", "", {}),
        ("hooks", "before_start:a.b,after_stop:c.d", {"before_start": "a.b", "after_stop": "c.d"}),
        ("hooks", "before_start:a.b,true", {"before_start": "a.b,true"}),
        ("hooks.before_start", "a.b", "a.b"),
        ("stdout_stream.max_bytes", "1000", 1000),
        ("stdout_stream.backup_count", "3", 3),
        ("stderr_stream.filename", "/x", "/x"),
    ],
)
def test_set_converts_by_the_option_table(key, text, value):
    options = sent("set", "web", key, text)["options"]
    assert options == {key.lower(): value}
    assert type(options[key.lower()]) is type(value)


def test_set_takes_many_pairs():
    options = sent("set", "web", "uid", "1", "gid", "2")["options"]
    assert options == {"uid": 1, "gid": 2}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("zz", "1", "^unknown key 'zz'$"),
        ("nump", "5", "^unknown key 'nump'. Did you mean numprocesses\\?$"),
        ("gracefull_timeout", "5", "Did you mean graceful_timeout"),
        ("priority", "1", "^unknown key 'priority'$"),
        ("hooks.zz", "a.b", "^unknown key 'hooks.zz'$"),
        ("numprocesses", "four", "numprocesses = four: not a whole number.*numprocesses 4"),
        ("shell", "maybe", "shell = maybe: not a boolean"),
        ("stop_signal", "NOPE", "not a signal"),
        ("rlimit_core", "x", "not a whole number"),
        ("env", "A", "NAME=VALUE"),
        ("env", "{", "not a JSON object"),
        ("hooks", "zz:a.b", "NAME:FUNCTION"),
        ("stdout_stream.max_bytes", "x", "not a whole number"),
    ],
)
def test_set_refuses_what_it_cannot_read(key, text, message):
    with pytest.raises(ArgumentError, match=message):
        find_command("set").message("web", key, text)


# Replies


@pytest.mark.parametrize("command", [name for name in NAMES if name != "listen"])
def test_a_refusal_shows_its_reason(command):
    error = {"status": "error", "reason": "program nope not found", "tb": None, "errno": 3}
    assert find_command(command).console_msg(error) == "error: program nope not found"


OK = ["add", "kill", "quit", "reload", "reloadconfig", "restart", "rm", "set", "signal"]


@pytest.mark.parametrize("command", [*OK, "start", "stop", "incr", "decr"])
def test_success_is_ok(command):
    assert shown(command) == "ok"


def test_lists_are_joined_by_commas():
    assert shown("list", watchers=["a", "b c"]) == "a,b c"
    assert shown("list", pids=[7, 8]) == "7,8"
    assert shown("list", watchers=[]) == ""


def test_numbers_are_bare():
    assert shown("numwatchers", numwatchers=3) == "3"
    assert shown("numprocesses", numprocesses=3, watcher_name="web") == "3"
    assert shown("incr", numprocesses=3) == "3"
    assert shown("decr", numprocesses=1, singleton=True).startswith("This watcher is a Singleton")


def test_states_are_lines_sorted_upper_case_first():
    assert shown("status", statuses={"beta": "active", "Web": "stopped", "a": "starting"}) == (
        "Web: stopped\na: starting\nbeta: active"
    )
    assert find_command("status").console_msg({"status": "active", "id": 1}) == "active"


def test_notes_line_up_behind_the_states():
    reason = "exited with code 1"
    info = {
        "web": {"wanted": 4, "running": 3, "next_try": 4.23, "reason": reason},
        "database": {"stuck": [7, 8]},
    }
    states = {"web": "active", "database": "stopping", "api": "active"}
    assert shown("status", statuses=states, info=info) == (
        "api: active\n"
        "database: stopping  (cannot be killed: 7, 8)\n"
        "web: active         (3 of 4 running, next try in 4.2 s: exited with code 1)"
    )
    assert find_command("status").console_msg({"status": "active", "info": info["web"]}) == (
        "active  (3 of 4 running, next try in 4.2 s: exited with code 1)"
    )
    assert shown("status", statuses={"a": "active"}, info={"a": {"reason": "odd"}}) == (
        "a: active  (odd)"
    )
    assert shown("status", statuses={"a": "active"}, info={"a": {}}) == "a: active"


def test_sockets_are_lines():
    sockets = [
        {"fd": 7, "name": "ux", "backlog": 5, "path": "/run/x.sock"},
        {"fd": 8, "name": "web", "backlog": 5, "host": "127.0.0.1", "port": 80},
    ]
    assert shown("listsockets", sockets=sockets) == (
        "7:socket 'ux' at /run/x.sock\n8:socket 'web' at 127.0.0.1:80"
    )


def test_options_are_lines():
    values = {"shell": False, "uid": None, "env": {"B": "2", "A": "1"}, "stdout_stream_conf": {}}
    assert shown("options", options=values) == (
        "env: A=1,B=2\nshell: False\nstdout_stream_conf: {}\nuid: "
    )
    assert shown("get", options={"uid": None, "cmd": "cat"}) == "uid: \ncmd: cat"


def test_global_options_have_an_order_of_their_own():
    values = {
        "check_delay": 5.0,
        "multicast_endpoint": None,
        "pubsub_endpoint": "p",
        "endpoint": "e",
        "stats_endpoint": "s",
    }
    assert shown("globaloptions", options=values) == (
        "endpoint: e\nstats_endpoint: s\npubsub_endpoint: p\ncheck_delay: 5.0\nmulticast_endpoint: "
    )
    assert shown("globaloptions", options={"check_delay": 5.0}) == "check_delay: 5.0"


def record(pid, cmdline="sleep", children=()):
    return {
        "pid": pid,
        "cmdline": cmdline,
        "username": "root",
        "nice": 0,
        "mem_info1": "1.4M",
        "mem_info2": "2.4M",
        "cpu": 0.0,
        "mem": 0.006,
        "ctime": "0:00.00",
        "children": list(children),
    }


LINE = "sleep root 0 1.4M 2.4M 0.0 0.006 0:00.00"


def test_stats_are_lines_by_watcher_and_pid():
    infos = {
        "web": {"100": record(100), "42": record(42, children=[record(43, "child")])},
        "api": {"41": "No such process (stopped?)"},
    }
    assert shown("stats", infos=infos) == (
        "api:\n"
        "41: No such process (stopped?)\n"
        "web:\n"
        f"42: 42  {LINE}\n"
        "   43  child root 0 1.4M 2.4M 0.0 0.006 0:00.00\n"
        f"100: 100  {LINE}"
    )
    assert shown("stats", name="web", info={"42": record(42)}) == f"web:\n42: 42  {LINE}"
    assert shown("stats", name="web", process=42, info=record(42)) == f"42: 42  {LINE}\n"


def test_the_daemons_stats_are_indented():
    assert shown("dstats", info=record(1)) == f"Main Process:\n    1  {LINE}"


def test_there_is_no_python_shell():
    assert shown("ipython", shell=False, msg="no").startswith(
        "error: Could not start ipython kernel"
    )


# The table


def test_every_command_is_loaded_by_its_name_and_described():
    commands = get_commands()
    assert list(commands) == sorted(NAMES)
    for name, command in commands.items():
        assert command.name == name
        summary = command.__doc__.partition("\n")[0]
        assert summary.endswith(".")
        assert len(summary) <= 80
        assert command.make_message(a=1) == {"command": name, "properties": {"a": 1}}


def test_an_unknown_command_is_a_key_error():
    with pytest.raises(KeyError):
        find_command("frob")
