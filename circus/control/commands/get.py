"""The command `get`."""

from __future__ import annotations

from circus.control.commands.base import Command, find_watcher
from circus.control.commands.show import line
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Get(Command):
    """Show some options of a watcher, one per line, in the order asked for."""

    name = "get"
    usage = "NAME KEY..."
    properties = ("name", "keys")

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 2, len(args))
        return self.make_message(name=args[0], keys=[*args[1:]])

    def validate(self, props: Payload) -> None:
        super().validate(props)
        if not isinstance(props["keys"], list):
            raise MessageError("'keys' isn't a list")

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        from circus.control.commands.values import option_values  # the server half's only

        values = option_values(find_watcher(arbiter, props["name"]))
        for key in props["keys"]:
            if not isinstance(key, str) or key not in values:
                raise MessageError(f"{key!r} option not found")
        return {"options": {key: values[key] for key in props["keys"]}}

    def console_ok(self, reply: Payload) -> str:
        return "\n".join(line(key, value) for key, value in reply["options"].items())


COMMAND = Get()
