"""Reads the TOML form: the same names as in an ini file, with real types.

    [circus]                      [socket.web]        [plugin.flapping]     [env]
    [watcher.web]                 [env."web, api*"]   (values for watchers with such names)
    [watcher.web.env]             [watcher.web.rlimits]   [watcher.web.hooks]
    [watcher.web.stdout_stream]   [watcher.web.extra] (what plugins read)

tomllib keeps no lines. A small scanner finds them when a message needs one, which is seldom: as
good as it can be without a second parser, and never wrong about the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from circus.config.families import flatten
from circus.config.sections import NAMED_KINDS, Form, Report, Section, did_you_mean

_MAX_DEPTH: Final = 32
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER: Final = re.compile(rf"[ \t]*\[\[?[ \t]*({_DOTTED})[ \t]*\]")
_KEY: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_INI_HEADER: Final = re.compile(r"\s*\[(watcher|socket|plugin|env):([^]]*)\]")

Path = tuple[str, ...]


class TomlReader:
    """Reads one main file and the files it includes into one set of sections."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sections: dict[tuple[str, str], Section] = {}

    def read(self, text: str, file: str) -> None:
        """Add the tables of *text*; *file* is the name that messages give."""
        try:
            document = tomllib.loads(text)
            deep = _depth_exceeds(document, _MAX_DEPTH)
        except RecursionError:
            deep = True
        except ValueError as error:  # TOMLDecodeError, and a number of too many digits
            self._report.problem(_syntax_problem(str(error), text, file))
            return
        if deep:
            self._report.problem(f"{file}: tables nested more than {_MAX_DEPTH} deep. Flatten them")
            return
        lines = _Lines(text)
        for key, value in document.items():
            self._top(key, value, file, lines)

    def sections(self) -> list[Section]:
        """Return everything read, in file order."""
        return list(self._sections.values())

    def section(self, title: str) -> Section | None:
        """Return [circus] or [env] as far as it is known, or None."""
        return self._sections.get((title, ""))

    def _top(self, key: str, value: Any, file: str, lines: _Lines) -> None:
        place = f"{file}:{lines.find((key,))}"
        if key not in ("circus", "env", *NAMED_KINDS):
            self._report.problem(
                f"{place}: [{_quoted(key)}]: not a section of circusd. "
                f"Known are circus, watcher, socket, plugin and env."
                f"{did_you_mean(key, ('circus', 'env', *NAMED_KINDS))}"
            )
        elif not isinstance(value, dict):
            self._report.problem(f"{place}: {key}: not a table. Write for example: [{key}]")
        elif key == "circus":
            self._add(key, "", (key,), value, file, lines)
        elif key == "env":
            plain = {name: item for name, item in value.items() if not isinstance(item, dict)}
            if plain:
                self._add(key, "", (key,), plain, file, lines)
            for patterns, item in value.items():
                if isinstance(item, dict):
                    self._add(key, patterns, (key, patterns), item, file, lines)
        else:
            for name, item in value.items():
                if isinstance(item, dict):
                    self._add(key, name, (key, name), item, file, lines)
                else:
                    where = f"{file}:{lines.find((key, name))}"
                    self._report.problem(
                        f"{where}: {key}.{name}: not a table. Write for example: [{key}.web]"
                    )

    def _add(
        self, kind: str, name: str, path: Path, table: dict[str, Any], file: str, lines: _Lines
    ) -> None:
        values = flatten(table) if kind == "watcher" else table
        title = f"[{'.'.join(_quoted(part) for part in path)}]"
        section = Section(kind, name, title, Form.TOML, values, _locator(file, lines, path))
        known = self._sections.get((kind, name))
        if known is None:
            self._sections[kind, name] = section
            return
        for key in sorted(known.values.keys() & values.keys()):
            self._report.problem(
                f"{section.at(key)}: already set at {known.locate(key)}. Remove one of the two"
            )
        self._sections[kind, name] = _merged(known, section)


