"""The command `reloadconfig`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Operation, Payload


class ReloadConfig(Command):
    """Read the configuration again and apply what differs.

    A configuration with mistakes changes nothing; the answer names them.
    """

    name = "reloadconfig"
    options = (WAITING,)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        return arbiter.reload_config()


COMMAND = ReloadConfig()
