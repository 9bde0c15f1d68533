"""The command line of a worker: words split, variables filled in. Pure.

Variables, $(circus.NAME) or ((circus.NAME)): wid, sockets.NAME (a descriptor number), env.NAME,
rlimits.NAME, and each option of the watcher that is set. Unknown ones stay as they are written.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

from circus.model.errors import SpawnError
from circus.model.options import EMPTY, options_of
from circus.model.specs import WatcherSpec
from circus.model.variables import substitute

SHELL: Final = "/bin/sh"


def command_line(
    spec: WatcherSpec,
    wid: int,
    sockets: Mapping[str, int] = EMPTY,
    env: Mapping[str, str] = EMPTY,
) -> list[str]:
    """Return the arguments, the program's name first, of the worker *wid*.

    *sockets* maps lower-case names to descriptor numbers; *env* is the worker's environment.

    Without a shell, cmd and a text in args are split as a shell would; a list in args is taken as
    it is, each item one argument. Variables are filled in after the splitting, so that a value
    with blanks stays one argument.

    With shell = true, cmd and args go to `/bin/sh -c` as they are written: `&&`, `>`, `*` and $VAR
    work, and quoting is the author's business. Only the items of a list in args are quoted, since
    each is one argument. Variables are filled in as text; shell_args follow as $0, $1, ...

    Raises SpawnError for an empty command and for an open quote.
    """
    if not spec.cmd.strip():
        raise _empty(spec)
    lookup = _Lookup(spec, wid, sockets, env)
    if spec.shell:
        rest = _split(spec, "shell_args", spec.shell_args or "")
        words = [SHELL, "-c", _shell_text(spec, lookup)]
        return words + [substitute(word, lookup) for word in rest]
    words = _split(spec, "cmd", spec.cmd)
    words += _split(spec, "args", spec.args) if isinstance(spec.args, str) else spec.args
    words = [substitute(word, lookup) for word in words]
    if not words[0]:
        raise _empty(spec)
    return words


def depends_on_wid(spec: WatcherSpec) -> bool:
    """Whether two workers of the watcher may have different command lines."""
    return "wid" in _asked_for(spec)


def sockets_mentioned(spec: WatcherSpec) -> frozenset[str]:
    """Return the lower-case names of the sockets that the command line mentions."""
    return frozenset(
        name.removeprefix("sockets.") for name in _asked_for(spec) if name.startswith("sockets.")
    )


def _asked_for(spec: WatcherSpec) -> set[str]:
    """Return the lower-case names of the variables in the command line."""
    names: set[str] = set()
    arguments = (spec.args,) if isinstance(spec.args, str) else spec.args
    for text in (spec.cmd, *arguments, (spec.shell and spec.shell_args) or ""):
        substitute(text, names.add)
    return names


def _empty(spec: WatcherSpec) -> SpawnError:
    return SpawnError(f"watcher {spec.name}: cmd is empty. Write for example: cmd = sleep 60")


def _split(spec: WatcherSpec, option: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SpawnError(
            f"watcher {spec.name}: {option} = {text}: {str(error).lower()}. "
            "Close the quote, or put a backslash before it"
        ) from None


def _shell_text(spec: WatcherSpec, lookup: _Lookup) -> str:
    if isinstance(spec.args, str):
        return substitute(f"{spec.cmd} {spec.args}" if spec.args else spec.cmd, lookup)
    quoted = (shlex.quote(substitute(word, lookup)) for word in spec.args)
    return " ".join([substitute(spec.cmd, lookup), *quoted])


class _Lookup:
    """The values of the variables of one worker."""

    def __init__(
        self,
        spec: WatcherSpec,
        wid: int,
        sockets: Mapping[str, int],
        env: Mapping[str, str],
    ) -> None:
        self._spec = spec
        self._wid = wid
        self._sockets = sockets
        self._env = env

    def __call__(self, name: str) -> object | None:
        """Return the value of the variable *name*, lower case, or None."""
        if name == "wid":
            return self._wid
        family, _, member = name.partition(".")
        if family == "sockets" and member:
            return self._sockets.get(member)
        if family == "env" and member:
            return next((v for k, v in self._env.items() if k.lower() == member), None)
        if family == "rlimits" and member:
            return self._spec.rlimits.get(member)
        return self._option(name)

    def _option(self, name: str) -> str | None:
        if name not in options_of(WatcherSpec):
            return None
        return _as_text(name, getattr(self._spec, name))


def _as_text(name: str, value: Any) -> str | None:
    """Return an option's value as it would be written, or None where it is not set."""
    if value is None:
        return None
    if name == "umask":
        return f"{value:03o}"
    if isinstance(value, tuple):
        return shlex.join(value)
    return str(value)
