"""What `incr` and `decr` share: a watcher's number of processes, more or less by some."""

from __future__ import annotations

from circus.control.commands.base import WAITING, ArgumentError, Command, find_watcher
from circus.model.errors import CommandError, MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from circus.control.api import ArbiterView, Operation, Payload


class Scaling(Command):
    """A command that changes how many processes are wanted."""

    usage = "NAME [N]"
    properties = ("name",)
    options = (WAITING,)
    sign: ClassVar[int] = 1

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 1, 2)
        props: Payload = {"name": args[0]}
        if len(args) > 1:
            try:
                props["nb"] = int(args[1])
            except ValueError:
                raise ArgumentError(f"N = {args[1]}: not a whole number") from None
        return self.make_message(**props, **self.given(opts))

    def validate(self, props: Payload) -> None:
        super().validate(props)
        number = props.get("nb", 1)
        if isinstance(number, bool) or not isinstance(number, int):
            raise MessageError("'nb' isn't an integer")

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload | Operation:
        from circus.config.checks import MAX_PROCESSES  # the server half's only
        from circus.control.api import Operation

        watcher = find_watcher(arbiter, props["name"])
        if watcher.spec.singleton:
            return {"numprocesses": watcher.numprocesses, "singleton": True}
        target = max(0, watcher.numprocesses + self.sign * props.get("nb", 1))
        if target > MAX_PROCESSES:
            raise CommandError(
                f"{watcher.name} would have {target} processes: a system can have {MAX_PROCESSES}"
            )
        scaling = arbiter.scale(watcher.name, target)

        def poll() -> Payload | None:
            return None if scaling.poll() is None else {"numprocesses": target}

        return Operation(scaling.watchers, poll, scaling.remaining, scaling.deadline)

    def console_ok(self, reply: Payload) -> str:
        if reply.get("singleton"):
            return "This watcher is a Singleton - not changing the number of processes"
        return str(reply.get("numprocesses", "ok"))
