"""One declaration per option: kind, default, help, and what a live change of it costs.

The ini and TOML readers, `set`, `add`, `options`, `reloadconfig`, the JSON Schema and the option
reference all read this table; nothing else says what an option is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from circus.model.kinds import Kind

_KEY: Final = "circus.option"
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Live(Enum):
    """What it costs to change an option while its watcher (or socket, or circusd) runs."""

    NOTHING = "applies at once"
    NEXT_START = "applies to processes started from now on"
    ROLLING = "replaces the running processes, new before old"
    REBIND = "closes and binds the socket again"
    RESTART = "needs a restart of circusd"


@dataclass(frozen=True, slots=True)
class Option:
    """One option as declared. *guarded*: a client without circusd's own rights may not change it.

    *wire* tells where a client may give the option: in `add`, in `set`.
    """

    name: str
    kind: Kind
    default: Any
    live: Live
    help: str
    guarded: bool
    in_add: bool
    in_set: bool
    example: str
    """A right value, as text: what a message about a wrong one shows."""


def option(
    default: Any,
    kind: Kind,
    *,
    help: str,
    live: Live = Live.ROLLING,
    guarded: bool = False,
    in_add: bool = True,
    in_set: bool = True,
    example: str | None = None,
) -> Any:
    """Declare one option as a dataclass field. *example*: by default, that of its kind."""
    shown = kind.example if example is None else example
    meta = {_KEY: (kind, live, help, guarded, in_add, in_set, shown)}
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: default, metadata=meta)
    return dataclasses.field(default=default, metadata=meta)


@cache
def options_of(spec: type) -> Mapping[str, Option]:
    """Return the option table of a spec class, by option name, in declared order."""
    table = {}
    for field in dataclasses.fields(spec):
        if _KEY in field.metadata:
            default = field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            kind, live, text, *more = field.metadata[_KEY]
            table[field.name] = Option(field.name, kind, default, live, text, *more)
    return MappingProxyType(table)
