"""The command `rm`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command, find_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Operation, Payload


class Remove(Command):
    """Remove a watcher and stop its processes.

    With --nostop its processes run on, and circusd no longer cares for them.
    """

    name = "rm"
    usage = "NAME"
    properties = ("name",)
    options = (("", "nostop", False, "let the processes run on"), WAITING)

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 1)
        return self.make_message(name=args[0], **self.given(opts))

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        watcher = find_watcher(arbiter, props["name"])
        return arbiter.remove(watcher.name, nostop=bool(props.get("nostop", False)))


COMMAND = Remove()
