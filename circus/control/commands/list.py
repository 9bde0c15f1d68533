"""The command `list`."""

from __future__ import annotations

from circus.control.commands.base import Command, asked_name, find_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class List(Command):
    """List the watchers, or the processes of one.

    Without NAME, prints the names of all watchers, in lower case and sorted; with it, the pids of
    that watcher's live processes. Both are separated by commas.
    """

    name = "list"
    usage = "[NAME]"

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        return self.make_message(name=args[0]) if args else self.make_message()

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        name = asked_name(props)
        if name is None:
            return {"watchers": sorted(watcher.name.lower() for watcher in arbiter.watchers())}
        return {"pids": find_watcher(arbiter, name).pids()}

    def console_ok(self, reply: Payload) -> str:
        found = reply["watchers"] if "watchers" in reply else reply["pids"]
        return ",".join(map(str, found))


COMMAND = List()
