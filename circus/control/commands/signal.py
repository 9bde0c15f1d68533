"""The command `signal`."""

from __future__ import annotations

from circus.control.commands.base import ArgumentError, Command, find_watcher, int_property
from circus.control.commands.signals import signal_number
from circus.model.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Signal(Command):
    """Send a signal to the processes of a watcher, or to one of them.

    SIGNAL is a number or a name, as in 15, TERM or SIGTERM; 0 sends nothing and only asks whether
    the processes can be signalled. With --children it goes to the
    processes' children instead, with --recursive to the processes and all their descendants.
    """

    name = "signal"
    usage = "NAME [PID] SIGNAL"
    properties = ("name", "signum")
    options = (
        ("", "children", False, "signal the children only"),
        ("", "recursive", False, "signal the descendants, too"),
    )

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 2, 3)
        props: Payload = {"name": args[0], "signum": args[-1], **self.given(opts)}
        if len(args) > 2:
            if not args[1].isdigit():
                raise ArgumentError(f"PID {args[1]}: not a whole number")
            props["pid"] = int(args[1])
        return self.make_message(**props)

    def execute(self, arbiter: ArbiterView, props: Payload) -> None:
        watcher = find_watcher(arbiter, props["name"])
        signum = signal_number(props["signum"], least=0)
        pid = int_property(props, "pid")
        childpid = int_property(props, "childpid")
        if childpid is not None and pid is None:
            raise CommandError("'childpid' needs 'pid', the process whose child it is")
        arbiter.signal(
            watcher.name,
            signum,
            pid=pid,
            childpid=childpid,
            children=bool(props.get("children", False)),
            recursive=bool(props.get("recursive", False)),
        )


COMMAND = Signal()
