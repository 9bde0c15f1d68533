"""From sections to specs: values, cross checks, and the words of every refusal."""

import pytest

from circus.config import loads
from circus.model.errors import ConfigError
from circus.model.options import options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec

ENVIRON = {"HOME": "/root", "PATH": "/bin"}


def load(text: str, **keywords):
    return loads(text, environ=ENVIRON, **keywords)


def watcher(body: str) -> WatcherSpec:
    (spec,) = load(f"[watcher:web]\ncmd = x\n{body}").spec.watchers
    return spec


def problems(text: str, **keywords) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, **keywords)
    return caught.value.problems


def problem(body: str) -> str:
    """Return the one problem of a watcher with this third line."""
    (only,) = problems(f"[watcher:web]\ncmd = x\n{body}")
    return only.removeprefix("circus.ini:3: [watcher:web] ")


def test_nothing_gives_all_defaults():
    loaded = load("")
    assert loaded.spec == ArbiterSpec(source="circus.ini")
    assert loaded.warnings == ()
    assert loaded.files == ("circus.ini",)


def test_a_whole_file():
    loaded = load(
        """
[circus]
endpoint = ipc:///run/c
check_delay = 5
umask = 027
loglevel = DEBUG
statsd = On
include =
[socket:Web]
host = 0.0.0.0
port = 80
umask = 0077
[plugin:watch]
use = circus.plugins.watchdog.WatchDog
loop_rate = 3
[watcher:web]
cmd = serve
args = --fd $(circus.sockets.web)
    --threads 4
use_sockets = 1
numprocesses = 3
warmup_delay = .5
uid = 33
gid = www-data
stop_signal = SIGRTMIN+2
max_retry = -1
copy_env = yes
copy_path = yes
stdin_socket = WEB
working_dir =
rlimit_NOFILE = 500
rlimit_core =
hooks.before_start = app.hooks.check
hooks.after_stop = app.hooks.bye, TRUE
stdout_stream.class = FileStream
stdout_stream.filename = out.log
flapping.window = 3
"""
    )
    assert loaded.warnings == ()
    assert loaded.spec == ArbiterSpec(
        endpoint="ipc:///run/c",
        check_delay=5.0,
        umask=0o27,
        loglevel="debug",
        statsd=True,
        source="circus.ini",
        sockets=(SocketSpec(name="web", host="0.0.0.0", port=80, umask=0o77),),
        plugins=(
            PluginSpec(
                name="watch", use="circus.plugins.watchdog.WatchDog", config={"loop_rate": "3"}
            ),
        ),
        watchers=(
            WatcherSpec(
                name="web",
                cmd="serve",
                args="--fd $(circus.sockets.web)\n--threads 4",
                use_sockets=True,
                numprocesses=3,
                warmup_delay=0.5,
                uid=33,
                gid="www-data",
                stop_signal=36,
                max_retry=-1,
                copy_env=True,
                copy_path=True,
                stdin_socket="web",
                rlimits={"nofile": 500, "core": None},
                hooks={
                    "before_start": ("app.hooks.check", False),
                    "after_stop": ("app.hooks.bye", True),
                },
                stdout_stream={"class": "FileStream", "filename": "out.log"},
                extra={"flapping.window": "3"},
            ),
        ),
    )


def test_watchers_are_sorted_by_name_sockets_and_plugins_keep_their_order():
    spec = load(
        "[watcher:b]\ncmd=x\n[watcher:a]\ncmd=x\n[watcher:B2]\ncmd=x\n"
        "[socket:b]\n[socket:a]\n[plugin:b]\nuse=a.b\n[plugin:a]\nuse=a.b\n"
    ).spec
    assert [one.name for one in spec.watchers] == ["B2", "a", "b"]
    assert [one.name for one in spec.sockets] == ["b", "a"]
    assert [one.name for one in spec.plugins] == ["b", "a"]


def test_an_option_name_renames_the_watcher():
    assert watcher("name = other").name == "other"


