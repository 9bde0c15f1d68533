"""Configurations as these tests write them: Python values in, TOML out."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


def table(title, **values):
    """One TOML table; a dict among *values* becomes a table below it."""
    lines = [f"[{title}]"]
    below = []
    for key, value in values.items():
        if isinstance(value, dict):
            below.append(table(f"{title}.{key}", **value))
        else:
            lines.append(f"{key} = {literal(value)}")
    return "\n".join([*lines, *below, ""])


def literal(value):
    """A TOML value; text, lists, numbers and booleans are spelled as JSON spells them."""
    return json.dumps(value)


def watcher(name, cmd="sleep 60", **options):
    """A watcher, by default one that sleeps."""
    return table(f"watcher.{name}", cmd=cmd, **options)


def sock(name, **options):
    """A managed socket, by default on a free port of the loopback interface."""
    where = {} if "path" in options else {"host": "127.0.0.1", "port": 0}
    return table(f"socket.{name}", **where | options)


def program(name, *args):
    """The command line of one of our worker programs."""
    words = [sys.executable, "-I", "-S", str(PROGRAMS / f"{name}.py")]
    return " ".join([shlex.join(words), *map(str, args)])


def server(name, *args, **options):
    """A watcher whose workers answer each connection to the socket *name* with their pid."""
    return watcher(
        options.pop("watcher", name),
        program("serve", f"$(circus.sockets.{name})", *args),
        use_sockets=True,
        **options,
    )
