"""Each command's server half: what it answers, what it asks of the arbiter, why it refuses."""

import json
from dataclasses import replace

import pytest

from circus.control.authority import Peer
from circus.control.commands import NAMES
from circus.control.dispatch import Dispatcher, Waiting
from circus.model.errors import CommandError, ConfigError
from circus.model.specs import WatcherSpec
from circus.wire.control import decode_request, encode_request
from tests.control_support import FakeArbiter, FakeWatcher, FakeWorker, web_arbiter


@pytest.fixture
def arbiter() -> FakeArbiter:
    return web_arbiter()


def ask(arbiter, command, **props):
    """Return the reply to a request, the operation being over if it waits."""
    raw = encode_request(command, props, id="i")
    dispatcher = Dispatcher(arbiter, clock=lambda: 17.5)
    reply = dispatcher.handle(decode_request([raw]), raw, Peer(None))
    if isinstance(reply, Waiting):
        reply = dispatcher.poll(reply)
        assert reply is not None, "the operation is not over"
    return json.loads(reply)


def payload(arbiter, command, **props):
    """Return what a successful reply adds to the envelope."""
    reply = ask(arbiter, command, **props)
    assert reply.pop("time") == 17.5
    assert reply.pop("id") == "i"
    assert reply["status"] != "error", reply["reason"]
    if reply["status"] == "ok":
        del reply["status"]
    return reply


def refusal(arbiter, command, **props):
    """Return errno and reason of a refusal, after which nothing was asked of the arbiter."""
    reply = ask(arbiter, command, **props)
    assert list(reply) == ["status", "reason", "tb", "time", "errno", "id"]
    assert (reply["status"], reply["tb"], reply["id"]) == ("error", None, "i")
    return reply["errno"], reply["reason"]


# Envelope


def test_command_names_compare_without_case(arbiter):
    assert payload(arbiter, "NumWatchers") == {"numwatchers": 2}


@pytest.mark.parametrize("name", ["frob", "", "base", "validation", "__init__", "os", "../list"])
def test_an_unknown_command_is_errno_2(arbiter, name):
    assert refusal(arbiter, name) == (2, f"unknown command: {name!r}")


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("add", "name"),
        ("decr", "name"),
        ("get", "name"),
        ("incr", "name"),
        ("kill", "name"),
        ("options", "name"),
        ("rm", "name"),
        ("set", "name"),
        ("signal", "name"),
    ],
)
def test_the_first_missing_property_is_named(arbiter, command, missing):
    assert refusal(arbiter, command) == (3, f"message invalid '{missing}' is missing")


def test_later_missing_properties_are_named_in_declared_order(arbiter):
    assert refusal(arbiter, "add", name="x") == (3, "message invalid 'cmd' is missing")
    assert refusal(arbiter, "get", name="x") == (3, "message invalid 'keys' is missing")
    assert refusal(arbiter, "set", name="x") == (3, "message invalid 'options' is missing")
    assert refusal(arbiter, "signal", name="x") == (3, "message invalid 'signum' is missing")


REQUIRED = {
    "get": {"keys": []},
    "set": {"options": {}},
    "signal": {"signum": 15},
}
NAMED = [
    *("decr", "get", "incr", "kill", "list", "numprocesses", "options", "reload"),
    *("restart", "rm", "set", "signal", "start", "stats", "status", "stop"),
]


@pytest.mark.parametrize("command", NAMED)
def test_an_unknown_watcher_is_not_found_as_it_was_spelled(arbiter, command):
    props = {"name": "Nope", **REQUIRED.get(command, {})}
    assert refusal(arbiter, command, **props) == (3, "program Nope not found")
    assert refusal(arbiter, command, **{**props, "waiting": True})[0] == 3


@pytest.mark.parametrize("command", NAMED)
def test_a_name_that_is_no_text_is_refused(arbiter, command):
    props = {"name": 5, **REQUIRED.get(command, {})}
    assert refusal(arbiter, command, **props) == (3, "'name' isn't a string")


