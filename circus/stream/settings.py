"""The options of streams: text from an ini file or typed values become what a sink is made of."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from circus.model.errors import ConfigError
from circus.model.kinds import BOOL, COUNT, PATH, TEXT, Kind, choice
from circus.model.units import human2bytes
from circus.stream.layout import FORMATS

log = logging.getLogger(__name__)

_MAX_SHOWN: Final = 60


def _size_text(text: str) -> int:
    word = text.strip()
    try:
        return _size_value(int(word) if word.lstrip("+-").isdigit() else human2bytes(word))
    except ValueError:
        raise ValueError("not a number of bytes (10485760) or a size (10M)") from None


def _size_value(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a number of bytes (10485760) or a size (10M)")
    return value


SIZE: Final = Kind(
    "size", _size_text, _size_value, {"type": ["string", "integer"], "minimum": 0}, "10M"
)
FORMAT: Final = choice(*FORMATS)
WHEN: Final = choice("S", "M", "H", "D", "MIDNIGHT", *(f"W{day}" for day in range(7)))

COMMON: Final[Mapping[str, Kind]] = {
    "format": FORMAT,
    "time_format": TEXT,
    "buffer_bytes": SIZE,
    "max_line": SIZE,
}
OPTIONS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "FileStream": {**COMMON, "filename": PATH, "max_bytes": SIZE, "backup_count": COUNT},
    "WatchedFileStream": {**COMMON, "filename": PATH},
    "TimedRotatingFileStream": {
        **COMMON,
        "filename": PATH,
        "backup_count": COUNT,
        "rotate_when": WHEN,
        "rotate_interval": COUNT,
        "utc": BOOL,
    },
    "StdoutStream": COMMON,
    "FancyStdoutStream": {**COMMON, "color": TEXT},
    "QueueStream": {"buffer_bytes": SIZE, "max_line": SIZE},
}
"""The options of the built-in streams, by class."""


def read(kind: Kind, key: str, value: Any, where: str) -> Any:
    """Return *value* as *kind* reads it. ConfigError that begins with *where* if it cannot."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        return kind.from_text(value) if isinstance(value, str) else kind.from_value(value)
    except ValueError as error:
        shown = " ".join(str(value).split())[:_MAX_SHOWN]
        raise ConfigError(
            f"{where}{key} = {shown}: {error}. Write for example: {key} = {kind.example}"
        ) from None


def read_all(options: Mapping[str, Kind], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the typed values of those options that were given; None and "" count as not given.

    Unknown keys are ignored, as streams always did, with a warning.
    """
    values, problems = {}, []
    for key, value in given.items():
        if key not in options:
            near = difflib.get_close_matches(str(key), options, n=1)
            hint = f" Did you mean {near[0]}?" if near else f" Known: {', '.join(options)}"
            log.warning("%s%s: not an option of this stream, ignored.%s", where, key, hint)
        elif value is not None and value != "":
            try:
                values[key] = read(options[key], key, value, where)
            except ConfigError as error:
                problems.extend(error.problems)
    if problems:
        raise ConfigError(*problems)
    return values
