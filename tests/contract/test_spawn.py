"""Both backends start programs in the same way: one suite, each backend by its name."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circus._speedups.contract import SpawnStepError

PATIENCE = 20.0
"""Seconds that any child of these tests may take."""

PROBE = """
import json, os, sys, resource
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[int(name)] = os.readlink("/proc/self/fd/" + name)
    except OSError:
        pass  # the directory that was being listed
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
words = open("/proc/self/cmdline", "rb").read().decode("latin-1").split("\\0")
found = {
    "fds": fds,
    "cwd": os.getcwd(),
    "umask": int(status["Umask"], 8),
    "env": open("/proc/self/environ", "rb").read().decode("latin-1"),
    "sid": os.getsid(0),
    "uids": os.getresuid(),
    "gids": os.getresgid(),
    "groups": sorted(os.getgroups()),
    "argv": words[6:-1],
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "fdsize": int(status["FDSize"]),
}
with open(sys.argv[1], "w") as report:
    json.dump(found, report)
"""


@pytest.fixture(params=["compiled", "compiled, old kernel", "pure"])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each backend; one that is not built is an error, for the suite would prove less."""
    name, _, old_kernel = request.param.partition(",")
    module = importlib.import_module(f"circus._speedups.{name}")
    with contextlib.ExitStack() as stack:
        if old_kernel:
            module.pretend_old_kernel(True)
            stack.callback(module.pretend_old_kernel, False)
        yield module


@pytest.fixture
def compiled() -> Any:
    return importlib.import_module("circus._speedups.compiled")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Every test ends with the descriptors and the children that it began with."""
    for name in ("compiled", "pure"):
        importlib.import_module(f"circus._speedups.{name}").reserve()
    before = open_fds()
    yield
    left = children()
    for pid in left:  # a failed test shall not fail those after it
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert left == []
    assert open_fds() == before


def children() -> list[int]:
    """Return the pids of our children, zombies included."""
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            found += [int(pid) for pid in task.read_text().split()]
    return found


def open_fds() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the directory that was being listed
            os.fstat(int(name))
            found.add(int(name))
    return found


def finish(pid: int, pidfd: int) -> int:
    """Wait for the child's end; return its status as os.waitstatus_to_exitcode gives it."""
    deadline = time.monotonic() + PATIENCE
    if pidfd >= 0:
        readable, _, _ = select.select([pidfd], [], [], PATIENCE)
        os.close(pidfd)
        assert readable, f"process {pid} did not end"
    while True:
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if reaped:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)


def read_to_end(fd: int) -> bytes:
    """Read until every writer is gone; fail where one stays."""
    chunks = []
    while True:
        assert select.select([fd], [], [], PATIENCE)[0], "no end of file: somebody holds the pipe"
        chunk = os.read(fd, 65536)
        if not chunk:
            os.close(fd)
            return b"".join(chunks)
        chunks.append(chunk)


def output(backend: Any, argv: Sequence[bytes], env: Sequence[bytes] = (), **options: Any) -> bytes:
    """Run argv[0] to its end, and return what it wrote."""
    reader, writer = os.pipe()
    given = {"stdin": backend.reserve(), "stdout": writer, "stderr": writer} | options
    child = backend.spawn(argv, [argv[0]], env, **given)
    os.close(writer)
    data = read_to_end(reader)
    finish(*child)
    return data


def probe(backend: Any, directory: Path, *, env: Sequence[bytes] = (), **options: Any) -> Any:
    """Run a child that reports what it finds, and return the report."""
    report = directory / "report.json"
    null = backend.reserve()
    argv = [b"python", b"-I", b"-S", b"-c", PROBE.encode(), os.fsencode(report)]
    argv += options.pop("words", [])
    given = {"stdin": null, "stdout": null, "stderr": null} | options
    child = backend.spawn(argv, [os.fsencode(sys.executable)], env, **given)
    assert finish(*child) == 0
    found = json.loads(report.read_text())
    found["fds"] = {int(fd): path for fd, path in found["fds"].items()}
    found["pid"] = child[0]
    return found


