"""The command `status`."""

from __future__ import annotations

from circus.control.commands.base import Command, asked_name, find_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Status(Command):
    """Show the state of the watchers, or of one.

    A state is active, starting, stopping or stopped. Where a watcher is not as it should be, a note
    behind it says how many of its processes run, why, and when circusd tries again.
    """

    name = "status"
    usage = "[NAME]"

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        return self.make_message(name=args[0]) if args else self.make_message()

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        name = asked_name(props)
        if name is not None:
            watcher = find_watcher(arbiter, name)
            state: Payload = {"status": str(watcher.status())}
            detail = watcher.detail()
            return state if detail is None else {**state, "info": dict(detail)}
        watchers = arbiter.watchers()
        details = ((watcher.name, watcher.detail()) for watcher in watchers)
        info = {name: dict(detail) for name, detail in details if detail is not None}
        reply = {"statuses": {watcher.name: str(watcher.status()) for watcher in watchers}}
        return {**reply, "info": info} if info else reply

    def console_ok(self, reply: Payload) -> str:
        info = reply.get("info") or {}
        if "statuses" not in reply:
            note = describe(info)
            return f"{reply.get('status')}  ({note})" if note else str(reply.get("status"))
        notes = {name: note for name, detail in info.items() if (note := describe(detail))}
        lines = {name: f"{name}: {state}" for name, state in sorted(reply["statuses"].items())}
        width = max((len(lines[name]) for name in notes if name in lines), default=0)
        return "\n".join(
            f"{line:{width}}  ({notes[name]})" if name in notes else line
            for name, line in lines.items()
        )


def describe(detail: Mapping[str, Any]) -> str:
    """Return a watcher's deviation as a note: 3 of 4 running, next try in 4.2 s: exited with 1."""
    parts = []
    if detail.get("wanted") is not None and detail.get("running") is not None:
        parts.append(f"{detail['running']} of {detail['wanted']} running")
    if detail.get("next_try") is not None:
        parts.append(f"next try in {detail['next_try']:.1f} s")
    if detail.get("stuck"):
        parts.append(f"cannot be killed: {', '.join(map(str, detail['stuck']))}")
    note = ", ".join(parts)
    reason = detail.get("reason")
    if not reason:
        return note
    return f"{note}: {reason}" if note else str(reason)


COMMAND = Status()
