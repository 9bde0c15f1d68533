"""The command `start`."""

from __future__ import annotations

from circus.control.commands.choosing import Choosing, chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Operation, Payload


class Start(Choosing):
    """Start watchers: all with autostart, or those that NAME means.

    NAME may be a pattern. One watcher is started whatever its autostart says; of several, those
    without autostart are left alone. A running watcher gets the processes that it lacks.
    """

    name = "start"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        return arbiter.start(chosen(arbiter, props))


COMMAND = Start()