def failure(
    backend: Any, argv: Sequence[bytes] = (b"/bin/true",), **options: Any
) -> SpawnStepError:
    """Return the error of a spawn that must fail, having seen that nothing is left of it."""
    null = backend.reserve()
    before = open_fds()
    given = {"stdin": null, "stdout": null, "stderr": null} | options
    executables = given.pop("executables", argv[:1])
    with pytest.raises(SpawnStepError) as raised:
        backend.spawn(argv, executables, [], **given)
    assert open_fds() == before
    assert children() == []
    return raised.value


# --- what comes back --------------------------------------------------------------------------


def test_the_pidfd_is_the_childs_and_closes_on_exec(backend):
    null = backend.reserve()
    pid, pidfd = backend.spawn(
        [b"sleep", b"60"], [b"/bin/sleep"], [], stdin=null, stdout=null, stderr=null
    )
    assert pid != os.getpid()
    if pidfd >= 0:
        assert not os.get_inheritable(pidfd)
        assert f"Pid:\t{pid}\n" in Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    os.kill(pid, signal.SIGTERM)
    assert finish(pid, pidfd) == -signal.SIGTERM


def test_there_is_a_pidfd_where_the_kernel_has_them(compiled):
    pid, pidfd = compiled.spawn([b"true"], [b"/bin/true"], [], stdin=0, stdout=1, stderr=2)
    assert pidfd >= 0
    assert finish(pid, pidfd) == 0


def test_spawn_returns_after_exec_not_before(backend):
    null = backend.reserve()
    pid, pidfd = backend.spawn(
        [b"sleep", b"60"], [b"/bin/sleep"], [], stdin=null, stdout=null, stderr=null
    )
    assert os.readlink(f"/proc/{pid}/exe") == os.path.realpath("/bin/sleep")
    os.kill(pid, signal.SIGKILL)
    finish(pid, pidfd)


# --- words and environment --------------------------------------------------------------------


def test_arguments_arrive_exactly(backend, tmp_path):
    words = [b"", b"two words", b"$HOME *", b"\xff\xfe", "\N{SNOWMAN}".encode(), b"a\nb"]
    assert probe(backend, tmp_path, words=words)["argv"] == [
        word.decode("latin-1") for word in words
    ]


def test_the_environment_is_what_is_given_and_nothing_else(backend, tmp_path):
    env = [b"A=1", b"EMPTY=", b"EQUALS=a=b", b"RAW=\xff"]
    found = probe(backend, tmp_path, env=env)["env"]
    assert found.encode("latin-1") == b"".join(item + b"\0" for item in env)


def test_a_large_environment_passes(backend):
    env = [b"V%d=" % number + b"x" * 100_000 for number in range(10)]
    assert len(output(backend, [b"/usr/bin/env"], env)) == sum(len(item) + 1 for item in env)


@pytest.mark.parametrize(
    ("argv", "executables", "env", "error"),
    [
        ([], [b"/bin/true"], [], ValueError),
        ([b"true"], [], [], ValueError),
        ([b"true", b"a\0b"], [b"/bin/true"], [], ValueError),
        ([b"true"], [b"/bin\0/true"], [], ValueError),
        ([b"true"], [b"/bin/true"], [b"A=\0"], ValueError),
        (["true"], [b"/bin/true"], [], TypeError),
        ([b"true"], ["/bin/true"], [], TypeError),
        ([b"true"], [b"/bin/true"], ["A=1"], TypeError),
    ],
)
def test_a_request_without_sense_is_refused(backend, argv, executables, env, error):
    with pytest.raises(error):
        backend.spawn(argv, executables, env, stdin=0, stdout=1, stderr=2)


@pytest.mark.parametrize("keep", [(2,), (4, 4), (5, 4)])
def test_kept_descriptors_are_ascending_from_3_up(backend, keep):
    with pytest.raises(ValueError, match="ascending"):
        backend.spawn([b"true"], [b"/bin/true"], [], stdin=0, stdout=1, stderr=2, keep=keep)


# --- descriptors ------------------------------------------------------------------------------


@pytest.fixture
def strays() -> Iterator[list[int]]:
    """Descriptors that careless code made inheritable, some of them high."""
    fds = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(20)]
    fds.append(os.dup2(fds[0], 900, inheritable=True))
    for fd in fds:
        os.set_inheritable(fd, True)
    yield fds
    for fd in fds:
        os.close(fd)


