"""Whatever a file holds, reading it gives a spec or a ConfigError; what a spec says survives."""

import tomllib
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from circus.config import change_watcher, loads, mapping_of, watcher_from_mapping
from circus.config.families import RLIMIT_NAMES
from circus.model.errors import ConfigError
from circus.model.options import options_of
from circus.model.specs import HOOK_NAMES, WatcherSpec
from circus.model.units import signal_name

READERS = ("circus.ini", "circus.toml")
MANY = settings(max_examples=40, deadline=2000, suppress_health_check=[HealthCheck.too_slow])

INI = """\
[DEFAULT]
graceful_timeout = 5
[circus]
endpoint = tcp://127.0.0.1:5555
umask = 022
include = conf.d/*.ini
[env]
A = $HOME $$ $(circus.env.PATH)
[env:web, a*]
B = 1
[socket:web]
port = 80
[plugin:flap]
use = circus.plugins.flapping.Flapping
[watcher:web]
cmd = serve --fd $(circus.sockets.web) ; why
    --more
numprocesses = 4
stop_signal = SIGRTMIN+2
rlimit_nofile = 500
hooks.before_start = a.b, true
stdout_stream.filename = /tmp/x
use_sockets = 1
"""
TOML = """\
[circus]
umask = 0o022
include = ["conf.d/*.toml"]
[env]
A = "$(circus.env.PATH)"
[env."web, a*"]
B = "1"
[socket.web]
port = "$(circus.env.PORT)"
[plugin.flap]
use = "circus.plugins.flapping.Flapping"
nested = { a = [1, { b = 2 }] }
[watcher.web]
cmd = "serve --fd $(circus.sockets.web)"
args = ["a", \'\'\'b\'\'\', \"\"\"c\"\"\"]
stop_signal = "SIGRTMIN+2"
[watcher.web.hooks]
before_start = ["a.b", true]
[watcher.web.rlimits]
nofile = "unlimited"
"""
PIECES = st.sampled_from(
    [
        "[", "]", "=", ":", ";", "#", "\n", "\r", " ", "\t", '"', "'", '"""', "\\", "\0", "$",
        "((", "$(circus.env.", "circus", "watcher", "[watcher:", "[watcher.", "[env:[a-]", "]\n",
        "-1", "0x", "9" * 400, "1e999", "nan", "numprocesses", "rlimit_", "hooks.", "umask = 8\n",
        "stdout_stream", "{", "}", ".", ",", "1979-05-27", "\x0b", "\u2028", "\ud800", "é", "*",
        "?", "true",
    ]
)  # fmt: skip


def read(text: str, name: str) -> None:
    """Read *text*: the only exception that may come out is ConfigError, with its problems."""
    try:
        loads(
            text,
            name,
            environ={"PATH": "/bin", "HOME": "$HOME $(circus.env.HOME)", "PORT": "80"},
            read=lambda path: text,
            glob=lambda pattern: ["conf.d/a.ini", "conf.d/b.toml"],
        )
    except ConfigError as refused:
        error = refused
    else:
        return
    assert error.problems
    assert all(isinstance(problem, str) and problem for problem in error.problems)


@pytest.mark.parametrize("name", READERS)
@MANY
@given(text=st.text(max_size=300))
def test_any_text_is_read_or_refused(name, text):
    read(text, name)


@pytest.mark.parametrize("name", READERS)
@MANY
@given(pieces=st.lists(PIECES, max_size=30))
def test_any_pieces_of_a_configuration_are_read_or_refused(name, pieces):
    read("".join(pieces), name)


@pytest.mark.parametrize(("name", "valid"), [("circus.ini", INI), ("circus.toml", TOML)])
@MANY
@given(data=st.data())
def test_a_damaged_configuration_is_read_or_refused(name, valid, data):
    loads(valid, name, environ={"PATH": "/bin", "HOME": "/", "PORT": "80"})
    text = valid
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(PIECES | st.text(max_size=3)) + text[end:]
    read(text, name)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KEYS = (
    st.sampled_from(
        [
            *options_of(WatcherSpec),
            *(f"rlimit_{name}" for name in RLIMIT_NAMES),
            *(f"hooks.{name}" for name in HOOK_NAMES),
            "env", "rlimits", "hooks", "stdout_stream", "stderr_stream", "extra", "name",
            "stdout_stream.class", "hooks.", "stdout_stream.", "rlimit_",
        ]
    )
    | st.text(max_size=8)
)  # fmt: skip


@MANY
@given(options=st.dictionaries(KEYS, ANY, max_size=6))
def test_any_mapping_is_a_watcher_or_refused(options):
    web = WatcherSpec(name="web", cmd="x")
    for call in (
        lambda: watcher_from_mapping({"name": "web", "cmd": "x", **options}),
        lambda: change_watcher(web, options),
    ):
        try:
            spec = call()
        except ConfigError:
            continue
        assert spec.name
        assert spec.cmd


# --- round trip --------------------------------------------------------------------------------

NAME = st.from_regex(r"[a-z][a-zA-Z0-9_. -]{0,8}[a-z0-9]", fullmatch=True)
WORD = st.from_regex(r"[A-Za-z0-9_./%:=,$#-]{1,12}", fullmatch=True)
WORDS = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
ANY_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip() and " ;" not in text and text != '""')  # fmt: skip
TEXT = ANY_TEXT.filter(lambda text: not any(char.isspace() for char in text if char != " ")).filter(
    lambda text: text[0] != ";" and "circus." not in text.lower()
)
BY_KIND = {
    "text": WORDS,
    "path": TEXT,
    "arguments": WORDS,
    "boolean": st.booleans(),
    "whole number": st.integers(-1, 2**40),
    "whole number of 0 or more": st.integers(0, 4000),
    "seconds": st.floats(0, 1e9),
    "signal": st.integers(1, 64),
    "octal mode": st.integers(0, 0o7777),
    "user or group": st.integers(0, 2**31) | st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
}


