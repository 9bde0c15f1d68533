"""The TOML form: the same names with real types, and the line of every problem."""

import pytest

from circus.config import loads
from circus.model.errors import ConfigError
from circus.model.specs import PluginSpec, SocketSpec, WatcherSpec


def load(text: str, **keywords):
    return loads(text, "circus.toml", environ={"HOME": "/root", "PORT": "80"}, **keywords)


def watcher(body: str) -> WatcherSpec:
    (spec,) = load(f"[watcher.web]\n{body}").spec.watchers
    return spec


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return caught.value.problems


def test_every_family_can_be_written():
    loaded = load(
        """
        [circus]
        statsd = true
        warmup_delay = 1
        umask = 0o027

        [env]
        A = "all"
        PRICE = "$HOME $$"
        [env."web, w*"]
        B = "$(circus.env.HOME)/b"

        [socket.Web]
        port = "$(circus.env.PORT)"

        [plugin.flap]
        use = "circus.plugins.flapping.Flapping"
        attempts = 3
        nested = { home = "$(circus.env.HOME)" }

        [watcher.web]
        cmd = "serve --fd $(circus.sockets.web)"
        args = ["a b", "$(circus.wid)"]
        use_sockets = true
        graceful_timeout = 5
        stop_signal = "INT"
        umask = "022"
        rlimit_nofile = 500
        stdout_stream.class = "FileStream"
        stdout_stream.filename = "/tmp/$(circus.env.B)"
        [watcher.web.env]
        A = "own"
        [watcher.web.rlimits]
        core = "unlimited"
        [watcher.web.hooks]
        before_start = "app.check"
        after_start = ["app.after", true]
        after_stop = "app.after, yes"
        [watcher.web.extra]
        flapping.window = 3
        owner = "me"
        """
    )
    assert loaded.warnings == ()
    assert (loaded.spec.statsd, loaded.spec.warmup_delay, loaded.spec.umask) == (True, 1.0, 0o27)
    assert loaded.spec.sockets == (SocketSpec(name="web", port=80),)
    assert loaded.spec.plugins == (
        PluginSpec(
            name="flap",
            use="circus.plugins.flapping.Flapping",
            config={"attempts": 3, "nested": {"home": "/root"}},
        ),
    )
    assert loaded.spec.watchers == (
        WatcherSpec(
            name="web",
            cmd="serve --fd $(circus.sockets.web)",
            args=("a b", "$(circus.wid)"),
            use_sockets=True,
            graceful_timeout=5.0,
            stop_signal=2,
            umask=0o22,
            rlimits={"nofile": 500, "core": None},
            stdout_stream={"class": "FileStream", "filename": "/tmp//root/b"},
            env={"A": "own", "PRICE": "$HOME $$", "B": "/root/b"},
            hooks={
                "before_start": ("app.check", False),
                "after_start": ("app.after", True),
                "after_stop": ("app.after", True),
            },
            extra={"flapping.window": 3, "owner": "me"},
        ),
    )


def test_values_have_their_types():
    assert problems(
        '[watcher.web]\ncmd = "x"\nnumprocesses = "4"\nshell = "yes"\nworking_dir = 3\n'
    ) == (
        (
            'circus.toml:3: [watcher.web] numprocesses = "4": not a whole number. '
            "Write for example: numprocesses = 4"
        ),
        (
            'circus.toml:4: [watcher.web] shell = "yes": not a boolean (true or false). '
            "Write for example: shell = true"
        ),
        (
            "circus.toml:5: [watcher.web] working_dir = 3: not text. "
            'Write for example: working_dir = "/srv/app"'
        ),
    )


def test_unknown_keys_are_refused_with_a_suggestion():
    assert problems('[watcher.web]\ncmd = "x"\nnumproceses = 4\nuser = "x"\nzzz = 1\n') == (
        (
            "circus.toml:3: [watcher.web] numproceses: not a known option. "
            "Did you mean numprocesses? What a plugin reads belongs in [watcher.web.extra]"
        ),
        (
            "circus.toml:4: [watcher.web] user: not a known option. Did you mean uid? "
            "What a plugin reads belongs in [watcher.web.extra]"
        ),
        (
            "circus.toml:5: [watcher.web] zzz: not a known option. "
            "What a plugin reads belongs in [watcher.web.extra]"
        ),
    )
    assert problems("[socket.web]\nprot = 80\n[circus]\nendpont = 'x'\n") == (
        (
            "circus.toml:2: [socket.web] prot: not a known option. Did you mean proto? "
            "What a plugin reads belongs in [socket.web.extra]"
        ),
        (
            "circus.toml:4: [circus] endpont: not a known option. Did you mean endpoint? "
            "What a plugin reads belongs in [circus.extra]"
        ),
    )