def test_a_child_has_stdio_and_nothing_else(backend, strays, tmp_path):
    assert set(probe(backend, tmp_path)["fds"]) == {0, 1, 2}


def test_kept_descriptors_keep_their_numbers(backend, strays, tmp_path):
    keep = (strays[3], strays[4], strays[9], 900)
    found = probe(backend, tmp_path, keep=keep)["fds"]
    assert set(found) == {0, 1, 2, *keep}
    assert {found[fd] for fd in keep} == {"/etc/passwd"}


def test_what_is_kept_still_closes_on_exec_in_the_parent(backend, tmp_path):
    fd = os.open("/etc/passwd", os.O_RDONLY)
    assert probe(backend, tmp_path, keep=(fd,))["fds"][fd] == "/etc/passwd"
    assert not os.get_inheritable(fd)
    os.close(fd)


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (1, 1, 0), (0, 0, 0)]
)
@pytest.mark.parametrize("high", [False, True])
def test_stdio_is_wired_as_asked_however_it_is_permuted(backend, tmp_path, order, high):
    """Also when the sources are 0, 1 and 2 themselves, in another order."""
    files = [tmp_path / name for name in ("zero", "one", "two")]
    opened = [os.open(file, os.O_RDWR | os.O_CREAT) for file in files]
    saved = [os.dup(fd) for fd in range(3)]
    sources = [os.dup2(fd, 800 + i, inheritable=False) for i, fd in enumerate(opened)]
    try:
        if not high:
            for target, fd in enumerate(opened):
                os.dup2(fd, target)
            sources = [0, 1, 2]
        stdin, stdout, stderr = (sources[i] for i in order)
        found = probe(backend, tmp_path, stdin=stdin, stdout=stdout, stderr=stderr)["fds"]
    finally:
        for target, fd in enumerate(saved):
            os.dup2(fd, target)
        for fd in (*opened, *saved, 800, 801, 802):
            os.close(fd)
    assert found == {target: str(files[i]) for target, i in enumerate(order)}


def test_a_source_of_stdio_may_also_be_kept(backend, tmp_path):
    fd = os.open("/etc/passwd", os.O_RDONLY)
    found = probe(backend, tmp_path, stdin=fd, keep=(fd,))["fds"]
    assert found[0] == found[fd] == "/etc/passwd"
    os.close(fd)


def test_both_pipes_of_a_child_end_with_it_however_many_others_live(backend):
    """A write end forgotten anywhere would keep a reader waiting for ever."""
    children = []
    for _ in range(12):
        (out, out_end), (err, err_end), (hold_end, hold) = os.pipe(), os.pipe(), os.pipe()
        child = backend.spawn(
            [b"cat"], [b"/bin/cat"], [], stdin=hold_end, stdout=out_end, stderr=err_end
        )
        for fd in (out_end, err_end, hold_end):
            os.close(fd)
        children.append((child, out, err, hold))
    for (
        child,
        out,
        err,
        hold,
    ) in children:  # oldest first: younger ones could have inherited its ends
        os.write(hold, b"data")
        os.close(hold)
        assert read_to_end(out) == b"data"
        assert read_to_end(err) == b""
        assert finish(*child) == 0


def test_a_childs_table_is_small_however_many_descriptors_we_have(compiled, tmp_path):
    assert compiled.reserve() < 60
    many = [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
    reader, writer = os.pipe()
    try:
        found = probe(compiled, tmp_path, stdout=writer, stderr=writer)
    finally:
        for fd in (*many, reader, writer):
            os.close(fd)
    assert found["fdsize"] == 64
    assert set(found["fds"]) == {0, 1, 2}


def test_reserve_gives_one_null_device_that_closes_on_exec(backend):
    fd = backend.reserve()
    assert fd == backend.reserve() >= 3
    assert os.readlink(f"/proc/self/fd/{fd}") == "/dev/null"
    assert not os.get_inheritable(fd)


@pytest.mark.parametrize("name", ["compiled", "pure"])
def test_reserve_makes_room_for_many_descriptors_at_once(name):
    """Later, with threads, each doubling of the table would hold us up for milliseconds."""
    script = f"""if True:
        import resource
        from circus._speedups import {name} as backend
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft = 4096 if hard == -1 else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        backend.reserve()
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        assert int(status["FDSize"]) >= soft, status["FDSize"]
    """
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE)