@pytest.mark.parametrize("command", [c for c in NAMED if c not in ("start", "stop", "restart")])
def test_patterns_are_no_names_elsewhere(arbiter, command):
    props = {"name": "w*", **REQUIRED.get(command, {})}
    assert refusal(arbiter, command, **props) == (3, "program w* not found")


def test_an_unforeseen_error_repeats_the_request_without_a_traceback(arbiter):
    arbiter.process_record = lambda pid: 1 / 0
    errno, reason = refusal(arbiter, "dstats")
    assert errno == 5
    assert reason.startswith('command b\'{"command": "dstats"')
    assert reason.endswith(": division by zero")


@pytest.mark.parametrize("command", ["signal", "kill"])
@pytest.mark.parametrize("signum", [99, "99", -1])
def test_a_number_that_is_no_signal_is_errno_4(arbiter, command, signum):
    errno, reason = refusal(arbiter, command, name="web", signum=signum)
    shown = repr(signum if signum == -1 else 99)
    assert (errno, reason) == (4, f"signal invalid: {shown}. Write for example TERM or 15")
    assert arbiter.calls == []


def test_an_answer_that_is_no_json_is_a_server_error(arbiter):
    arbiter.sockets = [{"fd": object()}]
    assert refusal(arbiter, "listsockets") == (6, "server error")


# Waiting


ASYNCHRONOUS = {
    "decr": {"name": "web"},
    "incr": {"name": "web"},
    "kill": {"name": "web"},
    "quit": {},
    "reload": {"name": "web"},
    "reloadconfig": {},
    "restart": {"name": "web"},
    "rm": {"name": "web"},
    "set": {"name": "web", "options": {}},
    "start": {"name": "web"},
    "stop": {"name": "web"},
    "add": {"name": "new", "cmd": "cat", "start": True},
}


@pytest.mark.parametrize("command", ASYNCHRONOUS)
def test_without_waiting_the_answer_leaves_at_once_and_is_bare(arbiter, command):
    assert payload(arbiter, command, **ASYNCHRONOUS[command]) == {}


@pytest.mark.parametrize("command", [c for c in ASYNCHRONOUS if c not in ("incr", "decr")])
def test_with_waiting_the_answer_is_what_the_operation_ends_with(arbiter, command):
    arbiter.finish({"info": {"started": [1]}})
    props = {**ASYNCHRONOUS[command], "waiting": True}
    assert payload(arbiter, command, **props) == {"info": {"started": [1]}}


@pytest.mark.parametrize("command", ASYNCHRONOUS)
def test_with_waiting_a_failure_is_answered(arbiter, command):
    arbiter.finish(CommandError("pid 7 cannot be killed"))
    props = {**ASYNCHRONOUS[command], "waiting": True}
    assert refusal(arbiter, command, **props) == (5, "pid 7 cannot be killed")


def test_an_operation_that_breaks_is_a_server_error(arbiter):
    arbiter.finish(ZeroDivisionError())
    assert refusal(arbiter, "stop", waiting=True) == (6, "server error")


def test_any_true_value_means_waiting(arbiter):
    arbiter.finish({"info": None})
    assert payload(arbiter, "stop", name="web", waiting="no") == {"info": None}


# Questions


def test_list_gives_lower_case_names_sorted_or_pids(arbiter):
    assert payload(arbiter, "list") == {"watchers": ["beta two", "web"]}
    assert payload(arbiter, "list", name="WEB") == {"pids": [11, 13]}


def test_status_keeps_the_spelling(arbiter):
    assert payload(arbiter, "status") == {"statuses": {"Web": "active", "beta two": "stopped"}}


def test_status_of_one_watcher_stands_in_status(arbiter):
    reply = ask(arbiter, "status", name="web")
    assert list(reply.items()) == [("status", "active"), ("time", 17.5), ("id", "i")]


def test_status_says_what_deviates(arbiter):
    note = {"wanted": 2, "running": 1, "reason": "exited with code 1", "next_try": 4.2}
    arbiter.watcher("web").note = note
    assert payload(arbiter, "status")["info"] == {"Web": note}
    assert payload(arbiter, "status", name="web") == {"status": "active", "info": note}


