"""The command `listsockets`."""

from __future__ import annotations

from circus.control.commands.base import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Payload


class ListSockets(Command):
    """List the sockets that circusd has bound, with their descriptors."""

    name = "listsockets"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        return {"sockets": arbiter.listsockets()}

    def console_ok(self, reply: Payload) -> str:
        return "\n".join(map(_line, reply["sockets"]))


def _line(socket: Payload) -> str:
    place = socket.get("path") or f"{socket.get('host')}:{socket.get('port')}"
    return f"{socket['fd']}:socket '{socket['name']}' at {place}"


COMMAND = ListSockets()