def _merged(first: Section, second: Section) -> Section:
    def locate(key: str) -> str:
        return (second if key in second.values else first).locate(key)

    values = {**first.values, **second.values}
    return Section(first.kind, first.name, first.title, first.form, values, locate)


def _locator(file: str, lines: _Lines, path: Path) -> Callable[[str], str]:
    def locate(key: str) -> str:
        if not key:
            return f"{file}:{lines.find(path)}"
        family, dot, member = key.partition(".")
        paths = [(*path, key)]
        if dot:
            paths.append((*path, family, member))
        if key.startswith("rlimit_"):
            paths.append((*path, "rlimits", key.removeprefix("rlimit_")))
        return f"{file}:{lines.find(max(paths, key=lines.depth))}"

    return locate


class _Lines:
    """The line of each key and table header of a text, found at the first question."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[Path, int] | None = None

    def find(self, path: Path) -> int:
        """Return the line of *path*, or of the nearest table around it that is known."""
        found = self._scan()
        while path and path not in found:
            path = path[:-1]
        return found.get(path, 1)

    def depth(self, path: Path) -> int:
        """Return 2 for a path with a line of its own, 1 for a known table around it, else 0."""
        found = self._scan()
        return 2 if path in found else int(path[:-1] in found)

    def _scan(self) -> dict[Path, int]:
        if self._found is None:
            self._found = {}
            for path, number in _scan(self._text):
                for end in range(1, min(len(path), _MAX_DEPTH) + 1):
                    self._found.setdefault(path[:end], number)
        return self._found


def _scan(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the full path and the line of each header and key outside multi-line strings."""
    table: Path = ()
    inside = ""  # the quotes that end the multi-line string we are in
    for number, line in enumerate(text.split("\n"), 1):
        rest = line
        if inside:
            if inside not in line:
                continue
            rest, inside = line.partition(inside)[2], ""
        elif header := _HEADER.match(line):
            table = _parts(header[1])
            yield table, number
            continue
        elif key := _KEY.match(line):
            yield table + _parts(key[1]), number
        for quotes in ('"""', "'''"):
            if rest.count(quotes) % 2:
                inside = quotes


def _parts(dotted: str) -> Path:
    return tuple(_unquoted(part) for part in re.findall(_PART, dotted[:2000])[: _MAX_DEPTH + 1])


def _unquoted(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    if "\\" not in part:
        return part[1:-1]
    try:
        return str(tomllib.loads(f"key = {part}")["key"])
    except ValueError:
        return part


def _quoted(part: str) -> str:
    if _BARE.fullmatch(part):
        return part
    return '"{}"'.format(part.replace("\\", "\\\\").replace('"', '\\"'))


def _depth_exceeds(document: Mapping[str, Any], limit: int) -> bool:
    """Whether tables and lists nest deeper than *limit*; without recursion, as they may."""
    level: list[Any] = [document]
    for _ in range(limit):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def _syntax_problem(message: str, text: str, file: str) -> str:
    where = _AT.search(message)
    number = text.count("\n") + 1
    if where and where[1]:
        number = int(where[1])
        message = f"{message[: where.start()]} (column {where[2]})"
    elif where:
        message = f"{message[: where.start()]} (end of the file)"
    else:
        number = 1
    line = text.split("\n")[number - 1] if number <= text.count("\n") + 1 else ""
    if old := _INI_HEADER.match(line):
        name = _quoted(old[2].strip() or "web")
        way_out = f"A TOML file says [{old[1]}.{name}]; or call it {_stem(file)}.ini"
    elif "Cannot overwrite" in message or "Cannot declare" in message:
        way_out = "Each key and each table may be given once: remove one"
    else:
        way_out = 'Text needs quotes, for example: cmd = "sleep 60"'
    return f"{file}:{number}: not TOML: {message}. {way_out}"


def _stem(file: str) -> str:
    return file[: -len(".toml")] if file.lower().endswith(".toml") else file
