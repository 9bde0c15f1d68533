"""The command `kill`."""

from __future__ import annotations

import math

from circus.control.commands.base import WAITING, ArgumentError, Command, find_watcher, int_property
from circus.control.commands.signals import signal_number
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Operation, Payload


class Kill(Command):
    """End the processes of a watcher, or one of them; circusd replaces them.

    They get the watcher's stop signal, or SIGNUM, and after GRACEFUL_TIMEOUT seconds SIGKILL.
    """

    name = "kill"
    usage = "NAME [PID]"
    properties = ("name",)
    options = (
        ("", "signum", None, "the signal to send, as in 15, TERM or SIGTERM"),
        ("", "graceful_timeout", None, "seconds until SIGKILL"),
        WAITING,
    )

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 1, 2)
        props: Payload = {"name": args[0], **self.given(opts)}
        if len(args) > 1:
            props["pid"] = args[1]
        if "graceful_timeout" in props:
            try:
                props["graceful_timeout"] = _seconds(props["graceful_timeout"])
            except MessageError as exc:
                raise ArgumentError(str(exc)) from None
        return self.make_message(**props)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        watcher = find_watcher(arbiter, props["name"])
        signum = props.get("signum")
        return arbiter.kill(
            watcher.name,
            int_property(props, "pid"),
            None if signum is None else signal_number(signum),
            _seconds(props.get("graceful_timeout")),
        )


def _seconds(value: Any) -> float | None:
    """Return a number of seconds; digits are accepted, since older clients send text."""
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise MessageError("'graceful_timeout' isn't a number")
    return seconds


COMMAND = Kill()
