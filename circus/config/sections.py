"""What the readers hand to the builder: sections of raw values that know where they stand."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from circus.model.errors import ConfigError

NAMED_KINDS: Final = ("watcher", "socket", "plugin")
"""The sections that come once per name; the others are circus and env."""

_MAX_SHOWN: Final = 60
_MAX_PROBLEMS: Final = 200
_MAX_COMPARED: Final = 128  # comparing is slow, and thousands of watchers are many names
_CLOSE: Final = 0.8
_FOREIGN: Final = {
    "autorestart": "respawn",
    "command": "cmd",
    "cwd": "working_dir",
    "directory": "working_dir",
    "environment": "env",
    "group": "gid",
    "numprocs": "numprocesses",
    "processes": "numprocesses",
    "user": "uid",
    "workers": "numprocesses",
}
"""What other programs call an option; used only to suggest ours."""


_PLACE: Final = re.compile(r"(.*?):(\d{1,9}): ")


class Form(Enum):
    """How raw values are written."""

    INI = "ini"  # text, trimmed
    TOML = "toml"  # typed
    PROGRAM = "program"  # typed, or text as in an ini file: a request or a Python caller


@dataclass(frozen=True, slots=True)
class Section:
    """One section, watcher or request: its raw values by key and where each was written.

    *title* is how the writer spells it: "[watcher:web]", "[watcher.web]", "watcher web".
    *locate* gives "FILE:LINE" of a key, or of the section for ""; nothing for a program's values.
    *inherited* names the keys that came from [DEFAULT].
    """

    kind: str
    name: str
    title: str
    form: Form
    values: Mapping[str, Any]
    locate: Callable[[str], str] = lambda key: ""
    inherited: frozenset[str] = frozenset()

    def at(self, key: str = "") -> str:
        """Return the beginning of a message: where, which section, which key."""
        title = "[DEFAULT]" if key in self.inherited else self.title
        place = self.locate(key)
        head = f"{place}: {title}" if place else f"{title}:" if key else title
        return f"{head} {key}" if key else head

    def show(self, value: object) -> str:
        """Return *value* as the section would spell it, short and on one line."""
        if isinstance(value, str) and (self.form is Form.INI or self.form is Form.PROGRAM):
            text = value
        elif isinstance(value, str):
            text = f'"{value}"'
        elif isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, Mapping):
            text = "{...}"
        else:
            text = reprlib.repr(value)
        text = " ".join(text.split())
        return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."

    def example(self, key: str, text: str, *, quoted: bool) -> str:
        """Return "Write for example: KEY = TEXT", in quotes where the section's form wants them."""
        key = f'"{key}"' if self.form is Form.TOML and not _is_bare(key) else key
        value = f'"{text}"' if quoted and self.form is Form.TOML else text
        return f"Write for example: {key} = {value}"


class Report:
    """Collects problems and warnings, each once. With *strict*, a warning is a problem."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._problems: dict[str, None] = {}
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        return _in_order(self._warnings)

    def problem(self, text: str) -> None:
        """Note something that makes the configuration unusable."""
        self._problems[text] = None

    def warn(self, text: str) -> None:
        """Note something that was probably not meant so."""
        (self._problems if self._strict else self._warnings)[text] = None

    def check(self) -> None:
        """Raise ConfigError with the problems found so far, if any."""
        problems = _in_order(self._problems)
        if len(problems) > _MAX_PROBLEMS:
            rest = len(problems) - _MAX_PROBLEMS
            problems = (*problems[:_MAX_PROBLEMS], f"... and {rest} more problems")
        if problems:
            raise ConfigError(*problems)


def _in_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Return messages by file and line; those without come first."""

    def place(text: str) -> tuple[str, int]:
        found = _PLACE.match(text)
        return (found[1], int(found[2])) if found else ("", 0)

    return tuple(sorted(texts, key=place))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean KNOWN?" with a leading blank, or nothing when no word is near."""
    near = closest(word, frozenset(known))
    return f" Did you mean {near}?" if near else ""


@lru_cache(maxsize=1024)
def closest(word: str, known: frozenset[str]) -> str | None:
    """Return the one of *known* that *word* is probably a misspelling of."""
    from difflib import get_close_matches

    if len(word) > _MAX_SHOWN or len(known) > _MAX_COMPARED:
        return None
    near = get_close_matches(word.lower(), sorted(known), n=1, cutoff=_CLOSE)
    return near[0] if near else None


def translate(word: str, known: frozenset[str]) -> str:
    """As did_you_mean, knowing also what other programs call our options."""
    foreign = _FOREIGN.get(word.lower())
    return f" Did you mean {foreign}?" if foreign in known else did_you_mean(word, known)


def _is_bare(key: str) -> bool:
    """Whether TOML takes *key* without quotes."""
    return key.isascii() and bool(key) and all(char.isalnum() or char in "_-." for char in key)
