"""What programs and requests give: a mapping -> a spec, and changes to a watcher's spec.

Values may be typed, or text as in an ini file. They are taken exactly: nothing in them is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from circus.config.build import (
    extra_of,
    present,
    read_plugin,
    read_socket,
    read_watcher,
    watcher_keys,
)
from circus.config.checks import check_name, check_watcher
from circus.config.families import FAMILY_NAMES, flatten
from circus.config.sections import Form, Report, Section, translate
from circus.model.errors import ConfigError
from circus.model.options import EMPTY
from circus.model.specs import PluginSpec, SocketSpec, WatcherSpec

_TABLES: Final = frozenset(FAMILY_NAMES) - {"env"}


def watcher_from_mapping(mapping: Mapping[str, Any], where: str | None = None) -> WatcherSpec:
    """Return the spec of the watcher that *mapping* describes; it needs `name` and `cmd`.

    Keys are the options of a watcher, and `env`, `rlimits` or rlimit_X, `hooks` or hooks.X,
    `stdout_stream` and `stderr_stream` or their members. Others are kept in `extra`. *where*
    begins the messages of the ConfigError raised; by default it names the watcher.
    """
    name = _name("watcher", mapping, where)
    report = Report()
    section = _section(name, where, mapping)
    check_name(section, name, report)
    values, families = read_watcher(section, _nothing, report)
    spec = WatcherSpec(
        name=name,
        env=families.env or EMPTY,
        rlimits=families.rlimits or EMPTY,
        hooks=present(families.hooks),
        stdout_stream=present(families.stdout_stream),
        stderr_stream=present(families.stderr_stream),
        extra=extra_of(section, values, watcher_keys(), report) or EMPTY,
        **values.fields,
    )
    check_watcher(spec, section, report, values.failed)
    report.check()
    return spec


def change_watcher(
    spec: WatcherSpec, changes: Mapping[str, Any], where: str | None = None
) -> WatcherSpec:
    """Return *spec* with *changes* applied, all or none; ConfigError tells every problem.

    A member (hooks.X, rlimit_X, stdout_stream.X) is added or replaced; None removes a hook or a
    stream's member, and makes a limit unlimited. A whole table (`env`, `hooks`, `rlimits`,
    `stdout_stream`, `stderr_stream`) replaces what was there. An unknown key is refused, unless
    the watcher has it already or it has a dot, as plugins' options do.
    """
    report = Report()
    section = _section(spec.name, where, changes)
    if changes.get("name", spec.name) != spec.name:
        report.problem(f"{section.at('name')}: a watcher keeps its name. Add another watcher")
    values, families = read_watcher(section, _nothing, report)
    new: dict[str, Any] = dict(values.fields)
    if families.env is not None:
        new["env"] = families.env or EMPTY
    for key in _TABLES:
        members = getattr(families, key)
        if not members and key not in changes:
            continue
        table = members if key in changes else {**getattr(spec, key), **members}
        new[key] = (table or EMPTY) if key == "rlimits" else present(table)
    if values.rest:
        new["extra"] = _changed_extra(spec, section, values.rest, report)
    changed = replace(spec, **new)
    check_watcher(changed, section, report, values.failed)
    report.check()
    return changed


def socket_from_mapping(mapping: Mapping[str, Any], where: str | None = None) -> SocketSpec:
    """Return the spec of the socket that *mapping* describes; it needs `name`."""
    name = _name("socket", mapping, where)
    report = Report()
    section = Section("socket", name, where or f"socket {name}", Form.PROGRAM, mapping)
    spec = read_socket(section, _nothing, report)
    report.check()
    assert spec is not None  # a bad name was a problem
    return spec


def plugin_from_mapping(mapping: Mapping[str, Any], where: str | None = None) -> PluginSpec:
    """Return the spec of the plugin that *mapping* describes: `use`, and what the plugin reads.

    A plugin without `name` is called after the last part of its class.
    """
    name = mapping.get("name") or str(mapping.get("use", "")).rpartition(".")[2] or "plugin"
    report = Report()
    section = Section("plugin", str(name), where or f"plugin {name}", Form.PROGRAM, mapping)
    spec = read_plugin(section, _nothing, report)
    report.check()
    return spec


def mapping_of(spec: WatcherSpec) -> dict[str, Any]:
    """Return the mapping that makes *spec* again: what differs from the defaults, and the name."""
    plain = WatcherSpec(name=spec.name)
    mapping = {
        field.name: getattr(spec, field.name)
        for field in fields(WatcherSpec)
        if getattr(spec, field.name) != getattr(plain, field.name)
    }
    return {"name": spec.name, **mapping}


def _name(what: str, mapping: Mapping[str, Any], where: str | None) -> str:
    name = mapping.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"{where or what}: name: not text. Give a name, for example: web")
    return name


def _section(name: str, where: str | None, values: Mapping[str, Any]) -> Section:
    return Section("watcher", name, where or f"watcher {name}", Form.PROGRAM, flatten(values))


def _changed_extra(
    spec: WatcherSpec, section: Section, rest: Mapping[str, Any], report: Report
) -> Mapping[str, Any]:
    extra = dict(spec.extra)
    for key, value in rest.items():
        if key == "extra" and isinstance(value, Mapping):
            extra = {**value}
        elif key in extra or "." in key:
            extra[key] = value
        else:
            hint = translate(key, watcher_keys()) or " `options` lists what a watcher has"
            report.problem(f"{section.at(key)}: not a known option.{hint}")
    return extra or EMPTY


def _nothing(name: str) -> None:
    return None