@st.composite
def watchers(draw) -> WatcherSpec:
    """Any watcher that both forms can say."""
    given_fields: dict[str, Any] = {"cmd": draw(WORDS)}
    table = options_of(WatcherSpec)
    for key in draw(st.lists(st.sampled_from(sorted(table)), max_size=10, unique=True)):
        if key not in ("cmd", "stdin_socket"):
            given_fields[key] = draw(BY_KIND[table[key].kind.name])
    if given_fields.get("singleton"):
        given_fields["numprocesses"] = 1
    if given_fields.get("copy_path") or given_fields.get("virtualenv"):
        given_fields["copy_env"] = True
    variable = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True)
    dotted = st.from_regex(r"[a-z]{1,4}\.[a-z]{1,4}", fullmatch=True)
    stream = st.fixed_dictionaries(
        {"class": st.just("FileStream")}, optional={"filename": TEXT, "time_format": TEXT}
    )
    return WatcherSpec(
        name=draw(NAME),
        env=draw(st.dictionaries(variable, TEXT, max_size=3)),
        rlimits=draw(
            st.dictionaries(
                st.sampled_from(sorted(RLIMIT_NAMES)), st.none() | st.integers(0, 2**40), max_size=3
            )
        ),
        hooks=draw(
            st.dictionaries(
                st.sampled_from(HOOK_NAMES), st.tuples(dotted, st.booleans()), max_size=3
            )
        ),
        stdout_stream=draw(st.just({}) | stream),
        stderr_stream=draw(st.just({}) | stream),
        extra=draw(st.dictionaries(dotted, TEXT, max_size=2)),
        **given_fields,
    )


def changed_options(spec: WatcherSpec) -> dict[str, Any]:
    table = options_of(WatcherSpec)
    return {
        key: getattr(spec, key)
        for key, option in table.items()
        if getattr(spec, key) != option.default
    }


def to_ini(spec: WatcherSpec) -> str:
    lines = [f"[watcher:{spec.name}]"]
    for key, value in changed_options(spec).items():
        kind = options_of(WatcherSpec)[key].kind.name
        written = {"octal mode": "{:o}".format, "signal": signal_name}.get(kind, str)(value)
        lines.append(f"{key} = {written}")
    lines += [f"rlimit_{key} = {'' if v is None else v}" for key, v in spec.rlimits.items()]
    lines += [f"hooks.{key} = {name},{ignore}" for key, (name, ignore) in spec.hooks.items()]
    lines += [f"stdout_stream.{key} = {value}" for key, value in spec.stdout_stream.items()]
    lines += [f"stderr_stream.{key} = {value}" for key, value in spec.stderr_stream.items()]
    lines += [f"{key} = {value}" for key, value in spec.extra.items()]
    lines.append("[env]")
    lines += [f"{key} = {value.replace('$', '$$')}" for key, value in spec.env.items()]
    return "\n".join(lines)


def toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_value, value))}]"
    return repr(value)


def to_toml(spec: WatcherSpec) -> str:
    head = f"watcher.{toml_value(spec.name)}"
    lines = [f"[{head}]"]
    lines += [f"{key} = {toml_value(value)}" for key, value in changed_options(spec).items()]
    limits = {key: "unlimited" if value is None else value for key, value in spec.rlimits.items()}
    for family, table in (
        ("env", spec.env),
        ("rlimits", limits),
        ("hooks", spec.hooks),
        ("stdout_stream", spec.stdout_stream),
        ("stderr_stream", spec.stderr_stream),
        ("extra", spec.extra),
    ):
        if table:
            lines.append(f"[{head}.{family}]")
            lines += [f"{toml_value(key)} = {toml_value(item)}" for key, item in table.items()]
    return "\n".join(lines)


def differences(first: WatcherSpec, second: WatcherSpec) -> dict[str, tuple[Any, Any]]:
    return {
        field.name: (getattr(first, field.name), getattr(second, field.name))
        for field in fields(WatcherSpec)
        if getattr(first, field.name) != getattr(second, field.name)
    }


@MANY
@given(spec=watchers())
def test_a_watcher_survives_the_way_through_ini(spec):
    (again,) = loads(to_ini(spec), "circus.ini", environ={}).spec.watchers
    assert differences(again, spec) == {}


@MANY
@given(spec=watchers())
def test_a_watcher_survives_the_way_through_toml(spec):
    text = to_toml(spec)
    tomllib.loads(text)
    (again,) = loads(text, "circus.toml", environ={}).spec.watchers
    assert differences(again, spec) == {}


@MANY
@given(spec=watchers(), other=watchers())
def test_a_watcher_survives_the_way_through_a_mapping(spec, other):
    assert differences(watcher_from_mapping(mapping_of(spec)), spec) == {}
    assume(not (other.singleton and spec.numprocesses > 1))
    assume(not (spec.singleton and other.numprocesses > 1))
    changes = mapping_of(other) | {"name": spec.name, "copy_env": True}
    changed = change_watcher(spec, changes)
    for key in changed_options(other):
        assert getattr(changed, key) == getattr(other, key) or key == "copy_env"
    for key in ("env", "rlimits", "hooks", "stdout_stream", "stderr_stream"):
        expected = getattr(other, key) or getattr(spec, key)
        assert getattr(changed, key) == expected