def test_an_empty_text_is_no_value_where_there_may_be_none():
    for key, option in options_of(WatcherSpec).items():
        if option.default is None:
            assert getattr(watcher(f"{key} ="), key) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "numprocesses = four",
            "numprocesses = four: not a whole number. Write for example: numprocesses = 4",
        ),
        (
            "numprocesses = -1",
            (
                "numprocesses = -1: not a whole number of 0 or more. "
                "Write for example: numprocesses = 4"
            ),
        ),
        (
            "copy_env = maybe",
            "copy_env = maybe: not a boolean (yes or no). Write for example: copy_env = true",
        ),
        (
            "graceful_timeout = soon",
            "graceful_timeout = soon: not a number. Write for example: graceful_timeout = 1.5",
        ),
        (
            "stop_signal = SIGNOPE",
            "stop_signal = SIGNOPE: not a signal. Write for example: stop_signal = SIGTERM",
        ),
        (
            "umask = 8",
            (
                "umask = 8: not an octal number (modes are octal, as in chmod). "
                "Write for example: umask = 022"
            ),
        ),
        (
            "rlimit_nofile = many",
            (
                "rlimit_nofile = many: not a whole number of 0 or more, nor unlimited. "
                "Write for example: rlimit_nofile = 4096"
            ),
        ),
        (
            "rlimit_nofil = 5",
            "rlimit_nofil: not a resource limit of this system. Did you mean rlimit_nofile?",
        ),
        (
            "hooks.before_strat = a.b",
            "hooks.before_strat: there is no such hook. Did you mean before_start?",
        ),
        (
            "hooks.before_start = check",
            (
                "hooks.before_start = check: not a dotted name of a function. "
                "Write for example: hooks.before_start = app.hooks.check"
            ),
        ),
        (
            "hooks.before_start = a.b, perhaps",
            (
                "hooks.before_start = a.b, perhaps: not a boolean (yes or no). "
                "Write for example: hooks.before_start = app.hooks.check"
            ),
        ),
        (
            "stdout_stream =",
            (
                "stdout_stream: needs to say which. "
                "Write for example: stdout_stream.filename = /var/log/web.log"
            ),
        ),
        (
            "stderr_stream.max_bytes = 5",
            (
                "stderr_stream.max_bytes: needs stderr_stream.class or stderr_stream.filename "
                "beside it. Write for example: stderr_stream.class = StdoutStream"
            ),
        ),
        (
            "stdout_stream.class = filestream",
            "stdout_stream.class: there is no stream class filestream. Did you mean FileStream?",
        ),
        (
            "stdout_stream.class = SyslogStream",
            (
                "stdout_stream.class: there is no stream class SyslogStream. Known: FileStream, "
                "WatchedFileStream, TimedRotatingFileStream, StdoutStream, FancyStdoutStream, "
                "QueueStream"
            ),
        ),
        (
            "copy_path = true",
            "copy_path: works on a copied environment only. Add copy_env = true",
        ),
        (
            "virtualenv = /venv",
            "virtualenv: works on a copied environment only. Add copy_env = true",
        ),
        ("max_retry = -2", "max_retry: -2: use -1 for endless, or a number of attempts"),
        (
            "args = 'open",
            "args: no closing quotation. Close the quotes, or write \\' for a single one",
        ),
        (
            "stdin_socket = web",
            "stdin_socket = web: there is no such socket. Add a section for the socket web",
        ),
        (
            "args = $(circus.sockets.web)",
            (
                "args: $(circus.sockets.web): there is no such socket. "
                "Add a section for the socket web"
            ),
        ),
        ("numprocesses = 99999999999", "numprocesses: more than a system can have (4194304)"),
    ],
)
def test_a_refusal_says_what_where_and_the_way_out(line, message):
    assert problem(line) == message


def test_all_problems_are_told_at_once_in_file_order():
    found = problems(
        "[watcher:web]\nnumprocesses = x\nuid = 0\nsingleton = maybe\n"
        "[circus]\numask = 9\n[socket:a]\nport = x\nfamily = AF_X\n[plugin:p]\npriority = x\n"
    )
    assert [one.split(": ")[0] for one in found] == [
        f"circus.ini:{line}" for line in (1, 2, 4, 6, 8, 9, 10, 11)
    ]


