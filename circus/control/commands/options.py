"""The command `options`."""

from __future__ import annotations

from circus.control.commands.base import Command, find_watcher
from circus.control.commands.show import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Options(Command):
    """Show all options of a watcher, one per line."""

    name = "options"
    usage = "NAME"
    properties = ("name",)

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 1)
        return self.make_message(name=args[0])

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        from circus.control.commands.values import option_values  # the server half's only

        return {"options": option_values(find_watcher(arbiter, props["name"]))}

    def console_ok(self, reply: Payload) -> str:
        return "\n".join(line(key, value) for key, value in sorted(reply["options"].items()))


COMMAND = Options()