def test_somebody_who_closes_our_reserved_descriptors_keeps_what_he_opens_instead(tmp_path):
    script = """if True:
        import os, sys
        from circus._speedups import compiled
        compiled.reserve()
        os.closerange(3, 50)
        mine = {}
        for number in range(10):
            path = f"{sys.argv[1]}/{number}"
            mine[os.open(path, os.O_RDWR | os.O_CREAT)] = path
        a, b = os.pipe()
        words = [b"/bin/echo", b"hi"]
        pid, pidfd = compiled.spawn(words, words[:1], [], stdin=a, stdout=b, stderr=b)
        os.close(b)
        os.waitpid(pid, 0)
        assert os.read(a, 100) == b"hi\\n" and os.read(a, 100) == b""
        assert {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in mine} == mine
    """
    words = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(words, check=True, timeout=PATIENCE)


def test_threads_do_not_mix_up_their_children(backend):
    wrong = []

    def work(number: int) -> None:
        for turn in range(5):
            word = b"%d-%d" % (number, turn)
            if output(backend, [b"/bin/echo", word]) != word + b"\n":
                wrong.append(word)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []


# --- signals ----------------------------------------------------------------------------------


def masks(status: str | bytes) -> dict[str, int]:
    text = status.decode() if isinstance(status, bytes) else status
    lines = (line.split(":\t") for line in text.splitlines() if line.startswith("Sig"))
    return {name: int(mask, 16) for name, mask in lines if name != "SigQ"}


def test_no_signal_is_blocked_ignored_or_caught_in_a_child(backend):
    ignored = {signal.SIGHUP, signal.SIGUSR1, signal.SIGRTMIN + 3}
    handlers = {signum: signal.signal(signum, signal.SIG_IGN) for signum in ignored}
    handlers[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda *_: None)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGALRM})
    try:
        before = masks(Path("/proc/thread-self/status").read_text())
        found = masks(output(backend, [b"/bin/cat", b"/proc/self/status"]))
        after = masks(Path("/proc/thread-self/status").read_text())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    assert found == {"SigPnd": 0, "SigBlk": 0, "SigIgn": 0, "SigCgt": 0}
    assert after == before


def test_with_nothing_special_in_the_parent_signals_are_at_their_defaults_too(backend):
    found = masks(output(backend, [b"/bin/cat", b"/proc/self/status"]))
    assert found == {"SigPnd": 0, "SigBlk": 0, "SigIgn": 0, "SigCgt": 0}


# --- session, mode mask, limits, directory ----------------------------------------------------


def test_a_child_leads_a_session_unless_it_shall_not(backend, tmp_path):
    own = probe(backend, tmp_path)
    assert own["sid"] == own["pid"]
    assert probe(backend, tmp_path, setsid=False)["sid"] == os.getsid(0)


def test_the_mode_mask_is_the_childs_alone(backend, tmp_path):
    before = os.umask(0o027)
    try:
        assert probe(backend, tmp_path)["umask"] == 0o027
        assert probe(backend, tmp_path, umask=0o077)["umask"] == 0o077
        assert probe(backend, tmp_path, umask=0)["umask"] == 0
    finally:
        assert os.umask(before) == 0o027