def test_problems_beyond_a_bound_are_counted():
    text = "".join(f"[watcher:w{n}]\ncmd = x\nnumprocesses = x\n" for n in range(250))
    found = problems(text)
    assert len(found) == 201
    assert found[-1] == "... and 50 more problems"


def test_a_long_value_is_shown_short():
    assert problem(f"numprocesses = {'9x' * 500}").startswith(f"numprocesses = {'9x' * 28}9...:")


def test_a_mistake_in_default_is_told_once():
    assert problems(
        "[DEFAULT]\nnumprocesses = x\n[watcher:a]\ncmd = x\n[watcher:b]\ncmd = x\n"
    ) == (
        (
            "circus.ini:2: [DEFAULT] numprocesses = x: not a whole number. "
            "Write for example: numprocesses = 4"
        ),
    )


def test_a_watcher_without_a_command_is_refused():
    for line in ("uid = 0", "cmd =", 'cmd = ""', "shell = yes"):
        (only,) = problems(f"[watcher:web]\n{line}\n")
        assert "[watcher:web] cmd: there is no command. Write for example: cmd = " in only


def test_shell_commands_are_not_split_here():
    spec = watcher("shell = true\nargs = it's fine")
    assert spec.args == "it's fine"


def test_a_singleton_is_one_process():
    (only,) = problems("[watcher:web]\ncmd = x\nsingleton = 1\nnumprocesses = 2\n")
    assert only == (
        "circus.ini:4: [watcher:web] numprocesses: a singleton has one process, not 2. "
        "Remove singleton, or set numprocesses = 1"
    )


def test_an_option_that_failed_is_not_blamed_a_second_time():
    (only,) = problems("[watcher:web]\ncmd = x\ncopy_env = perhaps\ncopy_path = yes\n")
    assert "copy_env = perhaps" in only


@pytest.mark.parametrize(("what", "body"), [("watcher", "cmd = x"), ("socket", "port = 1")])
def test_names_are_compared_without_regard_to_case(what, body):
    (only,) = problems(f"[{what}:Web]\n{body}\n[{what}:wEB]\n{body}\n")
    assert only.startswith(f"circus.ini:3: [{what}:wEB]: the {what} w")
    assert only.endswith("at circus.ini:1; letter case does not count. Rename one")


def test_names_have_to_be_printable():
    assert problems("[watcher:a\x07b]\ncmd = x\n") == (
        (
            "circus.ini:1: [watcher:a\x07b]: the name has blanks around it or cannot be printed. "
            "Use letters, digits, blanks or punctuation"
        ),
    )


def test_a_socket_named_without_use_sockets_is_doubtful():
    loaded = load("[socket:web]\n[watcher:web]\ncmd = x ((circus.sockets.WEB))\n")
    assert loaded.warnings == (
        (
            "circus.ini:3: [watcher:web] cmd: names a socket, but the workers do not get it. "
            "Add use_sockets = true"
        ),
    )


def test_shell_args_and_env_in_the_wrong_place_are_doubtful():
    loaded = load("[watcher:web]\ncmd = x\nshell_args = y\nenv = A=1\n")
    assert loaded.warnings == (
        "circus.ini:3: [watcher:web] shell_args: has no effect without shell = true",
        "circus.ini:4: [watcher:web] env: not read here. Write a section [env:web] instead",
    )
    assert loaded.spec.watchers[0].env == {}


