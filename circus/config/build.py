"""Sections -> specs, by the option tables alone. Pure: every name, default and kind is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from circus.config.checks import (
    check_addresses,
    check_arbiter,
    check_name,
    check_plugin,
    check_references,
    check_socket,
    check_unique,
    check_watcher,
)
from circus.config.environments import Environments
from circus.config.families import FAMILY_NAMES, Families, is_family, read_member
from circus.config.interpolate import Lookup, environment
from circus.config.sections import Form, Report, Section, closest, translate
from circus.config.values import Values, decimal_umask, expanded, read_options, text_of
from circus.model.options import EMPTY, options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec

_FLAT_DEPTH: Final = 64


def build(
    sections: list[Section], environ: Mapping[str, str], report: Report, source: str | None = None
) -> ArbiterSpec:
    """Return what *sections* ask for. What is wrong is told to *report*, which the caller checks.

    *environ* is circusd's own environment. Watchers come sorted by name, the rest in file order.
    """
    envs = Environments([s for s in sections if s.kind == "env"], environ, report)
    lookup = environment(envs.base, environ)

    sockets = _sockets([s for s in sections if s.kind == "socket"], lookup, report)
    names = {spec.name for spec in sockets}
    watchers = []
    for section in (s for s in sections if s.kind == "watcher"):
        spec = _watcher(section, envs, lookup, environ, report)
        if spec is not None:
            check_references(spec, names, section, report)
            watchers.append((spec, section))
    check_unique("watcher", ((spec.name, section) for spec, section in watchers), report)
    envs.check_patterns({spec.name for spec, _ in watchers})

    plugins = [read_plugin(s, lookup, report) for s in sections if s.kind == "plugin"]
    return _arbiter(
        [s for s in sections if s.kind == "circus"],
        lookup,
        report,
        watchers=tuple(spec for spec, _ in sorted(watchers, key=lambda pair: pair[0].name)),
        sockets=tuple(sockets),
        plugins=tuple(plugins),
        source=source,
    )


def read_watcher(section: Section, lookup: Lookup, report: Report) -> tuple[Values, Families]:
    """Read the keys of one watcher, flattened: its options, its families, and what is left."""
    values = read_options(section, options_of(WatcherSpec), lookup, report)
    families = Families()
    for key, raw in list(values.rest.items()):
        if not is_family(key):
            continue
        del values.rest[key]
        if key.startswith(("stdout_stream", "stderr_stream")):
            value = expanded(section, key, raw, lookup, report)
        else:
            value = raw
        if not read_member(section, key, value, families, report.problem):
            values.failed.add(key)
    values.rest.pop("name", None)
    if isinstance(values.fields.get("stdin_socket"), str):
        values.fields["stdin_socket"] = values.fields["stdin_socket"].lower()
    return values, families


def present(members: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a family's table for a spec, without removed members."""
    kept = {name: value for name, value in members.items() if value is not None}
    return kept or EMPTY


def extra_of(
    section: Section, values: Values, known: frozenset[str], report: Report
) -> dict[str, Any]:
    """Judge the keys that no table knows and return those that are kept."""
    kept: dict[str, Any] = {}
    for key, raw in values.rest.items():
        if key == "extra" and section.form is not Form.INI and isinstance(raw, Mapping):
            kept |= _dotted(raw) if section.form is Form.TOML else raw
        elif section.form is Form.TOML:
            place = f"{section.title[:-1]}.extra]"
            report.problem(
                f"{section.at(key)}: not a known option.{translate(key, known)} "
                f"What a plugin reads belongs in {place}"
            )
        else:
            kept[key] = raw
            near = None if "." in key or section.form is Form.PROGRAM else closest(key, known)
            if near and not (key in section.inherited and key in _all_options()):
                report.warn(
                    f"{section.at(key)}: not a known option, kept for plugins. Did you mean {near}?"
                )
    return kept


@cache
def watcher_keys() -> frozenset[str]:
    """Every key of a watcher, for suggestions."""
    return frozenset(options_of(WatcherSpec)) | frozenset(FAMILY_NAMES) | {"name"}


@cache
def _all_options() -> frozenset[str]:
    specs = (ArbiterSpec, WatcherSpec, SocketSpec, PluginSpec)
    return frozenset().union(*(options_of(spec) for spec in specs))