def test_numbers_are_counted(arbiter):
    assert payload(arbiter, "numwatchers") == {"numwatchers": 2}
    assert payload(arbiter, "numprocesses") == {"numprocesses": 2}
    assert payload(arbiter, "numprocesses", name="WEB") == {
        "numprocesses": 2,
        "watcher_name": "WEB",
    }


def test_dstats_has_no_children_and_no_worker_keys(arbiter):
    info = payload(arbiter, "dstats")["info"]
    assert info["pid"] == 42
    assert info["children"] == []
    assert not {"started", "wid"} & set(info)


def test_stats_are_records_by_pid(arbiter):
    infos = payload(arbiter, "stats")["infos"]
    assert list(infos) == ["Web", "beta two"]
    assert infos["beta two"] == {}
    assert infos["Web"]["13"] == "No such process (stopped?)"
    assert infos["Web"]["11"]["wid"] == 1
    assert infos["Web"]["11"]["started"] == 1000.0
    one = payload(arbiter, "stats", name="web")
    assert one == {"name": "web", "info": infos["Web"]}


@pytest.mark.parametrize("pid", [11, "11"])
def test_stats_of_one_process_repeat_it_as_sent(arbiter, pid):
    reply = payload(arbiter, "stats", name="web", process=pid)
    assert (reply["name"], reply["process"], reply["info"]["pid"]) == ("web", pid, 11)


def test_stats_of_a_strange_process_are_refused(arbiter):
    assert refusal(arbiter, "stats", name="web", process="99") == (
        3,
        "process '99' not found in 'web'",
    )
    assert refusal(arbiter, "stats", name="web", process=[]) == (3, "'process' isn't an integer")


def test_without_a_name_stats_ignore_the_process(arbiter):
    assert "infos" in payload(arbiter, "stats", process=99)


def test_listsockets_passes_the_sockets_on(arbiter):
    arbiter.sockets = [{"fd": 7, "name": "web", "backlog": 5, "host": "127.0.0.1", "port": 80}]
    assert payload(arbiter, "listsockets") == {"sockets": arbiter.sockets}


def test_globaloptions_are_five_or_one(arbiter):
    options = payload(arbiter, "globaloptions")["options"]
    assert set(options) == {
        "endpoint",
        "stats_endpoint",
        "pubsub_endpoint",
        "check_delay",
        "multicast_endpoint",
    }
    assert payload(arbiter, "globaloptions", option="") == {"options": options}
    assert payload(arbiter, "globaloptions", option="endpoint") == {
        "options": {"endpoint": "ipc:///c"}
    }
    assert options["stats_endpoint"].startswith("ipc://")
    assert refusal(arbiter, "globaloptions", option="umask") == (
        3,
        "'umask' not an existing option",
    )


OPTION_KEYS = {
    *("args", "close_child_stderr", "close_child_stdin", "close_child_stdout", "cmd", "copy_env"),
    *("env", "executable", "gid", "graceful_timeout", "max_age", "max_age_variance", "max_retry"),
    *("numprocesses", "on_demand", "priority", "respawn", "send_hup", "shell", "shell_args"),
    *("singleton", "stderr_stream_conf", "stdout_stream_conf", "stop_children", "stop_signal"),
    *("uid", "use_sockets", "warmup_delay", "working_dir", "rlimits", "hooks", "autostart"),
    *("copy_path", "virtualenv", "stdin_socket"),
}


def test_options_are_all_sorted(arbiter):
    web = arbiter.watcher("web")
    web.numprocesses = 7
    web.spec = replace(
        web.spec,
        hooks={"before_start": ("app.check", True), "after_stop": (FakeWorker, False)},
        rlimits={"nofile": 500, "core": None},
        stdout_stream={"class": "FileStream", "filename": "/x", "stream": print},
        extra={"flapping.window": "3"},
    )
    options = payload(arbiter, "options", name="web")["options"]
    assert list(options) == sorted(options)
    assert set(options) >= OPTION_KEYS
    assert "__name__" not in options
    assert options["numprocesses"] == 7
    assert options["env"] == {"HOME": "/", "PORT": "80"}
    assert options["hooks"] == {
        "before_start": "app.check,true",
        "after_stop": "tests.control_support.FakeWorker",
    }
    assert options["rlimits"] == {"nofile": 500, "core": None}
    assert options["stdout_stream_conf"]["filename"] == "/x"
    assert options["stdout_stream_conf"]["stream"] == "builtins.print"
    assert options["flapping.window"] == "3"
    assert (options["stop_signal"], options["executable"]) == (15, None)
    assert payload(arbiter, "get", name="web", keys=["flapping.window", "cmd"]) == {
        "options": {"flapping.window": "3", "cmd": "sleep 60"}
    }


