"""The [env] sections: patterns of watcher names -> the variables that each watcher gets.

[env] is for all watchers. Sections with patterns beat it, in file order, the later winning; a
watcher's own table beats them all. Patterns are shell wildcards and mind the letter case.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Mapping
from typing import Any, Final

from circus.config.families import env_problem
from circus.config.interpolate import environment, expand_env
from circus.config.sections import Form, Report, Section, translate
from circus.config.values import expanded, missing

_WILDCARD: Final = re.compile(r"[*?\[]")


class Environments:
    """The [env] sections: which variables each watcher gets. Later sections win over earlier."""

    def __init__(self, sections: list[Section], environ: Mapping[str, str], report: Report) -> None:
        self._lookup = environment(environ)
        self._report = report
        self.base: dict[str, str] = {}
        self._tables: list[dict[str, str]] = []
        self._by_name: dict[str, list[int]] = {}
        self._wild: list[tuple[re.Pattern[str], int]] = []
        self._patterns: list[tuple[str, Section]] = []
        for section in sections:
            table = self._read(section)
            if not section.name:
                self.base |= table
                continue
            for pattern in filter(None, map(str.strip, section.name.split(","))):
                self._add(pattern, section)
            self._tables.append(table)

    def of(self, section: Section, name: str) -> dict[str, str]:
        """Return the environment of the watcher *name*: `base` itself where nothing else fits."""
        found = list(self._by_name.get(name, ()))
        for pattern, index in self._wild:
            if index not in found and pattern.match(name):
                insort(found, index)
        tables = [self._tables[index] for index in found]
        own = section.values.get("env")
        if isinstance(own, Mapping):
            tables.append(self._own(section, own))
        if not any(tables):
            return self.base
        env = dict(self.base)
        for table in tables:
            env |= table
        return env

    def check_patterns(self, names: set[str]) -> None:
        """Warn of patterns that match no watcher."""
        for pattern, section in self._patterns:
            if _WILDCARD.search(pattern):
                matches = any(wild.match(name) for wild in (_compiled(pattern),) for name in names)
            else:
                matches = pattern in names or ":" in pattern
            if not matches:
                hint = translate(pattern, frozenset(names)) or " Correct or remove it"
                self._report.warn(f"{section.at()}: no watcher matches {pattern}.{hint}")

    def _add(self, pattern: str, section: Section) -> None:
        index = len(self._tables)
        self._patterns.append((pattern, section))
        if _WILDCARD.search(pattern):
            self._wild.append((_compiled(pattern), index))
        elif index not in (indices := self._by_name.setdefault(pattern, [])):
            indices.append(index)

    def _read(self, section: Section) -> dict[str, str]:
        table: dict[str, str] = {}
        for name, raw in section.values.items():
            if (what := env_problem(name, raw)) is not None:
                self._report.problem(f"{section.at(name)}: {what}")
            elif section.form is Form.INI:
                told = missing(section, name, self._report)
                table[name] = expand_env(raw, self._lookup, told)
            else:
                table[name] = expanded(section, name, raw, self._lookup, self._report)
        return table

    def _own(self, section: Section, env: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: expanded(section, "env", value, self._lookup, self._report)
            for name, value in env.items()
            if env_problem(name, value) is None  # told when the watcher's keys are read
        }


def _compiled(pattern: str) -> re.Pattern[str]:
    from fnmatch import translate as to_regex

    return re.compile(to_regex(pattern))