def _watcher(
    section: Section,
    envs: Environments,
    shared: Lookup,
    environ: Mapping[str, str],
    report: Report,
) -> WatcherSpec | None:
    name = text_of(section, "name", shared) or section.name
    if not isinstance(section.values.get("name", ""), str):
        report.problem(
            f"{section.at('name')}: not text. {section.example('name', 'web', quoted=True)}"
        )
    if not check_name(section, name, report):
        return None
    if section.form is Form.INI and "env" in section.values:
        report.warn(f"{section.at('env')}: not read here. Write a section [env:{name}] instead")
        section = _without(section, "env")
    env = envs.of(section, name)
    own = env is not envs.base
    lookup = environment(env, environ) if own else shared
    values, families = read_watcher(section, lookup, report)
    extra = {
        key: expanded(section, key, raw, lookup, report)
        for key, raw in extra_of(section, values, watcher_keys(), report).items()
    }
    spec = WatcherSpec(
        name=name,
        env=env or EMPTY,
        rlimits=families.rlimits or EMPTY,
        hooks=present(families.hooks),
        stdout_stream=present(families.stdout_stream),
        stderr_stream=present(families.stderr_stream),
        extra=extra or EMPTY,
        **values.fields,
    )
    check_watcher(spec, section, report, values.failed)
    return spec


def read_socket(section: Section, lookup: Lookup, report: Report) -> SocketSpec | None:
    """Return the socket of *section*, its name in lower case; None if the name cannot be used."""
    name = section.name.lower()
    if not check_name(section, name, report):
        return None
    table = options_of(SocketSpec)
    values = read_options(section, table, lookup, report)
    values.rest.pop("name", None)
    extra = extra_of(section, values, frozenset(table), report)
    extra = _expanded_all(section, extra, lookup, report)
    spec = SocketSpec(name=name, extra=extra or EMPTY, **values.fields)
    if not values.failed & {"host", "port", "family", "path"}:
        check_socket(spec, section, report)
    _warn_of_decimal_umask(section, spec.umask, report)
    return spec if spec.path is None else replace(spec, family="AF_UNIX")


def read_plugin(section: Section, lookup: Lookup, report: Report) -> PluginSpec:
    """Return the plugin of *section*; what its table does not know is the plugin's own."""
    check_name(section, section.name, report)
    values = read_options(section, options_of(PluginSpec), lookup, report)
    config = _expanded_all(section, values.rest, lookup, report)
    spec = PluginSpec(name=section.name, config=config or EMPTY, **values.fields)
    if "use" not in values.failed:
        check_plugin(spec, section, report)
    return spec


def _sockets(sections: list[Section], lookup: Lookup, report: Report) -> list[SocketSpec]:
    sockets = [(read_socket(section, lookup, report), section) for section in sections]
    known = [(spec, section) for spec, section in sockets if spec is not None]
    check_unique("socket", ((spec.name, section) for spec, section in known), report)
    check_addresses(known, report)
    return [spec for spec, _ in known]


def _warn_of_decimal_umask(section: Section, umask: int | None, report: Report) -> None:
    """Say so where a socket's umask without a leading 0 means something else than it did."""
    text = section.values.get("umask")
    if umask is not None and (decimal := decimal_umask(section, text)) is not None:
        report.warn(
            f"{section.at('umask')} = {text}: read as octal {umask:03o}; Circus 0.19 read decimal "
            f"{text} = {decimal:03o}. Write umask = {umask:03o}, or {decimal:03o} to keep the old"
        )


def _arbiter(
    sections: list[Section],
    lookup: Lookup,
    report: Report,
    **parts: Any,
) -> ArbiterSpec:
    if not sections:
        return ArbiterSpec(**parts)
    (section,) = sections
    table = options_of(ArbiterSpec)
    values = read_options(section, table, lookup, report)
    extra = extra_of(section, values, frozenset(table), report)
    extra = _expanded_all(section, extra, lookup, report)
    if values.fields.get("stats_endpoint") and "statsd" not in section.values:
        report.warn(
            f"{section.at('stats_endpoint')}: turns on statsd, which is not set. Add statsd = true"
        )
        values.fields["statsd"] = True
    spec = ArbiterSpec(extra=extra or EMPTY, **values.fields, **parts)
    check_arbiter(spec, section, report, values.failed)
    return spec


def _expanded_all(
    section: Section, values: Mapping[str, Any], lookup: Lookup, report: Report
) -> dict[str, Any]:
    return {key: expanded(section, key, raw, lookup, report) for key, raw in values.items()}


def _dotted(table: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Flatten nested tables: {"flapping": {"window": 3}} -> {"flapping.window": 3}."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and depth < _FLAT_DEPTH:
            flat |= _dotted(value, f"{prefix}{key}.", depth + 1)
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _without(section: Section, key: str) -> Section:
    return replace(section, values={k: v for k, v in section.values.items() if k != key})
