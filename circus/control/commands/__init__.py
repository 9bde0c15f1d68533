"""The commands of the control protocol: one file each, both halves side by side.

A command's client half turns words into a request and a reply into text; its server half checks a
request and carries it out. Importing this package imports no command: a client loads the one that
it needs.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from typing import Final

    from circus.control.commands.base import Command

NAMES: Final[tuple[str, ...]] = (
    "add",
    "decr",
    "dstats",
    "get",
    "globaloptions",
    "incr",
    "ipython",
    "kill",
    "list",
    "listen",
    "listsockets",
    "numprocesses",
    "numwatchers",
    "options",
    "quit",
    "reload",
    "reloadconfig",
    "restart",
    "rm",
    "set",
    "signal",
    "start",
    "stats",
    "status",
    "stop",
)
"""The name of each command, which is also the name of its module here."""

_loaded: dict[str, Command] = {}


def find_command(name: str) -> Command:
    """Return the command called *name*, in any case; KeyError when there is none."""
    key = name.lower()
    found = _loaded.get(key)
    if found is None:
        if key not in NAMES:
            raise KeyError(name)
        found = import_module(f"{__name__}.{key}").COMMAND
        _loaded[key] = found
    return found


def get_commands() -> dict[str, Command]:
    """Return every command by name; this imports all of them."""
    return {name: find_command(name) for name in NAMES}
