"""Reads configuration files from disk: the one module of this room that does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from circus.config.document import Loaded, loads, reason, save_as_utf8
from circus.model.errors import ConfigError

MAX_FILE: Final = 16 * 1024 * 1024


def load(
    path: str | os.PathLike[str],
    *,
    strict: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Return what the file at *path* and the files it includes ask for.

    Raises ConfigError with every problem found, also when *path* cannot be read.
    """
    name = os.fspath(path)
    try:
        text = read_text(name)
    except (OSError, ValueError) as error:
        way_out = save_as_utf8(error) or "Give the path of a configuration file"
        raise ConfigError(f"{name}: cannot read it: {reason(error)}. {way_out}") from error
    return loads(text, name, strict=strict, environ=environ, read=read_text, glob=_glob)


def read_text(path: str) -> str:
    """Return the text of a UTF-8 file of at most MAX_FILE bytes; a byte order mark is dropped.

    Raises OSError, or ValueError when it is longer or not UTF-8.
    """
    with open(path, "rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise ValueError(f"longer than {MAX_FILE} bytes")
    return content.decode("utf-8-sig")


def _glob(pattern: str) -> list[str]:
    from glob import glob

    return glob(pattern)
