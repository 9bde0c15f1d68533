"""Reading a configuration stays cheap: few imports, and time in proportion to the text."""

import subprocess
import sys
import time

import pytest

from circus.config import loads
from circus.model.errors import ConfigError

MANY = 2000


def ini(number: int) -> str:
    return "[env]\nA = 1\n" + "".join(
        f"[watcher:w{n}]\ncmd = sleep 60\nnumprocesses = 2\ncopy_env = true\n"
        f"stdout_stream.filename = /tmp/{n}\nown = {n}\n[env:w{n}]\nB = {n}\n"
        for n in range(number)
    )


def toml(number: int) -> str:
    return '[env]\nA = "1"\n' + "".join(
        f'[watcher.w{n}]\ncmd = "sleep 60"\nnumprocesses = 2\ncopy_env = true\n'
        f'stdout_stream.filename = "/tmp/{n}"\nenv.B = "{n}"\n'
        for n in range(number)
    )


@pytest.mark.parametrize(("text", "name"), [(ini(MANY), "a.ini"), (toml(MANY), "a.toml")])
def test_thousands_of_watchers_load_in_about_a_second(text, name):
    started = time.process_time()
    loaded = loads(text, name)
    spent = time.process_time() - started
    assert len(loaded.spec.watchers) == MANY
    assert loaded.spec.watchers[-1].env == {"A": "1", "B": "999"}
    assert loaded.warnings == ()
    assert spent < 4, f"{spent:.1f} s of CPU"  # about 0.5 s; the rest is for a busy machine


def test_thousands_of_mistakes_are_found_as_fast():
    started = time.process_time()
    for text, name in ((ini(MANY), "a.ini"), (toml(MANY), "a.toml")):
        wrong = text.replace("numprocesses = 2", "numprocesses = -2").replace("copy_env", "copyenv")
        with pytest.raises(ConfigError) as caught:
            loads(wrong, name)
        assert caught.value.problems[-1].startswith("... and ")
    assert time.process_time() - started < 8


def test_environments_that_are_equal_are_one():
    first, second = loads("[env]\nA=1\n[watcher:a]\ncmd=x\n[watcher:b]\ncmd=x\n").spec.watchers
    assert first.env is second.env


def test_reading_toml_imports_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); from circus.config import loads; "
        "loads('[watcher.a]\\ncmd = \"x\"', 'a.toml'); "
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {
        "asyncio",
        "circus.config.describe",
        "circus.config.ini",
        "circus.config.schema",
        "configparser",
        "difflib",
        "fnmatch",
        "glob",
        "json",
        "jsonschema",
        "logging",
        "socket",
        "subprocess",
        "zmq",
    }
    assert not heavy & set(done.stdout.split())
