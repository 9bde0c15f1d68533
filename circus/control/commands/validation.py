"""The options of a watcher in `add` and `set`: which keys there are, and what their values may be.

The option table says both; the reasons are those that clients have always been given. Errors of the
request itself carry errno 3; what only the system can tell (no such user) carries 5.
"""

from __future__ import annotations

import grp
import os
import pwd
import resource
from collections.abc import Mapping
from typing import Any, Final

from circus.model.errors import CommandError, MessageError
from circus.model.kinds import FLOAT, Kind
from circus.model.options import options_of
from circus.model.specs import HOOK_NAMES, WatcherSpec

STREAMS: Final = ("stdout_stream", "stderr_stream")
INERT: Final[Mapping[str, Kind]] = {"retry_in": FLOAT}
"""Keys of older clients: checked, and without effect."""

_FAILINGS: Final = {
    "whole number": "an integer",
    "whole number of 0 or more": "an integer",
    "number": "a number",
    "seconds": "a number",
    "boolean": "a valid boolean",
    "text": "a string",
    "path": "a string",
    "user or group": "an integer or string",
    "arguments": "a string or a list",
}
_SHOWN: Final = 200


def check_options(options: Any, *, adding: bool) -> dict[str, Any]:
    """Return the options of a request, all of them checked; raise MessageError for the first bad.

    *adding* tells `add` from `set`. What has no effect is left out of the result.
    """
    if not isinstance(options, Mapping):
        raise MessageError("'options' property should be an object")
    table = options_of(WatcherSpec)
    checked = {}
    for key, given in options.items():
        fewer_than_none = key == "numprocesses" and type(given) is int and given < 0
        value = 0 if fewer_than_none else given
        option = table.get(key)
        if option is not None and (option.in_add if adding else option.in_set):
            if value is not None or option.default not in (None, ""):
                _check_kind(key, value, option.kind)
        elif key in INERT:
            _check_kind(key, value, INERT[key])
            continue
        elif not _check_family(key, value):
            raise MessageError(f"unknown key '{key[:_SHOWN]}'")
        check_text(key, value)
        checked[key] = value
    return checked


def check_accounts(options: Mapping[str, Any]) -> None:
    """Raise CommandError when `uid` or `gid` names nobody."""
    user, group = options.get("uid"), options.get("gid")
    try:
        if isinstance(user, str) and not user.isdigit():
            pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise CommandError(f"'uid' = {user!r}: there is no such user") from None
    try:
        if isinstance(group, str) and not group.isdigit():
            grp.getgrnam(group)
    except (KeyError, ValueError):
        raise CommandError(f"'gid' = {group!r}: there is no such group") from None


def check_text(key: str, value: Any) -> None:
    """Raise MessageError for text, at any depth, that no command line or file name can hold."""
    if isinstance(value, str):
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            raise MessageError(f"'{key}' isn't a string") from None
    elif isinstance(value, Mapping):
        for name, item in value.items():
            check_text(key, name)
            check_text(key, item)
    elif isinstance(value, list):
        for item in value:
            check_text(key, item)


def field_of(key: str) -> str:
    """Return the spec's field that the checked option *key* changes."""
    if key.startswith("rlimit_"):
        return "rlimits"
    return key.partition(".")[0]


def _check_kind(key: str, value: Any, kind: Kind) -> None:
    try:
        kind.from_value(value)
    except ValueError:
        failing = _FAILINGS.get(kind.name, f"a valid {kind.name}")
        raise MessageError(f"'{key}' isn't {failing}") from None


def _check_family(key: str, value: Any) -> bool:
    """Check a key of the families env, rlimit_X, hooks and streams; False when it is of none."""
    head, dot, member = key.partition(".")
    if key == "env":
        _check_env(value)
    elif key == "hooks":
        _check_hooks(value)
    elif head == "hooks" and dot:
        if member not in HOOK_NAMES:
            raise MessageError(f"Unknown hook {member[:_SHOWN]!r}")
        _check_hook(key, value)
    elif key in STREAMS:
        _check_stream(key, value)
    elif head in STREAMS and dot and member:
        _check_member(key, value)
    elif key.startswith("rlimit_"):
        _check_rlimit(key, value)
    else:
        return False
    return True


def _check_env(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise MessageError("'env' isn't a valid object")
    for name, item in value.items():
        if not isinstance(item, str):
            raise MessageError(f"'{name[:_SHOWN]}' isn't a string")


def _check_hooks(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise MessageError(f"{value!r:.{_SHOWN}} isn't a valid hook dict")
    if not set(value) <= set(HOOK_NAMES):
        raise MessageError(f"Unknown hook {value!s:.{_SHOWN}}")
    for name, hook in value.items():
        _check_hook(f"hooks.{name}", hook)


def _check_hook(key: str, value: Any) -> None:
    pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    if not (pair or isinstance(value, str)):
        raise MessageError(f"'{key}' isn't a string")


def _check_stream(key: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise MessageError(f"'{key}' isn't a valid object")
    if "class" not in value:
        raise MessageError(f"'{key}' must have a 'class' key")
    for name, item in value.items():
        _check_member(f"{key}.{name}", item)


def _check_member(key: str, value: Any) -> None:
    if isinstance(value, Mapping | list):
        raise MessageError(f"'{key[:_SHOWN]}' isn't a string")


def _check_rlimit(key: str, value: Any) -> None:
    name = key.removeprefix("rlimit_")
    if name != name.lower() or not hasattr(resource, f"RLIMIT_{name.upper()}"):
        raise MessageError(f"'{key[:_SHOWN]}' isn't a valid rlimit setting")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise MessageError(f"{value!r:.{_SHOWN}} rlimit value isn't a valid int")
