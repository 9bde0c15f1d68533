"""The command `stop`."""

from __future__ import annotations

from circus.control.commands.choosing import Choosing, chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Operation, Payload


class Stop(Choosing):
    """Stop watchers: all, or those that NAME means, which may be a pattern.

    A watcher is stopped when all its processes are gone, the children of its workers included.
    """

    name = "stop"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        return arbiter.stop(chosen(arbiter, props))


COMMAND = Stop()
