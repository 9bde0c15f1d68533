"""What programs and requests give: mappings to specs, and changes to a watcher."""

from pathlib import Path

import pytest

from circus.config import (
    change_watcher,
    mapping_of,
    plugin_from_mapping,
    socket_from_mapping,
    watcher_from_mapping,
)
from circus.model.errors import ConfigError
from circus.model.specs import PluginSpec, SocketSpec, WatcherSpec

WEB = WatcherSpec(
    name="web",
    cmd="serve",
    env={"A": "1"},
    rlimits={"nofile": 500},
    hooks={"before_start": ("app.check", False)},
    stdout_stream={"class": "FileStream", "filename": "a.log"},
    extra={"owner": "me"},
)


def problems(call, *args, **keywords) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        call(*args, **keywords)
    return caught.value.problems


def hook(**keywords):
    return True


def test_typed_values_and_text_mean_the_same():
    typed = {
        "name": "web",
        "cmd": "serve",
        "args": ["a b", "--json={}"],
        "numprocesses": 2,
        "graceful_timeout": 5,
        "stop_signal": 2,
        "umask": 0o22,
        "copy_env": True,
        "uid": 33,
        "rlimit_nofile": 500,
    }
    text = typed | {
        "numprocesses": "2",
        "graceful_timeout": "5",
        "stop_signal": "SIGINT",
        "umask": "022",
        "copy_env": "yes",
        "uid": "33",
        "rlimit_nofile": "500",
    }
    assert watcher_from_mapping(typed) == watcher_from_mapping(text)
    assert watcher_from_mapping(typed) == WatcherSpec(
        name="web",
        cmd="serve",
        args=("a b", "--json={}"),
        numprocesses=2,
        graceful_timeout=5.0,
        stop_signal=2,
        umask=0o22,
        copy_env=True,
        uid=33,
        rlimits={"nofile": 500},
    )


def test_families_may_be_tables_or_members():
    spec = watcher_from_mapping(
        {
            "name": "web",
            "cmd": "serve",
            "env": {"PRICE": "$HOME $$ $(circus.env.HOME)"},
            "rlimits": {"NOFILE": 500, "core": -1, "stack": None},
            "rlimit_cpu": None,
            "hooks": {"before_start": hook, "after_start": (hook, True), "after_stop": "a.b,true"},
            "hooks.before_stop": ["a.b", False],
            "stdout_stream": {"class": "FileStream", "filename": "a.log", "backup_count": 3},
            "stderr_stream": {"stream": hook},
        }
    )
    assert spec.env == {"PRICE": "$HOME $$ $(circus.env.HOME)"}
    assert spec.rlimits == {"nofile": 500, "core": None, "stack": None, "cpu": None}
    assert spec.hooks == {
        "before_start": (hook, False),
        "after_start": (hook, True),
        "after_stop": ("a.b", True),
        "before_stop": ("a.b", False),
    }
    assert spec.stdout_stream == {"class": "FileStream", "filename": "a.log", "backup_count": 3}
    assert spec.stderr_stream == {"stream": hook}


def test_none_stands_for_the_default_where_there_may_be_none():
    nothing = {
        "args": None,
        "working_dir": None,
        "virtualenv": None,
        "uid": None,
        "env": None,
        "rlimits": None,
        "hooks": None,
        "stdout_stream": None,
    }
    assert watcher_from_mapping({"name": "web", "cmd": "x"} | nothing) == WatcherSpec(
        name="web", cmd="x"
    )
    (told,) = problems(watcher_from_mapping, {"name": "web", "cmd": "x", "numprocesses": None})
    assert told.startswith("watcher web: numprocesses = None: not a whole number.")


def test_paths_may_be_path_objects():
    spec = watcher_from_mapping({"name": "web", "cmd": "x", "working_dir": Path("/srv")})
    assert spec.working_dir == "/srv"


def test_unknown_keys_are_kept():
    given = {"name": "web", "cmd": "x", "flapping.window": 3, "numproceses": 4, "extra": {"a": 1}}
    assert watcher_from_mapping(given).extra == {"flapping.window": 3, "numproceses": 4, "a": 1}


def test_variables_are_left_alone():
    spec = watcher_from_mapping({"name": "web", "cmd": "x $(circus.env.HOME) $HOME"})
    assert spec.cmd == "x $(circus.env.HOME) $HOME"


