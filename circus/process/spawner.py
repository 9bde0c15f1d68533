"""Start the workers of a watcher: what they all share is prepared once, each start is one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

from circus import _speedups
from circus._speedups import SpawnStepError
from circus.model.errors import SpawnError
from circus.model.options import EMPTY
from circus.model.specs import WatcherSpec
from circus.process.command import command_line, depends_on_wid, sockets_mentioned
from circus.process.environment import candidates, worker_environment
from circus.process.explain import sentence
from circus.process.identity import Account, resolve
from circus.process.limits import rlimits


class Child(NamedTuple):
    """A process just started. Its *pidfd* is the receiver's to close; -1: the kernel has none."""

    pid: int
    pidfd: int


class _Command(NamedTuple):
    """A command line, and the paths to try for its program."""

    argv: tuple[bytes, ...]
    executables: tuple[bytes, ...]


class Launcher:
    """Starts workers of one WatcherSpec. A changed spec or a changed socket needs a new one."""

    def __init__(
        self,
        spec: WatcherSpec,
        *,
        sockets: Mapping[str, int] = EMPTY,
        inherited: Mapping[str, str] | None = None,
        own: Account | None = None,
        nofile: tuple[int, int] | None = None,
    ) -> None:
        """Resolve what does not differ between the workers.

        *sockets* maps lower-case names to descriptors of ours; *inherited* is the environment for
        copy_env, by default ours; *own* is the account that we run as; *nofile* the soft and
        hard limit of descriptors, where the spec says none. Raises SpawnError, or ConfigError for
        options that contradict each other.
        """
        self.spec = spec
        self.environment: Mapping[str, str] = worker_environment(
            spec, os.environ if inherited is None else inherited, sys.path
        )
        identity = resolve(spec, own or Account.own())
        self._uid = -1 if identity.uid is None else identity.uid
        self._gid = -1 if identity.gid is None else identity.gid
        self._groups = identity.groups
        self._rlimits = rlimits(spec, nofile)
        self._umask = -1 if spec.umask is None else spec.umask
        self._cwd = None if spec.working_dir is None else self._encode(spec.working_dir)
        self._env = tuple(
            self._encode(f"{name}={value}", shown=name) for name, value in self.environment.items()
        )
        self._sockets = sockets
        self._mentioned = sockets_mentioned(spec)
        self._null = _speedups.reserve()
        self._stdin = self._standard_input()
        self._keep = self._kept(sockets)
        self._command = None if depends_on_wid(spec) else self._prepare(1, sockets)

    def launch(
        self,
        wid: int,
        *,
        stdout: int = 1,
        stderr: int = 2,
        listeners: Mapping[str, int] = EMPTY,
    ) -> Child:
        """Start the worker *wid*; return once its program runs.

        *stdout* and *stderr* are descriptors of ours and stay open here. *listeners* are sockets
        that this worker has for itself, by lower-case name; they take the place of shared ones.
        Raises SpawnError that names the step and the way out.
        """
        sockets = {**self._sockets, **listeners} if listeners else self._sockets
        command = self._command
        if command is None or listeners:
            command = self._prepare(wid, sockets)
        try:
            started = _speedups.spawn(
                command.argv,
                command.executables,
                self._env,
                cwd=self._cwd,
                stdin=self._stdin,
                stdout=self._null if self.spec.close_child_stdout else stdout,
                stderr=self._null if self.spec.close_child_stderr else stderr,
                keep=self._kept(sockets) if listeners else self._keep,
                umask=self._umask,
                rlimits=self._rlimits,
                gid=self._gid,
                groups=self._groups,
                uid=self._uid,
            )
        except SpawnStepError as error:
            program = os.fsdecode(command.argv[0])
            raise SpawnError(sentence(error, self.spec, program, command.executables)) from error
        return Child(*started)

    def _prepare(self, wid: int, sockets: Mapping[str, int]) -> _Command:
        words = command_line(self.spec, wid, sockets, self.environment)
        paths = candidates(words[0], self.environment)
        return _Command(tuple(map(self._encode, words)), tuple(map(self._encode, paths)))

    def _encode(self, text: str, shown: str | None = None) -> bytes:
        """Return *text* as the kernel gets it; errors tell *shown* instead of a value's secret."""
        shown = text if shown is None else shown
        if "\0" in text:
            raise SpawnError(
                f"watcher {self.spec.name}: a NUL character in {shown!r}. Neither arguments nor "
                "paths nor the environment can hold one: leave it out"
            )
        try:
            return os.fsencode(text)
        except UnicodeEncodeError as error:
            raise SpawnError(
                f"watcher {self.spec.name}: {shown!r} cannot be written in {error.encoding}. "
                "Start circusd with a UTF-8 locale, for example: LC_ALL=C.UTF-8"
            ) from None

    def _standard_input(self) -> int:
        """Return the descriptor that becomes the stdin of the workers."""
        name = self.spec.stdin_socket
        if name is None:
            return self._null if self.spec.close_child_stdin else 0
        fd = self._sockets.get(name.lower())
        if fd is None:
            raise SpawnError(
                f"watcher {self.spec.name}: stdin_socket = {name}: there is no such socket. "
                f"Add a section [socket:{name}], or correct the name"
            )
        return fd

    def _kept(self, sockets: Mapping[str, int]) -> tuple[int, ...]:
        """Return the descriptors that a worker inherits: the sockets it mentions, else all."""
        if not self.spec.use_sockets:
            return ()
        names = self._mentioned & sockets.keys() if self._mentioned else sockets.keys()
        return tuple(sorted({sockets[name] for name in names}))