def test_unknown_keys_are_kept_and_misspellings_warned_about():
    loaded = load(
        "[watcher:web]\ncmd = x\nnumproceses = 4\nflaping.window = 3\nowner = me\nCMD = y\n"
        "[socket:s]\nprot = 3\n[circus]\nendpont = x\nstream_backend = thread\n"
    )
    assert loaded.warnings == tuple(
        f"circus.ini:{line}: {key}: not a known option, kept for plugins. Did you mean {near}?"
        for line, key, near in (
            (3, "[watcher:web] numproceses", "numprocesses"),
            (6, "[watcher:web] CMD", "cmd"),
            (8, "[socket:s] prot", "proto"),
            (10, "[circus] endpont", "endpoint"),
        )
    )
    assert loaded.spec.watchers[0].extra == {
        "numproceses": "4",
        "flaping.window": "3",
        "owner": "me",
        "CMD": "y",
    }
    assert loaded.spec.sockets[0].extra == {"prot": "3"}
    assert loaded.spec.extra == {"endpont": "x", "stream_backend": "thread"}


def test_an_option_of_another_section_in_default_is_no_misspelling():
    assert (
        load("[DEFAULT]\nport = 80\ncmd = x\n[watcher:web]\nuid = 0\n[socket:s]\n").warnings == ()
    )


def test_strict_turns_every_warning_into_a_problem():
    text = "[watcher:web]\ncmd = x\nnumproceses = 4\nshell_args = y\n[wacher:b]\n"
    assert problems(text, strict=True) == load(text).warnings
    assert load("[watcher:web]\ncmd = x\nowner = me\n", strict=True).warnings == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "path = /run/s\nfamily = AF_INET6",
            (
                "circus.ini:3: [socket:s] family = AF_INET6: a socket with a path is AF_UNIX. "
                "Remove family, or remove path"
            ),
        ),
        (
            "family = af_unix",
            (
                "circus.ini:2: [socket:s] family = AF_UNIX: needs a path. "
                "Write for example: path = /run/app/web.sock"
            ),
        ),
        (
            "host = ::1",
            (
                "circus.ini:2: [socket:s] host = ::1: an IPv6 address. "
                "Write for example: family = AF_INET6"
            ),
        ),
        ("port = 65536", "circus.ini:2: [socket:s] port = 65536: ports end at 65535"),
        (
            f"path = /{'x' * 107}",
            (
                "circus.ini:2: [socket:s] path: longer than the 107 bytes that a unix socket's "
                "path may have. Use a shorter directory"
            ),
        ),
    ],
)
def test_what_a_socket_cannot_be(body, message):
    assert problems(f"[socket:s]\n{body}\n") == (message,)


def test_a_path_makes_a_unix_socket():
    loaded = load("[socket:s]\npath = /run/s\nport = 3\n")
    assert loaded.spec.sockets == (SocketSpec(name="s", path="/run/s", port=3, family="AF_UNIX"),)
    assert loaded.warnings == (
        "circus.ini:3: [socket:s] port: has no effect on a socket with a path. Remove it",
    )


def test_a_socket_umask_that_was_decimal_is_told():
    loaded = load("[socket:s]\npath = /run/s\numask = 22\n[socket:t]\npath = /t\numask = 022\n")
    assert [socket.umask for socket in loaded.spec.sockets] == [0o22, 0o22]
    assert loaded.warnings == (
        (
            "circus.ini:3: [socket:s] umask = 22: read as octal 022; Circus 0.19 read decimal "
            "22 = 026. Write umask = 022, or 026 to keep the old"
        ),
    )


