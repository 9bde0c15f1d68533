"""Reads the options of one section by the table of its spec: raw values -> typed fields."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from circus.config.interpolate import Lookup, Missing, expand, expand_value
from circus.config.sections import Form, Report, Section
from circus.model.kinds import OCTAL
from circus.model.options import Option

_NOT_EXPANDED: Final = frozenset({"stop_signal"})
_MAX_MODE_DIGITS: Final = 4
_UNQUOTED: Final = ("integer", "number", "boolean")


@dataclass(slots=True)
class Values:
    """What a section gave: typed fields, the keys its table does not know, the keys that failed."""

    fields: dict[str, Any] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


def read_options(
    section: Section, table: Mapping[str, Option], lookup: Lookup, report: Report
) -> Values:
    """Read every key of *section* that *table* knows; the others are returned as they are."""
    values = Values()
    for key, raw in section.values.items():
        option = table.get(key)
        if option is None:
            values.rest[key] = raw
            continue
        try:
            values.fields[key] = _read(section, option, raw, lookup, report)
        except (ValueError, OverflowError) as error:
            values.failed.add(key)
            report.problem(bad_value(section, option, raw, str(error), lookup))
    return values


def bad_value(section: Section, option: Option, raw: Any, what: str, lookup: Lookup) -> str:
    """Return the message for a value that its kind refuses: where, what, and the way out."""
    shown = section.show(expand_value(raw, lookup) if section.form is not Form.PROGRAM else raw)
    example = section.example(option.name, option.example, quoted=_is_quoted(option))
    if option.kind is OCTAL:
        what += " (modes are octal, as in chmod)"
        if (decimal := decimal_umask(section, raw)) is not None:
            example = (
                f"It was decimal in Circus 0.19: write {option.name} = {decimal:03o} to keep it"
            )
    if option.default is not None and option.default == "" and shown == "":
        shown = '""'
    return f"{section.at(option.name)} = {shown}: {what}. {example}"


def expanded(section: Section, key: str, raw: Any, lookup: Lookup, report: Report) -> Any:
    """Return *raw* with its variables replaced, as it stands in a file.

    What programs give is never touched. A variable that is not set stays, with a warning.
    """
    if section.form is Form.PROGRAM or key in _NOT_EXPANDED:
        return raw
    return expand_value(raw, lookup, missing(section, key, report))


def missing(section: Section, key: str, report: Report) -> Missing:
    """Return what to tell of a variable that is not set."""

    def warn(written: str, name: str) -> None:
        way_out = f"Set {name} in circusd's environment"
        if section.kind != "env":
            way_out += " or in [env]"
        elif not written.endswith(")"):
            way_out += f", or write ${written} to mean it so"
        report.warn(f"{section.at(key)}: {written} is not set and stays as it is. {way_out}")

    return warn


def _read(section: Section, option: Option, raw: Any, lookup: Lookup, report: Report) -> Any:
    value = expanded(section, option.name, raw, lookup, report)
    if section.form is Form.INI:
        return None if value == "" and option.default is None else option.kind.from_text(value)
    if section.form is Form.TOML:
        # port = "$(circus.env.PORT)": a variable is text, whatever it stands for
        by_variable = isinstance(raw, str) and value != raw
        return option.kind.from_text(value) if by_variable else option.kind.from_value(value)
    if value is None and option.default in (None, ""):
        return option.default
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return option.kind.from_text(value) if isinstance(value, str) else option.kind.from_value(value)


def decimal_umask(section: Section, raw: Any) -> int | None:
    """Return the number that Circus 0.19, which took it as decimal, read as a socket's umask.

    None where the text begins with 0, as octal numbers are written, and for all other sections.
    """
    if section.kind != "socket" or section.form is not Form.INI or not isinstance(raw, str):
        return None
    is_plain = raw.isascii() and raw.isdigit() and len(raw) <= _MAX_MODE_DIGITS and raw[0] != "0"
    return int(raw) if is_plain else None


def text_of(section: Section, key: str, lookup: Lookup) -> str | None:
    """Return the expanded text of *key* if it is one, without judging it."""
    raw = section.values.get(key)
    return expand(raw, lookup) if isinstance(raw, str) else None


def _is_quoted(option: Option) -> bool:
    return option.kind.schema.get("type") not in _UNQUOTED
