"""The words of `circusctl set` as typed values, by the option table."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from circus.control.commands.base import ArgumentError
from circus.model.kinds import ACCOUNT, Kind
from circus.model.options import options_of
from circus.model.specs import HOOK_NAMES, WatcherSpec

_STREAMS: Final = ("stdout_stream.", "stderr_stream.")
_STREAM_NUMBERS: Final = ("max_bytes", "backup_count")
_UNLIMITED: Final = ("", "unlimited", "infinity", "-1")
_NEXT_VARIABLE: Final = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_]*=)")


def convert(key: str, text: str) -> Any:
    """Return the value that *text* means for option *key*; ArgumentError when it means none."""
    option = options_of(WatcherSpec).get(key)
    if option is not None and option.in_set:
        return _read(key, text, option.kind, option.example)
    if key == "env":
        return _environment(text)
    if key == "hooks":
        return _hooks(text)
    if key.startswith("hooks.") and key[6:] in HOOK_NAMES:
        return text
    if key.startswith("rlimit_"):
        return None if text.strip().lower() in _UNLIMITED else _whole(key, text)
    if key.startswith(_STREAMS):
        return _whole(key, text) if key.partition(".")[2] in _STREAM_NUMBERS else text
    raise ArgumentError(f"unknown key '{key}'{_suggestion(key)}")


def _suggestion(key: str) -> str:
    """Return a question after the option that was probably meant, or nothing."""
    from difflib import get_close_matches  # only a mistake pays for it

    known = [name for name, option in options_of(WatcherSpec).items() if option.in_set]
    near = [name for name in known if key and name.startswith(key)]
    near = near or get_close_matches(key, known, n=1)
    return f". Did you mean {near[0]}?" if near else ""


def _read(key: str, text: str, kind: Kind, example: str) -> Any:
    try:
        value = kind.from_text(text)
    except (ValueError, OverflowError) as exc:
        raise ArgumentError(f"{key} = {text}: {exc}. Write for example: {key} {example}") from None
    return text if kind is ACCOUNT and isinstance(value, str) else value


def _whole(key: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(f"{key} = {text}: not a whole number") from None


def _environment(text: str) -> dict[str, str]:
    """Read NAME=VALUE,NAME=VALUE, where a value may hold commas, or a JSON object."""
    if text.lstrip().startswith("{"):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise ArgumentError(f"env = {text}: not a JSON object") from None
        return {str(name): str(value) for name, value in values.items()}
    environment = {}
    for part in _NEXT_VARIABLE.split(text) if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ArgumentError(f"env = {text}: write NAME=VALUE,NAME=VALUE")
        environment[name.strip()] = value
    return environment


def _hooks(text: str) -> dict[str, str]:
    """Read NAME:FUNCTION,NAME:FUNCTION, where a function may be followed by ,true or ,false."""
    hooks: dict[str, str] = {}
    last = ""
    for part in text.split(","):
        name, colon, target = (word.strip() for word in part.partition(":"))
        if colon and name in HOOK_NAMES and target:
            hooks[name], last = target, name
        elif not colon and last and "," not in hooks[last]:
            hooks[last] += f",{name}"
        else:
            raise ArgumentError(
                f"hooks = {text}: write NAME:FUNCTION,... with NAME one of {', '.join(HOOK_NAMES)}"
            )
    return hooks