def test_unknown_tables_are_refused():
    assert problems('[watchers.web]\ncmd = "x"\n[nothing]\n') == (
        (
            "circus.toml:1: [watchers]: not a section of circusd. "
            "Known are circus, watcher, socket, plugin and env. Did you mean watcher?"
        ),
        (
            "circus.toml:3: [nothing]: not a section of circusd. "
            "Known are circus, watcher, socket, plugin and env."
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("circus = 3", "circus.toml:1: circus: not a table. Write for example: [circus]"),
        (
            "[watcher]\ncmd = 'x'",
            "circus.toml:2: watcher.cmd: not a table. Write for example: [watcher.web]",
        ),
        (
            "[[watcher]]\nname = 'x'",
            "circus.toml:1: watcher: not a table. Write for example: [watcher]",
        ),
        (
            "[env]\nPORT = 80",
            'circus.toml:2: [env] PORT: not text. Write it in quotes, for example: PORT = "8000"',
        ),
        (
            "[watcher.web]\ncmd = 'x'\n[watcher.web.env]\nA = 'x'\nPORT = 80",
            (
                "circus.toml:5: [watcher.web] env.PORT: not text. "
                'Write it in quotes, for example: PORT = "8000"'
            ),
        ),
        (
            "[watcher.web]\ncmd = 'x'\nenv = 'A=1'",
            (
                'circus.toml:3: [watcher.web] env = "A=1": not a table of texts. '
                'Write for example: env = { PORT = "8000" }'
            ),
        ),
        (
            "[watcher.web]\ncmd = 'x'\nhooks = 'a.b'",
            (
                "circus.toml:3: [watcher.web] hooks: needs to say which. "
                'Write for example: hooks.before_start = "app.hooks.check"'
            ),
        ),
        (
            "[watcher.web]\nname = 3\ncmd = 'x'",
            'circus.toml:2: [watcher.web] name: not text. Write for example: name = "web"',
        ),
    ],
)
def test_what_has_the_wrong_shape_is_told_with_the_right_one(text, message):
    assert problems(text) == (message,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[watcher.web]\ncmd = sleep",
            (
                "circus.toml:2: not TOML: Invalid value (column 7). "
                'Text needs quotes, for example: cmd = "sleep 60"'
            ),
        ),
        (
            "[circus]\n[watcher:web]\ncmd = 'x'",
            (
                "circus.toml:2: not TOML: Expected ']' at the end of a table declaration "
                "(column 9). A TOML file says [watcher.web]; or call it circus.ini"
            ),
        ),
        (
            "[circus]\nstatsd = true\nstatsd = false\n",
            (
                "circus.toml:3: not TOML: Cannot overwrite a value (column 15). "
                "Each key and each table may be given once: remove one"
            ),
        ),
        (
            "[circus",
            (
                "circus.toml:1: not TOML: Expected ']' at the end of a table declaration "
                '(end of the file). Text needs quotes, for example: cmd = "sleep 60"'
            ),
        ),
    ],
)
def test_a_syntax_error_names_its_line_and_a_way_out(text, message):
    assert problems(text) == (message,)


def test_a_digit_flood_and_deep_nesting_are_problems_like_others():
    assert "not TOML" in problems(f"[circus]\nhttpd_port = {'9' * 5000}")[0]
    for deep in (f"a = {'[' * 5000}", f"[plugin.x]\n{'.'.join('a' * 500)} = 1"):
        assert problems(deep) == ("circus.toml: tables nested more than 32 deep. Flatten them",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[watcher.web]\ncmd = 'x'\nuid = true", 3),
        ("[watcher.'web']\ncmd = 'x'\n\n# why\n  uid   = true", 5),
        ('[watcher]\nweb.cmd = "x"\nweb."uid" = true', 3),
        ('[ watcher . "web" ]\ncmd = """\nuid = 4\n"""\nuid = true', 5),
        ("[watcher.api]\ncmd = 'x'\nuid = 'a'\n[watcher.web]\ncmd = '''a\nuid=1'''\nuid = true", 7),
        ("[watcher]\nweb = { cmd = 'x', uid = true }", 2),
        ("watcher.web.cmd = 'x'\nwatcher.web.uid = true", 2),
    ],
)
def test_the_line_of_a_key_is_found_however_it_is_written(text, line):
    (problem,) = problems(text)
    assert problem.startswith(f"circus.toml:{line}: [watcher.web] uid = true: not a user or group")


def test_names_that_need_quotes_are_shown_with_quotes():
    (problem,) = problems('[watcher."a \\"b"]\ncmd = ""\n')
    assert problem.startswith('circus.toml:2: [watcher."a \\"b"] cmd: there is no command.')


def test_no_dollar_name_is_replaced():
    assert watcher("cmd = 'x'\n[env]\nA = '$HOME'").env == {"A": "$HOME"}


def test_a_variable_may_stand_for_a_number_or_a_boolean():
    spec = watcher('cmd = "x"\nnumprocesses = "$(circus.env.PORT)"\n[env]\nYES = "yes"\n')
    assert spec.numprocesses == 80
    assert watcher('cmd = "x"\nshell = "$(circus.env.YES)"\n[env]\nYES = "yes"\n').shell is True
    (problem,) = problems('[watcher.web]\ncmd = "x"\nnumprocesses = "$(circus.env.HOME)"\n')
    assert problem == (
        'circus.toml:3: [watcher.web] numprocesses = "/root": not a whole number. '
        "Write for example: numprocesses = 4"
    )