def test_limits_are_the_childs_alone(backend, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [(resource.RLIMIT_NOFILE, 100, 200), (resource.RLIMIT_CORE, 0, 0)]
    found = probe(backend, tmp_path, rlimits=limits)
    assert (found["nofile"], found["core"]) == ([100, 200], [0, 0])
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_minus_one_is_unlimited(backend, tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != resource.RLIM_INFINITY:
        pytest.skip("the limit on core files has been lowered for us")
    found = probe(backend, tmp_path, rlimits=[(resource.RLIMIT_CORE, -1, -1)])
    assert found["core"] == [resource.RLIM_INFINITY] * 2


def test_the_directory_is_the_childs_alone_and_relative_executables_count_from_it(
    backend, tmp_path
):
    before = Path.cwd()
    assert probe(backend, tmp_path, cwd=os.fsencode(tmp_path))["cwd"] == str(tmp_path)
    script = tmp_path / "here"
    script.write_text("#!/bin/sh\necho found me\n")
    script.chmod(0o755)
    assert output(backend, [b"here"], cwd=os.fsencode(tmp_path)) == b"found me\n"
    assert Path.cwd() == before


# --- the executable ---------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> dict[str, bytes]:
    """Paths that cannot be run, each for a reason of its own."""
    (tmp_path / "forbidden").write_text("#!/bin/sh\n")
    (tmp_path / "garbage").write_bytes(b"\x01\x02")
    (tmp_path / "garbage").chmod(0o755)
    names = {"missing": "missing", "not a directory": "garbage/x"}
    return {
        name: os.fsencode(tmp_path / names.get(name, name))
        for name in ("missing", "not a directory", "forbidden", "garbage")
    }


def run_true(backend: Any, executables: Sequence[bytes]) -> int:
    null = backend.reserve()
    return finish(*backend.spawn([b"true"], executables, [], stdin=null, stdout=null, stderr=null))


def test_executables_are_tried_in_turn(backend, places):
    cannot = [places["missing"], places["not a directory"], places["forbidden"]]
    assert run_true(backend, [*cannot, b"/bin/true", b"/bin/false"]) == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["missing"], errno.ENOENT),
        (["not a directory"], errno.ENOTDIR),
        (["missing", "not a directory"], errno.ENOTDIR),
        (["forbidden"], errno.EACCES),
        (["forbidden", "missing"], errno.EACCES),
        (["missing", "garbage", "forbidden"], errno.ENOEXEC),
    ],
)
def test_the_error_tells_what_stands_against_the_best_candidate(backend, places, names, expected):
    error = failure(backend, executables=[places[name] for name in names])
    assert (error.step, error.errno, error.strerror) == ("exec", expected, os.strerror(expected))


def test_the_search_ends_at_a_file_that_is_no_program(backend, places):
    assert failure(backend, executables=[places["garbage"], b"/bin/true"]).errno == errno.ENOEXEC


def test_an_argument_of_more_than_the_kernel_takes(backend):
    error = failure(backend, argv=[b"/bin/true", b"x" * 200_000])
    assert (error.step, error.errno) == ("exec", errno.E2BIG)


# --- the other steps that may fail -------------------------------------------------------------


def test_a_directory_that_is_not_there(backend):
    error = failure(backend, cwd=b"/no/such/place")
    assert (error.step, error.errno, str(error)) == (
        "cwd", errno.ENOENT, "cwd: No such file or directory",
    )  # fmt: skip


def test_a_directory_called_like_the_executable_is_told_from_it(backend):
    assert failure(backend, argv=[b"/no/such"], cwd=b"/no/such").step == "cwd"
    assert failure(backend, argv=[b"/no/such"], cwd=b"/").step == "exec"


@pytest.mark.parametrize("option", ["stdin", "stdout", "stderr"])
def test_a_source_of_stdio_that_is_not_open(backend, option):
    error = failure(backend, **{option: 777})
    assert (error.step, error.errno, error.index) == ("descriptors", errno.EBADF, 777)


def test_a_kept_descriptor_that_is_not_open(backend):
    error = failure(backend, keep=(776, 777))
    assert (error.step, error.errno, error.index) == ("descriptors", errno.EBADF, 776)


def test_a_limit_that_is_refused_is_told_by_its_place(backend):
    limits = [(resource.RLIMIT_CORE, 0, 0), (resource.RLIMIT_NOFILE, 2, 1)]
    error = failure(backend, rlimits=limits)
    assert (error.step, error.errno, error.index) == ("rlimit", errno.EINVAL, 1)


