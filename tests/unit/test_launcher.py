"""What a Launcher asks the spawn for, and what it says when the spawn fails."""

from __future__ import annotations

import errno
import os
import resource
from typing import Any

import pytest

from circus import _speedups
from circus._speedups import SpawnStepError
from circus.model.errors import ConfigError, SpawnError
from circus.model.specs import WatcherSpec
from circus.process.identity import Account
from circus.process.spawner import Child, Launcher

ROOT = Account(0, 0, frozenset({0}))
SOCKETS = {"web": 11, "admin": 9, "other": 12}


class Recorder:
    """Stands in for the spawn: notes what it is asked for, or fails as it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: SpawnStepError | None = None

    def __call__(self, argv, executables, env, **options):
        if self.error:
            raise self.error
        self.asked.append({"argv": argv, "executables": executables, "env": env, **options})
        return 4711, 17


@pytest.fixture
def spawn(monkeypatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(_speedups, "spawn", recorder)
    return recorder


def launcher(sockets=SOCKETS, **options) -> Launcher:
    options.setdefault("cmd", "run")
    return Launcher(
        WatcherSpec(name="web", **options), sockets=sockets, inherited={"PATH": "/ours"}, own=ROOT
    )


def asked(spawn: Recorder, *, launch: Any = (1,), streams: Any = None, **options) -> dict[str, Any]:
    assert launcher(**options).launch(*launch, **(streams or {})) == Child(4711, 17)
    return spawn.asked[-1]


def test_the_plainest_watcher(spawn):
    null = _speedups.reserve()
    assert asked(spawn, cmd="sleep 60") == {
        "argv": (b"sleep", b"60"),
        "executables": (b"/bin/sleep", b"/usr/bin/sleep"),
        "env": (),
        "cwd": None,
        "stdin": null,
        "stdout": 1,
        "stderr": 2,
        "keep": (),
        "umask": -1,
        "rlimits": (),
        "uid": -1,
        "gid": -1,
        "groups": None,
    }


def test_the_childs_own_path_is_searched(spawn):
    assert asked(spawn, env={"PATH": "/a:/b"})["executables"] == (b"/a/run", b"/b/run")
    assert asked(spawn, copy_env=True)["executables"] == (b"/ours/run",)


def test_options_of_the_surroundings(spawn):
    found = asked(spawn, working_dir="/srv", umask=0o027, uid=4321, gid=4322, env={"A": "\u20ac"})
    assert (found["cwd"], found["umask"]) == (b"/srv", 0o027)
    assert (found["uid"], found["gid"], found["groups"]) == (4321, 4322, (4322,))
    assert found["env"] == ("A=\u20ac".encode(),)


def test_the_environment_is_there_for_others_to_show():
    assert launcher(copy_env=True, env={"A": "1"}).environment == {"PATH": "/ours", "A": "1"}


# --- descriptors ------------------------------------------------------------------------------


def test_streams_are_what_is_given_unless_they_are_closed(spawn):
    null = _speedups.reserve()
    streams = {"stdout": 21, "stderr": 22}
    found = asked(spawn, streams=streams)
    assert (found["stdout"], found["stderr"]) == (21, 22)
    found = asked(spawn, streams=streams, close_child_stdout=True, close_child_stderr=True)
    assert (found["stdout"], found["stderr"]) == (null, null)


def test_stdin_is_ours_where_it_is_not_closed(spawn):
    assert asked(spawn, close_child_stdin=False)["stdin"] == 0


def test_stdin_is_a_socket_where_one_is_named_without_use_sockets_too(spawn):
    found = asked(spawn, stdin_socket="Web", close_child_stdin=True)
    assert (found["stdin"], found["keep"]) == (11, ())


@pytest.mark.parametrize(
    ("options", "keep"),
    [
        ({"use_sockets": False, "cmd": "run $(circus.sockets.web)"}, ()),
        ({"use_sockets": True, "cmd": "run $(circus.sockets.web)"}, (11,)),
        ({"use_sockets": True, "args": ("$(circus.sockets.other)", "((circus.sockets.web))")},
         (11, 12)),
        ({"use_sockets": True, "cmd": "run $(circus.sockets.unknown)"}, ()),
        ({"use_sockets": True}, (9, 11, 12)),
        ({"use_sockets": True, "sockets": {}}, ()),
    ],
)  # fmt: skip
def test_workers_inherit_the_sockets_that_they_mention_else_all(spawn, options, keep):
    assert asked(spawn, **options)["keep"] == keep


def test_a_listener_of_its_own_takes_the_place_of_the_shared_one(spawn):
    watcher = launcher(use_sockets=True, cmd="run $(circus.sockets.web)")
    watcher.launch(1, listeners={"web": 31})
    watcher.launch(2, listeners={"web": 32})
    watcher.launch(3)
    assert [(each["argv"][1], each["keep"]) for each in spawn.asked] == [
        (b"31", (31,)),
        (b"32", (32,)),
        (b"11", (11,)),
    ]


def test_each_worker_has_its_wid_in_the_command_line(spawn):
    watcher = launcher(cmd="run$(circus.wid)", args="--id $(circus.wid)")
    watcher.launch(1)
    watcher.launch(2)
    assert [each["argv"] for each in spawn.asked] == [
        (b"run1", b"--id", b"1"),
        (b"run2", b"--id", b"2"),
    ]
    assert spawn.asked[1]["executables"] == (b"/bin/run2", b"/usr/bin/run2")


# --- limits -----------------------------------------------------------------------------------


def test_limits_are_soft_and_hard_in_their_order(spawn):
    found = asked(spawn, rlimits={"nofile": 500, "CORE": None})["rlimits"]
    assert found == ((resource.RLIMIT_NOFILE, 500, 500), (resource.RLIMIT_CORE, -1, -1))


def test_unlimited_descriptors_are_as_many_as_we_may_have(spawn):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    found = asked(spawn, rlimits={"nofile": None})["rlimits"]
    assert found == ((resource.RLIMIT_NOFILE, hard, hard),)


# --- what is wrong before anything is started --------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rlimits": {"nofiles": 1}},
         "rlimit_nofiles: there is no such limit. Did you mean rlimit_nofile?"),
        ({"rlimits": {"core": -2}}, "rlimit_core = -2: not a limit. Give a whole number"),
        ({"stdin_socket": "nosuch"},
         "stdin_socket = nosuch: there is no such socket. Add a section [socket:nosuch]"),
        ({"cmd": ""}, "cmd is empty. Write for example:"),
        ({"cmd": "run 'a"}, "cmd = run 'a: no closing quotation."),
        ({"uid": "no-such-user"}, "uid = no-such-user: there is no such user."),
        ({"args": ("a\0b",)}, "a NUL character in 'a\\x00b'."),
        ({"env": {"SECRET": "a\0b"}}, "a NUL character in 'SECRET'."),
    ],
)  # fmt: skip
def test_a_watcher_that_cannot_work_is_told_at_once(options, message):
    with pytest.raises(SpawnError) as raised:
        launcher(**options)
    assert str(raised.value).startswith(f"watcher web: {message}")


def test_options_that_contradict_each_other_are_a_configuration_error():
    with pytest.raises(ConfigError, match="copy_path needs the copied environment"):
        launcher(copy_path=True)


# --- what a failed step says -------------------------------------------------------------------


def told(spawn: Recorder, error: SpawnStepError, **options) -> str:
    watcher = launcher(**options)
    spawn.error = error
    with pytest.raises(SpawnError) as raised:
        watcher.launch(1)
    assert raised.value.__cause__ is error
    assert str(raised.value).startswith("watcher web: ")
    return str(raised.value).removeprefix("watcher web: ")


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (
            (errno.ENOENT, "exec"),
            {"cmd": "no-such-program"},
            (
                "cannot run no-such-program: No such file or directory. "
                "Give the full path, or set PATH in [env:web] "
                "(TOML: [watcher.web.env]) or copy_env = true"
            ),
        ),
        (
            (errno.ENOENT, "exec"),
            {"cmd": "no-such-program", "copy_env": True},
            (
                "cannot run no-such-program: No such file or directory. "
                "Give the full path, or set PATH in [env:web] (TOML: [watcher.web.env])"
            ),
        ),
        (
            (errno.ENOENT, "exec"),
            {"cmd": "/no/such", "copy_env": True},
            "cannot run /no/such: No such file or directory. Correct the path in cmd",
        ),
        (
            (errno.ENOENT, "exec"),
            {"cmd": "bin/x", "working_dir": "/srv"},
            (
                "cannot run bin/x: No such file or directory. "
                "The path counts from /srv: give the full one"
            ),
        ),
        (
            (errno.ENOENT, "exec"),
            {"cmd": "/bin/sh"},
            (
                "cannot run /bin/sh: No such file or directory. It exists, but not the interpreter "
                "that its first line (#!) or its header names"
            ),
        ),
        (
            (errno.EACCES, "exec"),
            {"cmd": "/etc/passwd"},
            (
                "cannot run /etc/passwd: Permission denied. "
                "Make it executable (chmod +x), and let the worker's user reach it"
            ),
        ),
        (
            (errno.ENOENT, "cwd"),
            {"working_dir": "/nope"},
            "working_dir = /nope: No such file or directory. Create it, or correct the path",
        ),
        (
            (errno.EACCES, "cwd"),
            {"working_dir": "/nope"},
            "working_dir = /nope: Permission denied. Give circusd's user the right to enter it",
        ),
        (
            (errno.EPERM, "uid"),
            {"uid": 4321, "gid": 4322},
            (
                "uid = 4321: Operation not permitted. "
                "Only root may run workers as somebody else: start circusd as root, or leave it out"
            ),
        ),
        (
            (errno.EPERM, "gid"),
            {"uid": 4321, "gid": 4322},
            (
                "gid = 4322: Operation not permitted. "
                "Only root may run workers as somebody else: start circusd as root, or leave it out"
            ),
        ),
        (
            (errno.EPERM, "groups"),
            {"uid": 4321, "gid": 4322},
            (
                "uid = 4321 (its supplementary groups): Operation not permitted. "
                "Only root may run workers as somebody else: start circusd as root, or leave it out"
            ),
        ),
        (
            (errno.EAGAIN, "clone"),
            {},
            (
                "cannot start a process: Resource temporarily unavailable. Too many processes: "
                "raise ulimit -u, or the pids limit of circusd's control group"
            ),
        ),
        (
            (errno.EMFILE, "clone"),
            {},
            (
                "cannot start a process: Too many open files. "
                "circusd has too many descriptors open: raise ulimit -n"
            ),
        ),
        (
            (errno.EBADF, "descriptors", 0),
            {"close_child_stdin": False},
            (
                "descriptor 0: Bad file descriptor. "
                "circusd's stdin is closed. Write: close_child_stdin = true"
            ),
        ),
        (
            (errno.EBADF, "descriptors", 77),
            {},
            "descriptor 77: Bad file descriptor. It was closed meanwhile",
        ),
        ((errno.EPERM, "setsid"), {}, "cannot start a process (setsid): Operation not permitted"),
    ],
)
def test_a_failed_step_is_told_in_terms_of_the_options(spawn, error, options, message):
    assert told(spawn, SpawnStepError(*error), **options) == message


def test_a_refused_limit_is_told_by_its_name(spawn, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda number: (100, 200))
    limits = {"core": 0, "nofile": 99999}
    assert told(spawn, SpawnStepError(errno.EPERM, "rlimit", 1), rlimits=limits) == (
        "rlimit_nofile = 99999: Operation not permitted. "
        "Give at most circusd's own hard limit, 200, or start circusd with a higher one"
    )


def test_a_refused_limit_where_ours_is_unlimited(spawn, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda number: (-1, -1))
    assert told(spawn, SpawnStepError(errno.EPERM, "rlimit", 0), rlimits={"nofile": 2**40}) == (
        f"rlimit_nofile = {2**40}: Operation not permitted. It is more than this machine allows"
    )


# --- for real ---------------------------------------------------------------------------------


def test_a_worker_really_runs(tmp_path):
    script = "echo $WID $(pwd) > report; umask >> report"
    watcher = launcher(
        cmd=script.replace("$WID", "$(circus.wid)"),
        shell=True,
        working_dir=str(tmp_path),
        umask=0o027,
        env={"PATH": "/bin:/usr/bin"},
    )
    pid, pidfd = watcher.launch(3)
    if pidfd >= 0:
        os.close(pidfd)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert (tmp_path / "report").read_text() == f"3 {tmp_path}\n0027\n"


def test_the_interpreter_that_is_missing_is_told_apart(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    for cmd in (str(script), "./script", "script"):
        watcher = launcher(cmd=cmd, working_dir=str(tmp_path), env={"PATH": str(tmp_path)})
        with pytest.raises(SpawnError, match="It exists, but not the interpreter"):
            watcher.launch(1)


def test_a_failed_start_can_be_tried_again_with_the_same_launcher(tmp_path):
    program = tmp_path / "late"
    watcher = launcher(cmd=str(program))
    with pytest.raises(SpawnError, match=r"No such file or directory\. Correct the path"):
        watcher.launch(1)
    program.symlink_to("/bin/true")
    pid, pidfd = watcher.launch(1)
    if pidfd >= 0:
        os.close(pidfd)
    assert os.waitpid(pid, 0) == (pid, 0)
