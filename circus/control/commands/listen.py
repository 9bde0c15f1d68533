"""The command `listen`."""

from __future__ import annotations

from circus.control.commands.base import Command
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Listen(Command):
    """Print events as they happen, until interrupted.

    Each TOPIC is the beginning of the topics wanted, as in watcher.web. for one watcher; without
    any, all events are printed.
    """

    name = "listen"
    usage = "[TOPIC...]"
    msg_type = "sub"

    def message(self, *args: str, **opts: Any) -> Any:
        """Return the topics to subscribe to: this command is no request."""
        return list(args) or [""]

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        raise MessageError("invalid message. use a pub/sub socket")


COMMAND = Listen()
