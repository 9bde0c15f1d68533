"""The command `incr`."""

from __future__ import annotations

from circus.control.commands.scaling import Scaling


class Incr(Scaling):
    """Run more processes of a watcher: N more, or one."""

    name = "incr"
    sign = 1


COMMAND = Incr()
