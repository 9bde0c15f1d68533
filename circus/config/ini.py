"""Reads the ini dialect: text -> sections, every option with its file and line.

The dialect is its own, so the standard parser does not fit: names keep their case, the first
definition of an option wins (also across included files), repeated sections are merged, "%" is an
ordinary character, and a message can name a line only if the reader kept it.

    # or ; in the first column, or the word rem: a comment
    name = value        the first "=" or ":" divides
    name = value ; why  a comment, if the first semicolon follows a blank
        more            an indented line continues the value; nothing in it is a comment
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from os.path import basename, splitext
from typing import Final

from circus.config.sections import NAMED_KINDS, Form, Report, Section, closest

_DEFAULT: Final = "DEFAULT"
_REM: Final = re.compile(r"rem(\s|$)", re.IGNORECASE)
_DIVIDER: Final = re.compile(r"[=:]")
_HEADER_COMMENT: Final = re.compile(r"\s[;#]")
_LOOKS_LIKE_OPTION: Final = re.compile(r"[A-Za-z_][\w.]*\s+=\s")
_SHOWN: Final = 40


@dataclass(slots=True)
class _Raw:
    """A section while it is read: the lines of each value, and where each option began."""

    title: str
    place: str
    values: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


class IniReader:
    """Reads one main file and the files it includes into one set of sections."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sections: dict[str, _Raw] = {}
        self._defaults = _Raw(_DEFAULT, "")

    def read(self, text: str, file: str) -> None:
        """Add the sections of *text*; *file* is the name that messages give."""
        current: _Raw | None = None
        value: list[str] | None = None  # what an indented line continues; None: an ignored line
        fresh = True  # no option since the header
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines, 1):
            stripped = line.strip()
            if not stripped or line[0] in "#;" or _REM.match(line):
                continue
            place = f"{file}:{number}"
            if not line[0].isspace() and line[0] == "[":
                current, value, fresh = self._section(line, place), None, True
            elif current is None:
                self._report.problem(
                    f"{place}: {_short(stripped)} stands before the first section. "
                    f"Write a section header above it, for example: [watcher:web]"
                )
                current = _Raw("", place)  # one such message is enough
            elif line[0].isspace() and not fresh:
                if value is not None:
                    self._continue(current, value, stripped, place)
            elif line[0].isspace():
                self._indented(current, stripped, place)
                fresh = False
            else:
                value, fresh = self._option(current, line, place), False

    def sections(self) -> list[Section]:
        """Return everything read, in the order of the first appearance of each section."""
        classified = map(self._classify, self._sections.values())
        return [section for section in classified if section is not None]

    def section(self, title: str) -> Section | None:
        """Return one section as far as it is known, or None."""
        raw = self._sections.get(title)
        return self._classify(raw) if raw else None

    def _section(self, line: str, place: str) -> _Raw:
        body = _HEADER_COMMENT.split(line, maxsplit=1)[0]
        end = body.rfind("]")
        title = body[1:end].strip()
        if end < 0 or not title:
            self._report.problem(
                f"{place}: {_short(line)}: not a section header. Write for example: [watcher:web]"
            )
            return _Raw("", place)
        if body[end + 1 :].strip():
            self._report.warn(
                f"{place}: [{title}]: ignored what follows the section header: "
                f"{_short(body[end + 1 :])}. Put it on a line of its own"
            )
        if title == _DEFAULT:
            return self._defaults
        return self._sections.setdefault(title, _Raw(title, place))

    def _option(self, section: _Raw, line: str, place: str) -> list[str] | None:
        """Store the option of *line* and return the lines of its value; None if it is ignored."""
        divider = _DIVIDER.search(line)
        key = line[: divider.start()].rstrip() if divider else ""
        if divider is None or not key:
            what = "no name" if divider else "no = after the name"
            self._report.problem(
                f"{place}: {_short(line)}: {what}. Write for example: numprocesses = 4, "
                f"or begin the line with # to make it a comment"
            )
            return None
        if key in section.values:
            self._report.warn(
                f"{place}: [{section.title}] {key}: ignored, it is already set at "
                f"{section.places[key]} and the first one counts. Remove one of the two"
            )
            return None
        text = line[divider.end() :]
        comment = text.find(";")
        if comment > 0 and text[comment - 1].isspace():
            text = text[:comment]
        text = text.strip()
        section.places[key] = place
        section.values[key] = value = ["" if text == '""' else text]
        return value

    def _continue(self, section: _Raw, value: list[str], text: str, place: str) -> None:
        if text[0] in "#;" or text[0] == "[" or _LOOKS_LIKE_OPTION.match(text):
            key = next(reversed(section.values))
            self._report.warn(
                f"{place}: [{section.title}] {key}: this indented line continues the value: "
                f"{_short(text)}. Remove the blanks before it if it is meant to stand alone"
            )
        value.append(text)

    def _indented(self, section: _Raw, text: str, place: str) -> None:
        """Judge an indented line right after a header: there is no value it could continue."""
        way_out = "Remove the blanks before it"
        if text[0] in "#;" or not _DIVIDER.search(text):
            self._report.problem(
                f"{place}: [{section.title}]: an indented line continues a value, "
                f"and there is none: {_short(text)}. {way_out}"
            )
        else:
            self._report.warn(
                f"{place}: [{section.title}]: ignored an indented option right after the header: "
                f"{_short(text)}. {way_out}"
            )

    def _classify(self, raw: _Raw) -> Section | None:
        kind, colon, name = raw.title.partition(":")
        name = name.strip()
        known = kind in (*NAMED_KINDS, "env") if colon else kind in ("circus", "env")
        if not known:
            self._report.warn(
                f"{raw.place}: [{raw.title}]: not a section of circusd, ignored."
                f"{_header_hint(raw.title, raw.place)}"
            )
            return None
        if colon and not name:
            self._report.problem(
                f"{raw.place}: [{raw.title}]: no name. Write for example: [{kind}:web]"
            )
            return None
        values = {key: "\n".join(lines).strip() for key, lines in raw.values.items()}
        places = raw.places
        inherited = frozenset(self._defaults.values.keys() - values.keys())
        if inherited:
            places = self._defaults.places | places
            for key in self._defaults.values:
                if key in inherited:
                    values[key] = "\n".join(self._defaults.values[key]).strip()
        if not values and kind in ("watcher", "plugin"):
            self._report.warn(f"{raw.place}: [{raw.title}]: no options, ignored")
            return None
        title = f"[{raw.title}]"
        locate = _locator(places, raw.place)
        return Section(kind, name, title, Form.INI, values, locate, inherited)


def _locator(places: dict[str, str], section: str) -> Callable[[str], str]:
    return lambda key: places.get(key, section)


def _header_hint(title: str, place: str) -> str:
    kind, colon, name = title.partition(":")
    head, _, rest = title.partition(".")
    if head in (*NAMED_KINDS, "env") and rest.strip("\"' "):
        rest = rest.strip("\"' ")
        owner, _, table = rest.rpartition(".")
        header = f"[env:{owner}]" if owner and table == "env" else f"[{head}:{rest}]"
        file = splitext(basename(place.rpartition(":")[0]))[0]
        return f" An ini file says {header}; or call the file {file}.toml"
    if not colon and kind in NAMED_KINDS:
        return f" Write for example: [{kind}:web]"
    if colon:
        near = closest(kind.strip(), frozenset((*NAMED_KINDS, "env")))
        return f" Did you mean [{near}:{name.strip()}]?" if near else ""
    near = closest(title, frozenset(("circus", "env")))
    return f" Did you mean [{near}]?" if near else ""


def _short(text: str) -> str:
    text = text.strip()
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[: _SHOWN - 3]}...'"
