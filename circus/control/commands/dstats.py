"""The command `dstats`."""

from __future__ import annotations

from circus.control.commands.base import Command
from circus.control.commands.records import record_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Payload


class DaemonStats(Command):
    """Show the resources that circusd itself uses.

    A line holds pid, command, user, nice value, resident and virtual memory, CPU and memory in
    percent, and CPU time.
    """

    name = "dstats"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        record = arbiter.process_record(arbiter.pid)
        if isinstance(record, dict):
            record = {**record, "children": []}  # its workers are the business of `stats`
        return {"info": record}

    def console_ok(self, reply: Payload) -> str:
        return "\n".join(
            ["Main Process:", *(f"    {line}" for line in record_lines(reply["info"]))]
        )


COMMAND = DaemonStats()
