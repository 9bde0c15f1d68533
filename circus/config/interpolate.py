"""$(circus.env.NAME) in option values, and $NAME in the [env] sections of ini files.

Only what can be known when a file is read is replaced here. $(circus.wid), $(circus.sockets.NAME)
and $(circus.OPTION) stay as they are until a process is started. A replacement is never looked at
again: a value that itself contains a variable arrives unharmed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Lookup = Callable[[str], str | None]
Missing = Callable[[str, str], None]
"""Hears of a variable that is not set: how it is written, and its name."""

_NAME: Final = r"([A-Za-z0-9_.\-]+)"
_VARIABLE: Final = re.compile(rf"\$\((?i:circus\.env)\.{_NAME}\)|\(\((?i:circus\.env)\.{_NAME}\)\)")
_ENV_TEXT: Final = re.compile(rf"(\$\$)|\$([A-Z][A-Z0-9_]*)|{_VARIABLE.pattern}")


def environment(*layers: Mapping[str, str]) -> Lookup:
    """Return a lookup of variables in *layers*, the first winning.

    A name is looked for as it is written, then without regard to case.
    """

    def lookup(name: str) -> str | None:
        for layer in layers:
            if (value := layer.get(name)) is not None:
                return value
        folded = name.lower()
        for layer in layers:
            for known, value in layer.items():
                if known.lower() == folded:
                    return value
        return None

    return lookup


def _unheard(written: str, name: str) -> None:
    pass


def expand(text: str, lookup: Lookup, missing: Missing = _unheard) -> str:
    """Replace $(circus.env.NAME) and ((circus.env.NAME)); an unknown one stays, *missing* hears."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        replacement = lookup(name)
        if replacement is None:
            missing(found[0], name)
            return found[0]
        return replacement

    return _VARIABLE.sub(value, text) if "(" in text else text


def expand_value(value: Any, lookup: Lookup, missing: Missing = _unheard) -> Any:
    """As expand, on every text inside lists and tables; other values are returned as they are."""
    if isinstance(value, str):
        return expand(value, lookup, missing)
    if isinstance(value, list):
        return [expand_value(item, lookup, missing) for item in value]
    if isinstance(value, dict):
        return {key: expand_value(item, lookup, missing) for key, item in value.items()}
    return value


def expand_env(text: str, lookup: Lookup, missing: Missing = _unheard) -> str:
    """Replace variables in a value of an ini file's [env] section.

    Beside $(circus.env.NAME): $NAME in capitals, and $$ for a dollar sign. What is not set stays
    literal, as do ${NAME} and $name.
    """

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        name = found[2] or found[3] or found[4]
        replacement = lookup(name)
        if replacement is None:
            missing(found[0], name)
            return found[0]
        return replacement

    return _ENV_TEXT.sub(value, text) if "$" in text or "(" in text else text