def test_get_is_all_or_nothing(arbiter):
    assert payload(arbiter, "get", name="web", keys=[]) == {"options": {}}
    assert refusal(arbiter, "get", name="web", keys=["cmd", "zz"]) == (3, "'zz' option not found")
    assert refusal(arbiter, "get", name="web", keys="cmd") == (3, "'keys' isn't a list")


def test_listen_is_no_request(arbiter):
    assert refusal(arbiter, "listen") == (3, "invalid message. use a pub/sub socket")


def test_there_is_no_python_shell(arbiter):
    reply = payload(arbiter, "ipython")
    assert reply["shell"] is False
    assert "no Python shell" in reply["msg"]


# Start, stop, restart


@pytest.mark.parametrize("command", ["start", "stop", "restart"])
@pytest.mark.parametrize(
    ("props", "names"),
    [
        ({}, None),
        ({"name": None}, None),
        ({"name": "WEB"}, ["Web"]),
        ({"name": "*"}, ["Web", "beta two"]),
        ({"name": "w[e]?"}, ["Web"]),
        ({"name": "W.", "match": "regex"}, ["Web"]),
        ({"name": "web", "match": "simple"}, ["Web"]),
        ({"name": "web", "match": None}, ["Web"]),
    ],
)
def test_a_pattern_chooses_watchers(arbiter, command, props, names):
    assert payload(arbiter, command, **props) == {}
    assert arbiter.calls == [(command, names)]