@pytest.mark.parametrize("way", ["compiled", "compiled, old kernel", "pure"])
def test_what_only_root_may_do_is_refused_to_others(way):
    """As user 65534, in a process of its own, since we could not become root again."""
    script = """if True:
        import os, resource, sys, json
        from circus._speedups import compiled, pure
        from circus._speedups.contract import SpawnStepError
        backend = pure if sys.argv[1] == "pure" else compiled
        compiled.pretend_old_kernel("old" in sys.argv[1])
        null = backend.reserve()
        stdio = {"stdin": null, "stdout": null, "stderr": null}
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        told = []
        def refused(**options):
            try:
                backend.spawn([b"true"], [b"/bin/true"], [], **stdio, **options)
            except SpawnStepError as error:
                told.append([error.step, error.errno])
        refused(groups=[0])
        refused(gid=0)
        refused(uid=0)
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        refused(rlimits=[(resource.RLIMIT_CORE, 1, 1)])
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        refused()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print(json.dumps(told))
    """
    done = subprocess.run(
        [sys.executable, "-c", script, way],
        check=True, timeout=PATIENCE, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [
        ["groups", errno.EPERM],
        ["gid", errno.EPERM],
        ["uid", errno.EPERM],
        ["rlimit", errno.EPERM],
        ["clone", errno.EAGAIN],
    ]


def test_without_a_free_descriptor_the_child_comes_without_a_pidfd(compiled):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(open_fds())
    fillers = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 10, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
        null = compiled.reserve()
        child = compiled.spawn([b"true"], [b"/bin/true"], [], stdin=null, stdout=null, stderr=null)
    finally:
        for fd in fillers:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert child[1] == -1
    assert finish(*child) == 0


# --- another user ------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")


@as_root
def test_a_child_becomes_another_user_for_good(backend, tmp_path):
    """Real, effective and saved ids: it cannot become root again."""
    text = output(
        backend, [b"/bin/cat", b"/proc/self/status"], uid=4321, gid=4322, groups=[4322, 4323]
    ).decode()
    assert "Uid:\t4321\t4321\t4321\t4321\n" in text
    assert "Gid:\t4322\t4322\t4322\t4322\n" in text
    assert "Groups:\t4322 4323" in text
    assert os.getresuid() == (0, 0, 0)


@as_root
def test_a_group_alone_leaves_the_user(backend, tmp_path):
    found = probe(backend, tmp_path, gid=4322, groups=[])
    assert (found["uids"], found["gids"], found["groups"]) == ([0] * 3, [4322] * 3, [])


@as_root
def test_children_of_another_user_do_not_make_us_undumpable(compiled):
    """The child changes its ids while it still shares our memory; the kernel marks that memory."""
    get_dumpable, set_dumpable = 3, 4
    libc = ctypes.CDLL(None)
    before = libc.prctl(get_dumpable)
    libc.prctl(set_dumpable, 1)
    output(compiled, [b"/bin/true"], uid=4321, gid=4321)
    after = libc.prctl(get_dumpable)
    libc.prctl(set_dumpable, before)
    assert after == 1


# --- they agree --------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    env=st.dictionaries(
        st.binary(min_size=1, max_size=8).filter(lambda name: not {0, 61} & {*name}),
        st.binary(max_size=20).filter(lambda value: 0 not in value),
        max_size=5,
    ),
    umask=st.sampled_from([-1, 0, 0o022, 0o077, 0o777]),
    cwd=st.sampled_from([None, b"/", b"/etc"]),
    kept=st.sets(st.integers(0, 7), max_size=5),
    stdio=st.tuples(*[st.integers(0, 7)] * 3),
    setsid=st.booleans(),
    limited=st.booleans(),
)
def test_all_ways_lead_to_the_same_child(env, umask, cwd, kept, stdio, setsid, limited):
    compiled = importlib.import_module("circus._speedups.compiled")
    pure = importlib.import_module("circus._speedups.pure")
    with tempfile.TemporaryDirectory() as place:
        files = [os.open(f"{place}/{i}", os.O_RDWR | os.O_CREAT) for i in range(8)]
        options = {
            "env": [name + b"=" + value for name, value in env.items()],
            "umask": umask,
            "cwd": cwd,
            "keep": tuple(sorted(files[i] for i in kept)),
            "setsid": setsid,
            "rlimits": [(resource.RLIMIT_CORE, 0, 0)] if limited else [],
        }
        options |= zip(("stdin", "stdout", "stderr"), (files[i] for i in stdio), strict=True)
        try:
            found = [probe(pure, Path(place), **options), probe(compiled, Path(place), **options)]
            compiled.pretend_old_kernel(True)
            found.append(probe(compiled, Path(place), **options))
        finally:
            compiled.pretend_old_kernel(False)
            for fd in files:
                os.close(fd)
    for child in found:
        child["sid"] = "own" if child["sid"] == child.pop("pid") else child["sid"]
        del child["fdsize"]  # the one thing that the pure way cannot promise
    assert found[0] == found[1] == found[2]
