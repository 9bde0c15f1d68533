"""The command `stats`."""

from __future__ import annotations

from circus.control.commands.base import ArgumentError, Command, find_watcher, int_property
from circus.control.commands.records import record_lines, watcher_lines
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload, WorkerView


class Stats(Command):
    """Show the resources that processes use.

    Those of all watchers, of one, or one process. A line holds pid, command, user, nice value,
    resident and virtual memory, CPU and memory in percent, and CPU time; the process's own
    children follow it, indented.
    """

    name = "stats"
    usage = "[NAME [PID]]"
    options = (("", "extended", False, "let the watcher's extended_stats hook add to the figures"),)

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 2)
        props: Payload = self.given(opts)
        if args:
            props["name"] = args[0]
        if len(args) > 1:
            if not args[1].isdigit():
                raise ArgumentError(f"PID {args[1]}: not a whole number")
            props["process"] = int(args[1])
        return self.make_message(**props)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        name = props.get("name")
        if name is None:
            return {
                "infos": {
                    watcher.name: _records(arbiter, watcher.workers())
                    for watcher in arbiter.watchers()
                }
            }
        watcher = find_watcher(arbiter, name)
        asked = props.get("process")
        if asked is None:
            return {"name": name, "info": _records(arbiter, watcher.workers())}
        pid = int_property(props, "process")
        for worker in watcher.workers():
            if worker.pid == pid:
                return {"name": name, "process": asked, "info": _record(arbiter, worker)}
        raise MessageError(f"process {asked!r} not found in '{name}'")

    def console_ok(self, reply: Payload) -> str:
        if "infos" in reply:
            lines = []
            for name, records in sorted(reply["infos"].items()):
                lines += watcher_lines(name, records)
            return "\n".join(lines)
        if "process" in reply:
            return "\n".join([f"{reply['process']}: " + record_lines(reply["info"])[0], ""])
        return "\n".join(watcher_lines(reply["name"], reply["info"]))


def _records(arbiter: ArbiterView, workers: Any) -> Payload:
    return {str(worker.pid): _record(arbiter, worker) for worker in workers}


def _record(arbiter: ArbiterView, worker: WorkerView) -> Payload | str:
    record = arbiter.process_record(worker.pid)
    if not isinstance(record, dict):
        return record
    return {"started": worker.started, "wid": worker.wid, **record}


COMMAND = Stats()
