"""Why a start failed and what to do about it: one sentence for each step of a spawn."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from errno import E2BIG, EACCES, EAGAIN, EBADF, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, EPERM
from typing import Final

from circus._speedups import SpawnStepError
from circus.model.specs import WatcherSpec
from circus.process.limits import LIMITS, UNLIMITED

_EXEC_WAYS_OUT: Final = {
    EACCES: "Make it executable (chmod +x), and let the worker's user reach it",
    ENOEXEC: "It is no program for this machine, and does not begin with #! and an interpreter",
    E2BIG: "Shorten args or env",
    EAGAIN: "Its user runs too many processes: raise rlimit_nproc",
}
_CLONE_WAYS_OUT: Final = {
    EAGAIN: "Too many processes: raise ulimit -u, or the pids limit of circusd's control group",
    ENOMEM: "The machine, or circusd's control group, is out of memory",
}
_MORE_DESCRIPTORS: Final = "circusd has too many descriptors open: raise ulimit -n"
_STDIO_WAYS_OUT: Final = {
    0: "circusd's stdin is closed. Write: close_child_stdin = true",
    1: "circusd's stdout is closed. Give the watcher a stdout_stream or close_child_stdout = true",
    2: "circusd's stderr is closed. Give the watcher a stderr_stream or close_child_stderr = true",
}


def sentence(
    error: SpawnStepError, spec: WatcherSpec, program: str, executables: Sequence[bytes]
) -> str:
    """Return what failed in the terms of the watcher's options, and the way out."""
    what, way_out = _describe(error, spec, program, executables)
    told = f"watcher {spec.name}: {what}: {error.strerror}"
    return f"{told}. {way_out}" if way_out else told


def _describe(
    error: SpawnStepError, spec: WatcherSpec, program: str, executables: Sequence[bytes]
) -> tuple[str, str]:
    match error.step:
        case "exec":
            return f"cannot run {program}", _exec_way_out(error, spec, program, executables)
        case "cwd":
            return f"working_dir = {spec.working_dir}", _directory_way_out(error)
        case "rlimit":
            return _limit(error, spec)
        case "uid" | "gid" | "groups":
            return _account(error, spec)
        case "descriptors":
            return _descriptors(error)
        case "clone":
            way_out = _CLONE_WAYS_OUT.get(error.errno or 0, "")
            if error.errno in (EMFILE, ENFILE):
                way_out = _MORE_DESCRIPTORS
            return "cannot start a process", way_out
        case _:
            return f"cannot start a process ({error.step})", ""


def _exec_way_out(
    error: SpawnStepError, spec: WatcherSpec, program: str, executables: Sequence[bytes]
) -> str:
    if error.errno != ENOENT:
        return _EXEC_WAYS_OUT.get(error.errno or 0, "")
    directory = os.fsencode(spec.working_dir or "")
    if any(os.path.exists(os.path.join(directory, path)) for path in executables):
        return "It exists, but not the interpreter that its first line (#!) or its header names"
    if "/" not in program:
        tables = f"[env:{spec.name}] (TOML: [watcher.{spec.name}.env])"
        way_out = f"Give the full path, or set PATH in {tables}"
        return way_out if spec.copy_env else f"{way_out} or copy_env = true"
    if not os.path.isabs(program):
        return f"The path counts from {spec.working_dir or os.getcwd()}: give the full one"
    return "Correct the path in cmd"


def _directory_way_out(error: SpawnStepError) -> str:
    if error.errno == EACCES:
        return "Give circusd's user the right to enter it"
    return "Create it, or correct the path"


def _limit(error: SpawnStepError, spec: WatcherSpec) -> tuple[str, str]:
    name, value = list(spec.rlimits.items())[error.index]
    what = f"rlimit_{name} = {'unlimited' if value is None else value}"
    if error.errno != EPERM:
        return what, ""
    hard = resource.getrlimit(LIMITS[name.lower()])[1]
    if hard == UNLIMITED:  # the kernel's own bound, as fs.nr_open is for descriptors
        return what, "It is more than this machine allows"
    return (
        what,
        f"Give at most circusd's own hard limit, {hard}, or start circusd with a higher one",
    )


def _account(error: SpawnStepError, spec: WatcherSpec) -> tuple[str, str]:
    option = "gid" if spec.uid is None or (error.step == "gid" and spec.gid is not None) else "uid"
    what = f"{option} = {getattr(spec, option)}"
    if error.step == "groups":
        what += " (its supplementary groups)"
    if error.errno == EPERM:
        return (
            what,
            "Only root may run workers as somebody else: start circusd as root, or leave it out",
        )
    return what, ""


def _descriptors(error: SpawnStepError) -> tuple[str, str]:
    if error.errno != EBADF:
        way_out = _MORE_DESCRIPTORS if error.errno in (EMFILE, ENFILE) else ""
        return "cannot arrange its descriptors", way_out
    return f"descriptor {error.index}", _STDIO_WAYS_OUT.get(error.index, "It was closed meanwhile")
