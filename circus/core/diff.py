"""The difference between two configurations, and what applying it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from circus.model.options import Live, options_of
from circus.model.specs import ArbiterSpec, PluginSpec, WatcherSpec

_COST: Final = (Live.NOTHING, Live.NEXT_START, Live.ROLLING)
_FAMILIES: Final = {
    "env": Live.ROLLING,
    "rlimits": Live.ROLLING,
    "hooks": Live.NOTHING,
    "stdout_stream": Live.ROLLING,
    "stderr_stream": Live.ROLLING,
    "extra": Live.NOTHING,
}
_PARTS: Final = frozenset({"watchers", "sockets", "plugins", "extra", "source"})


@dataclass(frozen=True, slots=True)
class WatcherChange:
    """The fields of one watcher that differ, with their new values."""

    name: str
    values: Mapping[str, Any]

    @property
    def cost(self) -> Live:
        """The dearest of the changes."""
        return max((cost_of(key) for key in self.values), key=_COST.index, default=Live.NOTHING)


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """What a new configuration adds, removes and changes. Names compare without case."""

    added: tuple[WatcherSpec, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[WatcherChange, ...] = ()
    sockets_differ: bool = False
    plugins_differ: bool = False
    restart_needed: tuple[str, ...] = field(default=())
    """Options of [circus] that differ: they apply when circusd starts again."""


def cost_of(key: str) -> Live:
    """Return what a live change of one watcher option costs."""
    known = options_of(WatcherSpec).get(key)
    return known.live if known is not None else _FAMILIES[key]


def watcher_change(old: WatcherSpec, new: WatcherSpec) -> WatcherChange:
    """Return the fields in which two specs of one watcher differ."""
    values = {
        entry.name: getattr(new, entry.name)
        for entry in fields(WatcherSpec)
        if entry.name != "name" and getattr(old, entry.name) != getattr(new, entry.name)
    }
    return WatcherChange(old.name, values)


def diff(old: ArbiterSpec, new: ArbiterSpec) -> ConfigDiff:
    """Return what leads from *old* to *new*; watchers keep the order of *new*."""
    before = {spec.name.lower(): spec for spec in old.watchers}
    after = {spec.name.lower(): spec for spec in new.watchers}
    changes = (watcher_change(before[name], spec) for name, spec in after.items() if name in before)
    return ConfigDiff(
        added=tuple(spec for name, spec in after.items() if name not in before),
        removed=tuple(spec.name for name, spec in before.items() if name not in after),
        changed=tuple(change for change in changes if change.values),
        sockets_differ=_by_name(old.sockets) != _by_name(new.sockets),
        plugins_differ=_by_name(old.plugins) != _by_name(new.plugins),
        restart_needed=tuple(
            entry.name
            for entry in fields(ArbiterSpec)
            if entry.name not in _PARTS and getattr(old, entry.name) != getattr(new, entry.name)
        ),
    )


def _by_name(specs: tuple[Any, ...] | tuple[PluginSpec, ...]) -> dict[str, Any]:
    return {spec.name.lower(): spec for spec in specs}
