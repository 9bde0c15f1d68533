"""The command `quit`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Operation, Payload


class Quit(Command):
    """Stop all watchers, then circusd itself."""

    name = "quit"
    options = (WAITING,)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        return arbiter.quit()


COMMAND = Quit()
