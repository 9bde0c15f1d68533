"""The JSON Schema of the TOML form says the same as the reader."""

import json
import tomllib

import jsonschema
import pytest

from circus.config import loads
from circus.config.schema import schema
from circus.model.errors import ConfigError
from circus.model.options import options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec

VALIDATOR = jsonschema.Draft202012Validator(schema())

QUICKSTART = """
[socket.web]
host = "127.0.0.1"
port = 8000

[watcher.web]
cmd = "python3 web.py --fd $(circus.sockets.web)"
numprocesses = 2
use_sockets = true
copy_env = true

[watcher.ticker]
cmd = "python3 ticker.py"
args = ["worker $(circus.wid)", "10"]
"""
EVERYTHING = """
[circus]
endpoint = "ipc:///run/c"
umask = 0o022
include = ["a/*.toml"]
httpd_port = "$(circus.env.PORT)"
[env]
A = "1"
[env."web, a*"]
B = "2"
[socket.unix]
path = "/run/s"
umask = "077"
[plugin.p]
use = "a.b"
attempts = 3
deep = { more = [1] }
[watcher.web]
cmd = "x"
name = "api"
uid = 33
gid = "www-data"
stop_signal = "SIGTERM"
shell = "((CIRCUS.ENV.SHELL))"
rlimit_nofile = "unlimited"
env = { C = "3" }
hooks.before_start = ["a.b", true]
hooks.after_start = "a.b, true"
stdout_stream.filename = "a.log"
stderr_stream.class = "StdoutStream"
rlimits.core = 5
extra.flapping.window = 3
"""
BAD = [
    "[watcher.web]",
    "[watcher.web]\ncmd = 3",
    "[watcher.web]\ncmd = 'x'\nnumprocesses = 'four'",
    "[watcher.web]\ncmd = 'x'\nnumprocesses = -1",
    "[watcher.web]\ncmd = 'x'\nnumproceses = 1",
    "[watcher.web]\ncmd = 'x'\nshell = 'yes'",
    "[watcher.web]\ncmd = 'x'\nenv = { A = 1 }",
    "[watcher.web]\ncmd = 'x'\nhooks.nope = 'a.b'",
    "[watcher.web]\ncmd = 'x'\nrlimits.core = 'x'",
    "[watcher.web]\ncmd = 'x'\nstdout_stream.max_bytes = 3",
    "[plugin.p]\nx = 1",
    "[socket.s]\nfamily = 'AF_X'",
    "[socket.s]\nport = 1.5",
    "[circus]\nwatchers = 3",
    "[circus]\nloglevel = 'loud'",
    "[env]\nA = 1",
    "[watchers.web]\ncmd = 'x'",
    "watcher = 3",
]


def test_it_is_a_schema_that_can_be_stored():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema())) == schema()


@pytest.mark.parametrize("text", ["", QUICKSTART, EVERYTHING])
def test_what_the_reader_takes_is_valid(text):
    loads(text, "circus.toml", environ={"PORT": "1", "SHELL": "no"})
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", BAD)
def test_what_is_invalid_the_reader_refuses(text):
    assert not VALIDATOR.is_valid(tomllib.loads(text))
    with pytest.raises(ConfigError):
        loads(text, "circus.toml")


@pytest.mark.parametrize(
    ("table", "spec"),
    [
        ("circus", ArbiterSpec),
        ("watcher", WatcherSpec),
        ("socket", SocketSpec),
        ("plugin", PluginSpec),
    ],
)
def test_every_option_is_described(table, spec):
    described = schema()["$defs"][table]["properties"]
    for name, option in options_of(spec).items():
        assert described[name]["description"] == option.help
    assert schema()["$defs"][table]["additionalProperties"] is (table == "plugin")


def test_every_default_is_valid_itself():
    for table in ("circus", "watcher", "socket", "plugin"):
        for name, one in schema()["$defs"][table]["properties"].items():
            if "default" in one:
                assert jsonschema.Draft202012Validator(one).is_valid(one["default"]), name
