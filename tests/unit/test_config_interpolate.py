"""Variables: what is replaced when a file is read, and what has to stay."""

import pytest

from circus.config import loads
from circus.config.interpolate import environment, expand, expand_env, expand_value

LOOKUP = environment({"NAME": "value", "http_proxy": "p", "TRAP": "$(circus.env.NAME) $NAME $$"})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(circus.env.NAME)", "value"),
        ("((circus.env.NAME))", "value"),
        ("$(CIRCUS.ENV.name)x$(circus.env.NAME)", "valuexvalue"),
        ("$(circus.env.HTTP_PROXY)", "p"),
        ("$(circus.env.NOPE)", "$(circus.env.NOPE)"),
        ("$(circus.wid) $(circus.uid)", "$(circus.wid) $(circus.uid)"),
        ("$(circus.sockets.web)", "$(circus.sockets.web)"),
        ("$NAME ${NAME} %(NAME)s (NAME)", "$NAME ${NAME} %(NAME)s (NAME)"),
        ("$(circus.env.TRAP)", "$(circus.env.NAME) $NAME $$"),
    ],
)
def test_options_know_the_environment_and_nothing_else(text, result):
    assert expand(text, LOOKUP) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$NAME/bin:$NAME", "value/bin:value"),
        ("${NAME} $name $1 $", "${NAME} $name $1 $"),
        ("$NOPE $NAMES", "$NOPE $NAMES"),
        ("$$NAME $$ $$$NAME", "$NAME $ $value"),
        ("$(circus.env.NAME) $$(circus.env.NAME)", "value $(circus.env.NAME)"),
        ("$TRAP", "$(circus.env.NAME) $NAME $$"),
    ],
)
def test_env_values_of_ini_files_know_dollar_names_too(text, result):
    assert expand_env(text, LOOKUP) == result


def test_an_exact_name_comes_before_one_in_another_case():
    assert expand("$(circus.env.a)", environment({"A": "1"}, {"a": "2"})) == "2"


def test_texts_inside_lists_and_tables_are_reached():
    value = {"a": ["$(circus.env.NAME)", 3, True], "b": {"c": "((circus.env.NAME))"}}
    assert expand_value(value, LOOKUP) == {"a": ["value", 3, True], "b": {"c": "value"}}


INI = """
[circus]
pidfile = $(circus.env.RUN)/pid
[env]
RUN = $TOP/run
[env:web]
OWN = mine
[watcher:web]
cmd = $(circus.env.RUN)/$(circus.env.OWN) $(circus.wid) $HOME
stop_signal = 15
stdout_stream.filename = $(circus.env.OWN).log
custom.path = $(circus.env.OWN)
hooks.before_start = $(circus.env.OWN).x
[socket:web]
path = $(circus.env.RUN)/$(circus.env.OWN)
[plugin:x]
use = a.b
where = $(circus.env.RUN)
"""


def test_who_sees_which_variables():
    loaded = loads(INI, environ={"TOP": "/top", "HOME": "/root"})
    spec = loaded.spec
    (watcher,) = spec.watchers
    assert spec.pidfile == "/top/run/pid"
    assert watcher.cmd == "/top/run/mine $(circus.wid) $HOME"
    assert watcher.stdout_stream == {"filename": "mine.log"}
    assert watcher.extra == {"custom.path": "mine"}
    assert watcher.hooks == {"before_start": ("$(circus.env.OWN).x", False)}
    assert watcher.env == {"RUN": "/top/run", "OWN": "mine"}
    assert spec.sockets[0].path == "/top/run/$(circus.env.OWN)"
    assert spec.plugins[0].config == {"where": "/top/run"}
    assert loaded.warnings == (
        (
            "circus.ini:15: [socket:web] path: $(circus.env.OWN) is not set and stays as it is. "
            "Set OWN in circusd's environment or in [env]"
        ),
    )


def test_an_unset_name_in_an_env_section_stays_and_is_told():
    loaded = loads("[env]\nA = $NOPE\nB = $$NOPE\n[watcher:x]\ncmd = x\n", environ={})
    assert loaded.spec.watchers[0].env == {"A": "$NOPE", "B": "$NOPE"}
    assert loaded.warnings == (
        (
            "circus.ini:2: [env] A: $NOPE is not set and stays as it is. "
            "Set NOPE in circusd's environment, or write $$NOPE to mean it so"
        ),
    )
