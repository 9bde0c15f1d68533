"""The command `numwatchers`."""

from __future__ import annotations

from circus.control.commands.base import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Payload


class NumWatchers(Command):
    """Count the watchers, those that circusd runs for itself included."""

    name = "numwatchers"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        return {"numwatchers": len(arbiter.watchers())}

    def console_ok(self, reply: Payload) -> str:
        return str(reply["numwatchers"])


COMMAND = NumWatchers()
