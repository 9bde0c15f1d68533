"""The command `reload`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command, asked_name, find_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Operation, Payload


class Reload(Command):
    """Replace the processes of all watchers, or of one, without a gap.

    New processes start before old ones stop. A watcher with send_hup gets SIGHUP instead. With
    --sequential, one process is replaced after the other; with --terminate, the watcher is stopped
    and started.
    """

    name = "reload"
    usage = "[NAME]"
    options = (
        ("", "terminate", False, "stop and start instead of replacing"),
        ("", "sequential", False, "replace one process after the other"),
        WAITING,
    )

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        props = self.given(opts)
        props["graceful"] = not props.pop("terminate", False)
        if args:
            props["name"] = args[0]
        return self.make_message(**props)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        name = asked_name(props)
        return arbiter.reload(
            None if name is None else find_watcher(arbiter, name).name,
            graceful=bool(props.get("graceful", True)),
            sequential=bool(props.get("sequential", False)),
        )


COMMAND = Reload()
