"""The kinds of option values: how text and typed values become what a spec holds.

One Kind serves the ini reader (from_text), the TOML reader, the wire and Python callers
(from_value), the JSON Schema and the option reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from circus.model.units import to_bool, to_octal, to_signum


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of value is read. Both readers raise ValueError saying what the value is not."""

    name: str
    from_text: Callable[[str], Any]
    from_value: Callable[[Any], Any]
    schema: Mapping[str, Any]
    example: str


def _int_text(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("not a whole number") from None


def _int_value(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    return value


def _count(number: int) -> int:
    if number < 0:
        raise ValueError("not a whole number of 0 or more")
    return number


def _float_text(text: str) -> float:
    try:
        return _finite(float(text.strip()))
    except ValueError:
        raise ValueError("not a number") from None


def _float_value(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        return _finite(float(value))
    except OverflowError:
        raise ValueError("not a number that a computer can hold") from None


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


def _seconds(number: float) -> float:
    if number < 0:
        raise ValueError("not a number of seconds of 0 or more")
    return number


def _text_value(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    if "\0" in value:
        raise ValueError("not text without NUL characters")
    return value


def _args_value(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(_text_value(str(item)) for item in value)
    return _text_value(value)


def _account_text(text: str) -> str | int:
    word = text.strip()
    if not word:
        raise ValueError("not a user or group")
    return int(word) if word.isascii() and word.isdigit() else word


def _account_value(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError("not a user or group")
    if isinstance(value, int) and value < 0:
        raise ValueError("not a user or group")
    return _account_text(value) if isinstance(value, str) else value


def _bool_value(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not a boolean (true or false)")
    return value


def _words_text(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _words_value(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return _words_text(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("not a list of texts")


def choice(*words: str) -> Kind:
    """A kind whose values are *words*; text is compared without regard to case."""
    by_fold = {word.lower(): word for word in words}

    def from_text(text: str) -> str:
        try:
            return by_fold[text.strip().lower()]
        except KeyError:
            raise ValueError(f"not one of {', '.join(words)}") from None

    def from_value(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"not one of {', '.join(words)}")
        return from_text(value)

    return Kind("choice", from_text, from_value, {"enum": list(words)}, words[0])


_NUMBER: Final = {"type": "number", "minimum": 0}
TEXT: Final = Kind("text", _text_value, _text_value, {"type": "string"}, "text")
PATH: Final = Kind("path", _text_value, _text_value, {"type": "string"}, "/srv/app")
BOOL: Final = Kind("boolean", to_bool, _bool_value, {"type": "boolean"}, "true")
INT: Final = Kind("whole number", _int_text, _int_value, {"type": "integer"}, "4")
COUNT: Final = Kind(
    "whole number of 0 or more",
    lambda text: _count(_int_text(text)),
    lambda value: _count(_int_value(value)),
    {"type": "integer", "minimum": 0},
    "4",
)
FLOAT: Final = Kind("number", _float_text, _float_value, {"type": "number"}, "1.5")
SECONDS: Final = Kind(
    "seconds",
    lambda text: _seconds(_float_text(text)),
    lambda value: _seconds(_float_value(value)),
    _NUMBER,
    "1.5",
)
SIGNAL: Final = Kind("signal", to_signum, to_signum, {"type": ["string", "integer"]}, "SIGTERM")
OCTAL: Final = Kind("octal mode", to_octal, to_octal, {"type": ["string", "integer"]}, "022")
ARGS: Final = Kind(
    "arguments",
    _text_value,
    _args_value,
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "--port 8000",
)
ACCOUNT: Final = Kind(
    "user or group",
    _account_text,
    _account_value,
    {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]},
    "www-data",
)
WORDS: Final = Kind(
    "list of words",
    _words_text,
    _words_value,
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "conf.d/*.ini",
)
