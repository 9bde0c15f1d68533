"""Text -> ArbiterSpec: the main file, the files it includes, and everything they say wrong.

Pure, given the text: how other files are read and found is passed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from circus.config.build import build
from circus.config.interpolate import Lookup, environment, expand_value
from circus.config.sections import Report, Section
from circus.model.kinds import WORDS
from circus.model.specs import ArbiterSpec

Read = Callable[[str], str]
Glob = Callable[[str], Iterable[str]]

_TOML: Final = ".toml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a configuration asks for, what is doubtful about it, and the files it came from."""

    spec: ArbiterSpec
    warnings: tuple[str, ...]
    files: tuple[str, ...]


class _Reader(Protocol):
    def read(self, text: str, file: str) -> None: ...
    def section(self, title: str) -> Section | None: ...
    def sections(self) -> list[Section]: ...


def _no_file(path: str) -> str:
    raise FileNotFoundError("no files can be read here")


def loads(
    text: str,
    name: str = "circus.ini",
    *,
    strict: bool = False,
    environ: Mapping[str, str] = os.environ,
    read: Read = _no_file,
    glob: Glob = lambda pattern: (),
) -> Loaded:
    """Return what *text* asks for; raises ConfigError with every problem found.

    *name* is the path that messages give and that includes are relative to; one ending in .toml
    is read as TOML, any other as ini. *read* returns the text of a path and raises OSError or
    ValueError, *glob* the paths that match a pattern. With *strict*, each warning is a problem.
    """
    report = Report(strict=strict)
    is_toml = name.lower().endswith(_TOML)
    reader = _reader(is_toml, report)
    reader.read(text, name)
    files = [name]
    before = _include_values(reader)
    for path in _includes(reader, name, is_toml, environ, glob, report):
        if path.lower().endswith(_TOML) != is_toml:
            report.problem(
                f"{path}: cannot be included by {name}: ini files include ini files, "
                f"TOML files include TOML files. Write it in the form of {name}"
            )
            continue
        try:
            included = read(path)
        except (OSError, ValueError) as error:
            way_out = save_as_utf8(error) or "Correct [circus] include"
            report.problem(f"{path}: cannot read it: {reason(error)}. {way_out}")
            continue
        reader.read(included, path)
        files.append(path)
    if _include_values(reader) != before and (section := reader.section("circus")):
        report.warn(
            f"{section.at()}: include and include_dir are followed in the main file only. "
            f"Move them to {name}"
        )
    spec = build(reader.sections(), environ, report, source=name)
    report.check()
    return Loaded(spec, report.warnings, tuple(files))


def reason(error: OSError | ValueError) -> str:
    """Return why a file could not be read, without its path."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text (byte {error.start})"
    return getattr(error, "strerror", None) or str(error)


def save_as_utf8(error: OSError | ValueError) -> str | None:
    """Return the way out for a file that is not UTF-8; None for any other error."""
    return "Save the file as UTF-8" if isinstance(error, UnicodeDecodeError) else None


def _reader(is_toml: bool, report: Report) -> _Reader:
    if is_toml:
        from circus.config.toml import TomlReader

        return TomlReader(report)
    from circus.config.ini import IniReader

    return IniReader(report)


def _include_values(reader: _Reader) -> tuple[Any, ...]:
    section = reader.section("circus")
    return tuple(section.values.get(key) for key in ("include", "include_dir")) if section else ()


def _includes(
    reader: _Reader,
    name: str,
    is_toml: bool,
    environ: Mapping[str, str],
    glob: Glob,
    report: Report,
) -> list[str]:
    """Return the paths that the main file includes, each once, files before directories."""
    section = reader.section("circus")
    if section is None:
        return []
    base = os.path.dirname(name)
    lookup = _lookup(reader, environ)
    seen = {os.path.normpath(name)}
    paths: list[str] = []
    for key in ("include", "include_dir"):
        for word in _words(section.values.get(key, ()), lookup):
            pattern = os.path.join(base, word)
            if key == "include_dir":
                pattern = os.path.join(pattern, f"*{_TOML}" if is_toml else "*.ini")
            found = sorted(glob(pattern))
            if not found:
                report.warn(f"{section.at(key)}: {pattern} matches no file. Correct or remove it")
            for path in found:
                if (normal := os.path.normpath(path)) not in seen:
                    seen.add(normal)
                    paths.append(path)
    return paths


def _lookup(reader: _Reader, environ: Mapping[str, str]) -> Lookup:
    env = reader.section("env")
    values = env.values if env else {}
    return environment({key: str(value) for key, value in values.items()}, environ)


def _words(raw: Any, lookup: Lookup) -> tuple[str, ...]:
    try:
        words: tuple[str, ...] = WORDS.from_value(expand_value(raw, lookup))
    except ValueError:
        return ()  # told when the section is built
    return tuple(word for word in words if "\0" not in word)