def test_a_socket_umask_that_can_only_be_decimal_is_told_in_octal():
    assert problems("[socket:s]\npath = /run/s\numask = 18\n") == (
        (
            "circus.ini:3: [socket:s] umask = 18: not an octal number (modes are octal, as in "
            "chmod). It was decimal in Circus 0.19: write umask = 022 to keep it"
        ),
    )
    (told,) = problems("[watcher:w]\ncmd = x\numask = 18\n")
    assert told.endswith("Write for example: umask = 022"), "a watcher's never was decimal"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("endpoint = localhost:5555", "not an endpoint"),
        ("endpoint = tcp://localhost", "needs a host and a port"),
        ("endpoint = tcp://:5555", "needs a host and a port"),
        ("pubsub_endpoint = tcp://localhost:http", "the port is not a number from 0 to 65535"),
        ("pubsub_endpoint = tcp://localhost:65536", "the port is not a number from 0 to 65535"),
        ("stats_endpoint = ipc://", "no path"),
        (f"endpoint = ipc://{'x' * 108}", "the path is too long"),
        ("endpoint = udp://1.2.3.4:5", "udp:// is not supported"),
        ("endpoint = ipc://@a", "no file guards this endpoint"),
    ],
)
def test_endpoints_are_checked(line, what):
    (only,) = problems(f"[circus]\nstatsd = yes\n{line}\n")
    key = line.partition(" ")[0]
    assert only.startswith(f"circus.ini:3: [circus] {key} = ")
    assert only.endswith(f": {what}. Write for example: {key} = ipc:///run/circus/control")


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:5555", "tcp://*:0", "tcp://[::]:1", "tcp://a:1"]
)
@pytest.mark.parametrize("key", ["endpoint", "pubsub_endpoint"])
def test_an_endpoint_that_other_hosts_can_reach_has_to_be_insisted_on(key, endpoint):
    text = f"[circus]\n{key} = {endpoint}\n"
    (only,) = problems(text)
    assert only.startswith(f"circus.ini:2: [circus] {key} = {endpoint}: refused, since whoever ")
    assert only.endswith("or set allow_insecure = true")
    assert getattr(load(f"{text}allow_insecure = true\n").spec, key) == endpoint
    (only,) = problems(f"{text}allow_insecure = maybe\n")
    assert "allow_insecure = maybe" in only, "one mistake is told once"


@pytest.mark.parametrize(
    "endpoint", ["tcp://127.0.0.1:5555", "tcp://localhost:*", "tcp://[::1]:5555", "inproc://a"]
)
def test_good_endpoints(endpoint):
    assert load(f"[circus]\nendpoint = {endpoint}\n").spec.endpoint == endpoint


def test_what_circusd_itself_cannot_be():
    assert problems(
        "[circus]\nendpoint = ipc:///a\npubsub_endpoint = ipc:///a\nloggerconfig = log.txt\n"
        "httpd_port = 70000\nloglevel = loud\n"
    ) == (
        (
            "circus.ini:3: [circus] pubsub_endpoint = ipc:///a: the same as endpoint. "
            "Give each its own"
        ),
        (
            "circus.ini:4: [circus] loggerconfig = log.txt: the name must end in "
            ".ini, .json, .yaml, .yml, or be the word default"
        ),
        "circus.ini:5: [circus] httpd_port = 70000: ports end at 65535",
        (
            "circus.ini:6: [circus] loglevel = loud: not one of critical, error, warning, info, "
            "debug. Write for example: loglevel = info"
        ),
    )


def test_a_stats_endpoint_turns_statsd_on():
    loaded = load(
        "[circus]\nstats_endpoint = ipc:///s\nendpoint_owner = me\nendpoint = tcp://[::1]:1\n"
    )
    assert loaded.spec.statsd is True
    assert loaded.warnings == (
        (
            "circus.ini:2: [circus] stats_endpoint: turns on statsd, which is not set. "
            "Add statsd = true"
        ),
        (
            "circus.ini:3: [circus] endpoint_owner: only an ipc:// endpoint has an owner. "
            "Write for example: endpoint = ipc:///run/circus/control"
        ),
    )


@pytest.mark.parametrize(
    ("section", "line", "example"),
    [
        ("circus", "httpd_port = x", "8080"),
        ("socket:s", "port = x", "8000"),
        ("socket:s", "backlog = x", "1024"),
        ("watcher:w", "max_retry = x", "5"),
        ("watcher:w", "numprocesses = x", "4"),
    ],
)
def test_the_example_is_one_of_the_option(section, line, example):
    (only,) = [p for p in problems(f"[{section}]\n{line}\n") if "whole number" in p]
    assert only.endswith(f". Write for example: {line.partition(' ')[0]} = {example}")


