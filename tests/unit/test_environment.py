"""What a worker finds in its environment."""

from __future__ import annotations

import sys

import pytest

from circus.model.errors import ConfigError
from circus.model.specs import WatcherSpec
from circus.process.environment import candidates, worker_environment

OURS = {"PATH": "/usr/bin", "HOME": "/root", "PYTHONPATH": "/ours"}


def environment(inherited=OURS, python_path=(), **options) -> dict[str, str]:
    return worker_environment(WatcherSpec(name="web", **options), inherited, python_path)


def test_without_copy_env_it_holds_what_is_configured_and_nothing_else():
    assert environment() == {}
    assert environment(env={"A": "1"}) == {"A": "1"}


def test_copy_env_starts_from_ours_and_env_wins():
    assert environment(copy_env=True, env={"HOME": "/", "A": "1"}) == OURS | {"HOME": "/", "A": "1"}


def test_values_are_passed_exactly():
    env = {"A": " $HOME ", "B": "%(x)s $(circus.wid)", "C": "a=b\n", "D": ""}
    assert environment(env=env) == env


def test_nothing_that_is_given_is_changed():
    inherited, env = dict(OURS), {"A": "1"}
    environment(inherited, copy_env=True, env=env)["A"] = "2"
    assert (inherited, env) == (OURS, {"A": "1"})


def test_copy_path_passes_our_import_path_unless_env_says_otherwise():
    options = {"copy_env": True, "copy_path": True, "python_path": ["/a", "/b"]}
    assert environment(**options)["PYTHONPATH"] == "/a:/b"
    assert environment(**options, env={"PYTHONPATH": "/c"})["PYTHONPATH"] == "/c"


@pytest.mark.parametrize("option", [{"copy_path": True}, {"virtualenv": "/venv"}])
def test_what_builds_on_the_copied_environment_asks_for_it(option):
    with pytest.raises(
        ConfigError, match=r"^watcher web: \w+ needs .* Write also: copy_env = true$"
    ):
        environment(**option)


@pytest.fixture
def virtualenv(tmp_path):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / "lib" / version / "site-packages").mkdir(parents=True)
    return tmp_path


def packages(virtualenv):
    (found,) = virtualenv.glob("lib/*/site-packages")
    return found


def test_a_virtualenv_comes_first_in_path_and_last_in_pythonpath(virtualenv):
    env = environment(copy_env=True, virtualenv=str(virtualenv))
    assert env["PATH"] == f"{virtualenv}/bin:/usr/bin"
    assert env["PYTHONPATH"] == f"/ours:{packages(virtualenv)}"


def test_a_virtualenv_leaves_no_empty_entries_where_nothing_was_set(virtualenv):
    env = environment({}, copy_env=True, virtualenv=str(virtualenv))
    assert env["PATH"] == f"{virtualenv}/bin"
    assert env["PYTHONPATH"] == str(packages(virtualenv))


def test_the_directories_that_pth_files_name_are_added(virtualenv):
    place = packages(virtualenv)
    (place / "inside").mkdir()
    (virtualenv / "outside").mkdir()
    (place / "b.pth").write_text(f"{virtualenv}/outside\n./inside\n")
    (place / "a.pth").write_text("# a comment\n\nimport os; os.abort()\ninside\n/not/there\n.\n")
    (place / "ignored.txt").write_text("/etc\n")
    env = environment({}, copy_env=True, virtualenv=str(virtualenv))
    assert env["PYTHONPATH"].split(":") == [str(place), f"{place}/inside", f"{virtualenv}/outside"]


def test_a_virtualenv_of_another_python(tmp_path):
    (tmp_path / "lib/python2.7/site-packages").mkdir(parents=True)
    options = {"copy_env": True, "virtualenv": str(tmp_path)}
    found = environment({}, **options, virtualenv_py_ver="2.7")["PYTHONPATH"]
    assert found == f"{tmp_path}/lib/python2.7/site-packages"
    with pytest.raises(
        ConfigError, match=r"there is no .*site-packages\. Give .*virtualenv_py_ver"
    ):
        environment({}, **options)


@pytest.mark.parametrize(
    ("program", "env", "expected"),
    [
        ("sleep", {}, ["/bin/sleep", "/usr/bin/sleep"]),
        ("sleep", {"PATH": "/a:/b"}, ["/a/sleep", "/b/sleep"]),
        ("sleep", {"PATH": "/a::/b"}, ["/a/sleep", "./sleep", "/b/sleep"]),
        ("sleep", {"PATH": ""}, ["./sleep"]),
        ("./sleep", {"PATH": "/a"}, ["./sleep"]),
        ("/bin/sleep", {}, ["/bin/sleep"]),
    ],
)
def test_a_program_is_looked_for_in_the_workers_path_not_in_ours(program, env, expected):
    assert candidates(program, env) == expected
