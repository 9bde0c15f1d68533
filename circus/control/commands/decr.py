"""The command `decr`."""

from __future__ import annotations

from circus.control.commands.scaling import Scaling


class Decr(Scaling):
    """Run fewer processes of a watcher: N fewer, or one. The oldest go first."""

    name = "decr"
    sign = -1


COMMAND = Decr()