@pytest.mark.parametrize(
    ("mode", "pattern", "reason"),
    [
        ("GLOB", "web", "unknown match method GLOB"),
        ("simple", "w*", "program w* not found"),
        ("regex", "eb", "program eb not found"),
        ("regex", "(", "invalid regex (: missing ), unterminated subpattern at position 0"),
        ("glob", "x" * 300, "a pattern has at most 256 characters, not 300"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(arbiter, mode, pattern, reason):
    assert refusal(arbiter, "stop", name=pattern, match=mode) == (3, reason)
    assert arbiter.calls == []


def test_a_regex_keeps_its_classes(arbiter):
    """Lower-casing the pattern would turn \\W, no word character, into \\w."""
    assert payload(arbiter, "stop", name=r"beta\Wtwo", match="regex") == {}
    assert refusal(arbiter, "stop", name=r"\WEB", match="regex")[0] == 3


# Reload, rm, quit


def test_reload_is_graceful_and_all_at_once_unless_told(arbiter):
    payload(arbiter, "reload")
    payload(arbiter, "reload", name="web", graceful=False, sequential=True)
    assert arbiter.calls == [("reload", None, True, False), ("reload", "Web", False, True)]


def test_rm_can_leave_the_processes(arbiter):
    payload(arbiter, "rm", name="web", nostop=True)
    assert arbiter.calls == [("remove", "Web", True)]
    payload(arbiter, "rm", name="beta two")
    assert arbiter.calls[1:] == [("remove", "beta two", False)]


def test_a_configuration_with_mistakes_tells_them(arbiter):
    def broken():
        raise ConfigError("a.ini:1: bad", "a.ini:2: worse")

    arbiter.reload_config = broken
    assert refusal(arbiter, "reloadconfig") == (5, "a.ini:1: bad\na.ini:2: worse")


# incr, decr


@pytest.mark.parametrize(
    ("command", "props", "target"),
    [
        ("incr", {}, 3),
        ("incr", {"nb": 4}, 6),
        ("incr", {"nb": -1}, 1),
        ("decr", {}, 1),
        ("decr", {"nb": 9}, 0),
        ("decr", {"nb": -1}, 3),
    ],
)
def test_the_number_changes_and_stops_at_0(arbiter, command, props, target):
    arbiter.finish({})
    reply = payload(arbiter, command, name="web", waiting=True, **props)
    assert reply == {"numprocesses": target}
    assert arbiter.calls == [("scale", "Web", target)]


@pytest.mark.parametrize("command", ["incr", "decr"])
@pytest.mark.parametrize("nb", ["2", 1.5, True, None, [1]])
def test_a_number_that_is_none_is_refused(arbiter, command, nb):
    assert refusal(arbiter, command, name="web", nb=nb) == (3, "'nb' isn't an integer")


@pytest.mark.parametrize("command", ["incr", "decr"])
def test_a_singleton_stays_alone(arbiter, command):
    assert payload(arbiter, command, name="beta two") == {"numprocesses": 1, "singleton": True}
    assert arbiter.calls == []


# Signals


@pytest.mark.parametrize("signum", [15, "15", "TERM", "sigterm", "SIGTERM", "term tail"])
def test_signals_have_many_spellings(arbiter, signum):
    assert payload(arbiter, "signal", name="web", signum=signum) == {}
    assert arbiter.calls[0][:3] == ("signal", "Web", 15)


@pytest.mark.parametrize("signum", ["NOPE", "", " ", [], None, True, 1.5, "TERM+"])
@pytest.mark.parametrize("command", ["signal", "kill"])
def test_a_signal_that_is_none_is_refused_cleanly(arbiter, command, signum):
    if (command, signum) == ("kill", None):
        return  # kill has a signal of its own
    errno, reason = refusal(arbiter, command, name="web", signum=signum)
    assert errno == 3
    assert reason.startswith("signal invalid")
    assert arbiter.calls == []


def test_an_empty_signal_has_its_own_reason(arbiter):
    assert refusal(arbiter, "signal", name="web", signum="") == (3, "signal invalid")


@pytest.mark.parametrize("signum", [0, "0"])
def test_signal_0_asks_whether_somebody_is_there(arbiter, signum):
    assert payload(arbiter, "signal", name="web", signum=signum) == {}
    assert arbiter.calls[0][:3] == ("signal", "Web", 0)
    assert refusal(arbiter, "kill", name="web", signum=signum)[0] == 4, "it would end nothing"


def test_signal_says_whom(arbiter):
    payload(arbiter, "signal", name="web", signum=1, pid="11", childpid=12, recursive=True)
    which = {"pid": 11, "childpid": 12, "children": False, "recursive": True}
    assert arbiter.calls == [("signal", "Web", 1, which)]


def test_a_childpid_needs_its_parent(arbiter):
    assert refusal(arbiter, "signal", name="web", signum=1, childpid=12)[0] == 5


def test_kill_has_the_watchers_signal_and_timeout_by_default(arbiter):
    payload(arbiter, "kill", name="web")
    payload(arbiter, "kill", name="web", pid="11", signum="KILL", graceful_timeout="2")
    assert arbiter.calls == [
        ("kill", "Web", None, None, None),
        ("kill", "Web", 11, 9, 2.0),
    ]


@pytest.mark.parametrize(
    ("props", "reason"),
    [
        ({"pid": "x"}, "'pid' isn't an integer"),
        ({"pid": 1.5}, "'pid' isn't an integer"),
        ({"graceful_timeout": "soon"}, "'graceful_timeout' isn't a number"),
        ({"graceful_timeout": -1}, "'graceful_timeout' isn't a number"),
        ({"graceful_timeout": float("nan")}, "'graceful_timeout' isn't a number"),
        ({"graceful_timeout": True}, "'graceful_timeout' isn't a number"),
        ({"graceful_timeout": {}}, "'graceful_timeout' isn't a number"),
    ],
)
def test_kill_checks_before_it_kills(arbiter, props, reason):
    assert refusal(arbiter, "kill", name="web", **props) == (3, reason)
    assert arbiter.calls == []


# add


def test_add_builds_a_watcher(arbiter):
    options = {
        "numprocesses": 3,
        "env": {"A": "$B {}"},
        "uid": "root",
        "working_dir": None,
        "stop_signal": "INT",
        "hooks": {"before_start": ["app.check", True]},
        "stdout_stream": {"class": "FileStream", "filename": "/x"},
        "rlimit_nofile": 500,
        "rlimit_core": None,
        "retry_in": 7,
        "graceful_timeout": 3,
        "close_child_stdin": False,
    }
    reply = payload(arbiter, "add", name="New", cmd="cat -", args=["a b"], options=options)
    assert reply == {}
    ((_, spec, start),) = arbiter.calls
    assert start is False
    assert spec == WatcherSpec(
        name="New",
        cmd="cat -",
        args=("a b",),
        numprocesses=3,
        env={"A": "$B {}"},
        uid="root",
        stop_signal=2,
        hooks={"before_start": ("app.check", True)},
        stdout_stream={"class": "FileStream", "filename": "/x"},
        rlimits={"nofile": 500, "core": None},
        graceful_timeout=3.0,
        close_child_stdin=False,
    )


def test_add_ignores_what_older_programs_put_beside_the_options(arbiter):
    payload(arbiter, "add", name="n", cmd="cat", numprocesses=4, working_dir=None, args=[])
    assert arbiter.calls[0][1].numprocesses == 1


def test_add_with_start_answers_pids_at_the_top(arbiter):
    arbiter.finish({"started": [7], "kept": []})
    reply = payload(arbiter, "add", name="n", cmd="cat", start=True, waiting=True)
    assert reply == {"started": [7], "kept": []}


def test_a_name_is_taken_in_any_case(arbiter):
    errno, reason = refusal(arbiter, "add", name="WEB", cmd="cat")
    assert errno == 5
    assert reason.endswith("'WEB' already exist")


@pytest.mark.parametrize(
    ("props", "reason"),
    [
        ({"name": ""}, "message invalid 'name' is empty"),
        ({"cmd": " "}, "message invalid 'cmd' is empty"),
        ({"name": 5}, "'name' isn't a string"),
        ({"cmd": ["cat"]}, "'cmd' isn't a string"),
        ({"cmd": "\ud800"}, "'cmd' isn't a string"),
        ({"args": 5}, "'args' isn't a string or a list"),
        ({"options": []}, "'options' property should be an object"),
        ({"options": {"cmd": "x"}}, "'cmd' belongs beside 'options', not inside"),
    ],
)
def test_add_checks_its_own_properties(arbiter, props, reason):
    assert refusal(arbiter, "add", **{"name": "n", "cmd": "cat", **props}) == (3, reason)


BAD_OPTIONS = [
    ({"zz": 1}, "unknown key 'zz'"),
    ({"priority": 1}, "unknown key 'priority'"),
    ({"use_sockets": True}, "unknown key 'use_sockets'"),
    ({"__class__": 1}, "unknown key '__class__'"),
    ({"name": "x"}, "unknown key 'name'"),
    ({"numprocesses": "3"}, "'numprocesses' isn't an integer"),
    ({"numprocesses": True}, "'numprocesses' isn't an integer"),
    ({"max_retry": 1.5}, "'max_retry' isn't an integer"),
    ({"warmup_delay": "1"}, "'warmup_delay' isn't a number"),
    ({"retry_in": "1"}, "'retry_in' isn't a number"),
    ({"graceful_timeout": None}, "'graceful_timeout' isn't a number"),
    ({"graceful_timeout": float("inf")}, "'graceful_timeout' isn't a number"),
    ({"uid": 1.5}, "'uid' isn't an integer or string"),
    ({"gid": []}, "'gid' isn't an integer or string"),
    ({"shell": "yes"}, "'shell' isn't a valid boolean"),
    ({"copy_env": 1}, "'copy_env' isn't a valid boolean"),
    ({"working_dir": 5}, "'working_dir' isn't a string"),
    ({"stop_signal": "NOPE"}, "'stop_signal' isn't a valid signal"),
    ({"env": []}, "'env' isn't a valid object"),
    ({"env": {"A": 1}}, "'A' isn't a string"),
    ({"stdout_stream": "x"}, "'stdout_stream' isn't a valid object"),
    ({"stderr_stream": {}}, "'stderr_stream' must have a 'class' key"),
    ({"stdout_stream.max_bytes": []}, "'stdout_stream.max_bytes' isn't a string"),
    ({"hooks": "x"}, "'x' isn't a valid hook dict"),
    ({"hooks": {"zz": "a.b"}}, "Unknown hook {'zz': 'a.b'}"),
    ({"hooks.zz": "a.b"}, "Unknown hook 'zz'"),
    ({"hooks.before_start": 5}, "'hooks.before_start' isn't a string"),
    ({"rlimit_zz": 5}, "'rlimit_zz' isn't a valid rlimit setting"),
    ({"rlimit_core": "x"}, "'x' rlimit value isn't a valid int"),
]


@pytest.mark.parametrize(("options", "reason"), BAD_OPTIONS)
def test_bad_options_have_their_reason_in_add_and_set(arbiter, options, reason):
    before = arbiter.watcher("web").spec
    assert refusal(arbiter, "add", name="n", cmd="cat", options=options) == (3, reason)
    options = {"numprocesses": 9, **options}
    assert refusal(arbiter, "set", name="web", options=options) == (3, reason)
    assert arbiter.calls == []
    assert arbiter.watcher("web").spec is before


@pytest.mark.parametrize("command", ["add", "set"])
def test_accounts_have_to_exist(arbiter, command):
    props = {"add": {"name": "n", "cmd": "cat"}, "set": {"name": "web"}}[command]
    for key in ("uid", "gid"):
        errno, reason = refusal(arbiter, command, **props, options={key: "no-such-one"})
        assert errno == 5
        assert "no-such-one" in reason
    assert arbiter.calls == []


# set


def test_set_changes_all_keys_at_once(arbiter):
    options = {
        "numprocesses": -3,
        "env": {"A": "1"},
        "rlimit_nofile": 10,
        "hooks.before_start": "app.check,true",
        "stdout_stream.filename": "/x",
        "retry_in": 3,
        "max_retry": 9,
    }
    assert payload(arbiter, "set", name="WEB", options=options) == {}
    ((_, name, changes),) = arbiter.calls
    assert name == "Web"
    assert changes == {
        "numprocesses": 0,
        "env": {"A": "1"},
        "rlimits": {"nofile": 10},
        "hooks": {"before_start": ("app.check", True)},
        "stdout_stream": {"filename": "/x"},
        "max_retry": 9,
    }


def test_set_of_nothing_is_allowed(arbiter):
    assert payload(arbiter, "set", name="web", options={}) == {}
    assert arbiter.calls == [("configure", "Web", {})]


def test_set_keeps_a_stream_whose_option_changes(arbiter):
    web = arbiter.watcher("web")
    web.spec = replace(web.spec, stdout_stream={"class": "FileStream", "filename": "/a"})
    payload(arbiter, "set", name="web", options={"stdout_stream.max_bytes": 5})
    stream = {"class": "FileStream", "filename": "/a", "max_bytes": 5}
    assert arbiter.calls[0][2] == {"stdout_stream": stream}


def test_a_singleton_cannot_be_set_to_more(arbiter):
    errno, reason = refusal(arbiter, "set", name="beta two", options={"numprocesses": 2})
    assert errno == 5
    assert "singleton" in reason


def test_a_watcher_keeps_its_uid_when_set_fails(arbiter):
    options = {"uid": "root", "cmd": "'unclosed"}
    assert refusal(arbiter, "set", name="web", options=options)[0] == 5
    assert arbiter.watcher("web").spec.uid is None


def test_every_command_was_looked_at():
    """A new command needs tests: add it here with them."""
    assert set(NAMES) == {
        *ASYNCHRONOUS,
        *NAMED,
        *("dstats", "get", "globaloptions", "ipython", "listen", "listsockets", "numwatchers"),
        "signal",
    }


def test_a_watcher_named_by_a_very_long_name_is_not_found():
    arbiter = FakeArbiter(FakeWatcher(WatcherSpec(name="web")))
    errno, reason = refusal(arbiter, "list", name="x" * 100_000)
    assert errno == 3
    assert len(reason) < 2_000
