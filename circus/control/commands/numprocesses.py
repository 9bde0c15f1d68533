"""The command `numprocesses`."""

from __future__ import annotations

from circus.control.commands.base import Command, asked_name, find_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class NumProcesses(Command):
    """Count the processes, of all watchers or of one.

    Those that are being stopped count until they are gone.
    """

    name = "numprocesses"
    usage = "[NAME]"

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        return self.make_message(name=args[0]) if args else self.make_message()

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        name = asked_name(props)
        if name is None:
            return {"numprocesses": arbiter.numprocesses()}
        return {"numprocesses": find_watcher(arbiter, name).count(), "watcher_name": name}

    def console_ok(self, reply: Payload) -> str:
        return str(reply["numprocesses"])


COMMAND = NumProcesses()