def test_two_sockets_at_one_place_are_warned_about():
    (told,) = load("[socket:a]\nport = 80\n[socket:b]\nport = 80\n").warnings
    assert told == (
        "circus.ini:4: [socket:b] port: the socket a has localhost:80, too: only one of them can "
        "be bound. Give each its own"
    )
    (told,) = load("[socket:a]\npath = /s\n[socket:b]\npath = /s\n").warnings
    assert "the socket a has /s, too" in told


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("port = 80", "port = 81"),
        ("port = 0", "port = 0"),
        ("host = ::1\nfamily = AF_INET6", "host = 127.0.0.1"),
        ("type = SOCK_DGRAM", "type = SOCK_STREAM"),
        ("so_reuseport = yes", "so_reuseport = yes"),
        ("path = /a", "path = /b"),
    ],
)
def test_two_sockets_that_can_both_be_bound(one, other):
    assert load(f"[socket:a]\n{one}\n[socket:b]\n{other}\n").warnings == ()


def test_a_variable_that_does_not_exist_is_warned_about():
    (told,) = load("[watcher:w]\ncmd = x $(circus.numproceses)\n").warnings
    assert told == (
        "circus.ini:2: [watcher:w] cmd: $(circus.numproceses) is no variable and stays as it is "
        "written. Did you mean numprocesses?"
    )
    (told,) = load("[watcher:w]\ncmd = x\nargs = ((circus.nonsense))\n").warnings
    assert "circus.ini:3: [watcher:w] args: $(circus.nonsense) is no variable" in told


def test_variables_that_exist_are_no_mistake():
    text = "$(circus.wid) $(CIRCUS.NumProcesses) $(circus.rlimits.nofile) ((circus.env.SET))"
    assert loads(f"[watcher:w]\ncmd = {text}\n", environ={"SET": "1"}).warnings == ()


def test_a_plugin_says_which_class():
    example = "Write for example: use = circus.plugins.flapping.Flapping"
    assert problems("[plugin:a]\nx = 1\n[plugin:b]\nuse = Flapping\n") == (
        f"circus.ini:1: [plugin:a]: says no class to use. {example}",
        "circus.ini:4: [plugin:b] use = Flapping: not the dotted name of a class. " + example,
    )


def test_env_sections_match_by_pattern_in_file_order_and_beat_the_general_one():
    loaded = load(
        """
[env:web]
A = specific
B = 1
[env]
A = general
Z = general
[env:w*, API]
B = 2
C = $HOME
[env:web]
B = ignored
D = merged
[watcher:web]
cmd = x
[watcher:worker]
cmd = x
[watcher:other]
cmd = x
name = API
[watcher:Web2]
cmd = x
"""
    )
    assert {spec.name: spec.env for spec in loaded.spec.watchers} == {
        "web": {"A": "specific", "B": "2", "C": "/root", "D": "merged", "Z": "general"},
        "worker": {"A": "general", "Z": "general", "B": "2", "C": "/root"},
        "API": {"A": "general", "Z": "general", "B": "2", "C": "/root"},
        "Web2": {"A": "general", "Z": "general"},
    }
    assert len(loaded.warnings) == 1  # the ignored second B


def test_a_pattern_that_matches_no_watcher_is_doubtful():
    loaded = load("[env:wbe, web, x*, plugin:p]\nA = 1\n[watcher:web]\ncmd = x\n")
    assert loaded.warnings == (
        "circus.ini:1: [env:wbe, web, x*, plugin:p]: no watcher matches wbe. Correct or remove it",
        "circus.ini:1: [env:wbe, web, x*, plugin:p]: no watcher matches x*. Correct or remove it",
    )


def test_an_on_demand_watcher_that_no_connection_can_start_is_doubtful():
    text = "[watcher:lazy]\ncmd = serve\non_demand = true\n"
    (warning,) = load(text).warnings
    assert warning.startswith("circus.ini:3: [watcher:lazy] on_demand: no connection can start it")
    named = text.replace("serve", "serve $(circus.sockets.web)") + "use_sockets = true\n"
    assert load(f"{named}[socket:web]\nport = 80\n").warnings == ()