def test_all_problems_are_told_and_where():
    given = {
        "name": "web",
        "numprocesses": "four",
        "env": {"A": 1, "=": "x"},
        "rlimit_nofil": 3,
        "hooks": 3,
        "copy_path": True,
        "stop_signal": True,
    }
    assert problems(watcher_from_mapping, given) == (
        (
            "watcher web: numprocesses = four: not a whole number. "
            "Write for example: numprocesses = 4"
        ),
        "watcher web: stop_signal = true: not a signal. Write for example: stop_signal = SIGTERM",
        'watcher web: env.A: not text. Write it in quotes, for example: PORT = "8000"',
        "watcher web: env.=: not the name of a variable. Write for example: PORT",
        (
            "watcher web: rlimit_nofil: not a resource limit of this system. "
            "Did you mean rlimit_nofile?"
        ),
        (
            "watcher web: hooks: needs to say which. "
            "Write for example: hooks.before_start = app.hooks.check"
        ),
        "watcher web: cmd: there is no command. Write for example: cmd = sleep 60",
        "watcher web: copy_path: works on a copied environment only. Add copy_env = true",
    )
    (told,) = problems(watcher_from_mapping, {"name": "web"}, where="request 7")
    assert told.startswith("request 7: cmd: there is no command.")


@pytest.mark.parametrize("name", ["", " ", " web", "a\nb", 3, None])
def test_a_watcher_needs_a_name(name):
    told = problems(watcher_from_mapping, {"name": name, "cmd": "x"})
    assert "name" in told[0]


def test_a_mapping_makes_the_same_spec_again():
    assert watcher_from_mapping(mapping_of(WEB)) == WEB
    assert mapping_of(WatcherSpec(name="a", cmd="b")) == {"name": "a", "cmd": "b"}


def test_a_change_is_a_new_spec():
    changed = change_watcher(WEB, {"numprocesses": 3, "graceful_timeout": "2.5"})
    assert (changed.numprocesses, changed.graceful_timeout) == (3, 2.5)
    assert WEB.numprocesses == 1
    assert change_watcher(WEB, {}) == WEB


def test_a_member_joins_its_family_and_a_table_replaces_it():
    member = change_watcher(
        WEB,
        {
            "rlimit_CORE": None,
            "hooks.after_start": "app.after, true",
            "stdout_stream.max_bytes": 10,
        },
    )
    assert member.rlimits == {"nofile": 500, "core": None}
    assert member.hooks == {
        "before_start": ("app.check", False),
        "after_start": ("app.after", True),
    }
    assert member.stdout_stream == {"class": "FileStream", "filename": "a.log", "max_bytes": 10}
    table = change_watcher(
        member,
        {
            "env": {"B": "2"},
            "rlimits": {"cpu": 1},
            "hooks": {"after_stop": "a.b"},
            "stdout_stream": {"class": "StdoutStream"},
        },
    )
    assert table.env == {"B": "2"}
    assert table.rlimits == {"cpu": 1}
    assert table.hooks == {"after_stop": ("a.b", False)}
    assert table.stdout_stream == {"class": "StdoutStream"}
    emptied = change_watcher(
        member, {"env": {}, "rlimits": {}, "hooks": None, "stdout_stream": None}
    )
    assert (emptied.env, emptied.rlimits, emptied.hooks, emptied.stdout_stream) == ({}, {}, {}, {})


def test_none_removes_a_hook_or_a_member_of_a_stream():
    changed = change_watcher(WEB, {"hooks.before_start": None, "stdout_stream.class": None})
    assert changed.hooks == {}
    assert changed.stdout_stream == {"filename": "a.log"}


def test_a_change_is_refused_as_a_whole():
    assert problems(
        change_watcher, WEB, {"numprocesses": 2, "singleton": True, "umask": "9", "cmd": ""}
    ) == (
        (
            "watcher web: umask = 9: not an octal number (modes are octal, as in chmod). "
            "Write for example: umask = 022"
        ),
        "watcher web: cmd: there is no command. Write for example: cmd = sleep 60",
        (
            "watcher web: numprocesses: a singleton has one process, not 2. "
            "Remove singleton, or set numprocesses = 1"
        ),
    )


def test_a_change_knows_its_keys():
    changed = change_watcher(WEB, {"owner": "you", "flapping.window": 3})
    assert changed.extra == {"owner": "you", "flapping.window": 3}
    assert problems(change_watcher, WEB, {"numproceses": 2, "qqq": 1, "name": "api"}) == (
        "watcher web: name: a watcher keeps its name. Add another watcher",
        "watcher web: numproceses: not a known option. Did you mean numprocesses?",
        "watcher web: qqq: not a known option. `options` lists what a watcher has",
    )


def test_sockets_and_plugins_come_from_mappings_too():
    assert socket_from_mapping({"name": "Web", "port": "80", "backlog": 5}) == SocketSpec(
        name="web", port=80, backlog=5
    )
    assert socket_from_mapping({"name": "u", "path": "/run/u"}).family == "AF_UNIX"
    assert problems(socket_from_mapping, {"name": "web", "port": 70000}) == (
        "socket web: port = 70000: ports end at 65535",
    )
    assert problems(socket_from_mapping, {"port": 1}) == (
        "socket: name: not text. Give a name, for example: web",
    )
    assert plugin_from_mapping({"use": "a.b.Reloader", "working_dir": "/srv"}) == PluginSpec(
        name="Reloader", use="a.b.Reloader", config={"working_dir": "/srv"}
    )
    assert "says no class to use" in problems(plugin_from_mapping, {"x": 1})[0]
