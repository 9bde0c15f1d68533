"""The command `restart`."""

from __future__ import annotations

from circus.control.commands.choosing import Choosing, chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Operation, Payload


class Restart(Choosing):
    """Restart watchers, or all of circusd.

    Without NAME, circusd stops everything, reads its configuration again and starts. With it, the
    watchers that NAME means, which may be a pattern, are stopped and started.
    """

    name = "restart"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        return arbiter.restart(chosen(arbiter, props))


COMMAND = Restart()
