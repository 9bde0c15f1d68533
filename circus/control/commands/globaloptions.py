"""The command `globaloptions`."""

from __future__ import annotations

from circus.control.commands.base import Command
from circus.control.commands.show import line
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload

KEYS = ("endpoint", "stats_endpoint", "pubsub_endpoint", "check_delay", "multicast_endpoint")


class GlobalOptions(Command):
    """Show circusd's own options, or one of them."""

    name = "globaloptions"
    usage = "[KEY]"

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        return self.make_message(option=args[0]) if args else self.make_message()

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        from circus.client.endpoints import default_stats_endpoint  # the server half's only

        values = {
            "endpoint": arbiter.endpoint,
            "stats_endpoint": arbiter.spec.stats_endpoint or default_stats_endpoint(),
            "pubsub_endpoint": arbiter.pubsub_endpoint,
            "check_delay": arbiter.spec.check_delay,
            "multicast_endpoint": arbiter.spec.multicast_endpoint,
        }
        key = props.get("option")
        if not key:
            return {"options": values}
        if not isinstance(key, str) or key not in values:
            raise MessageError(f"{key!r} not an existing option")
        return {"options": {key: values[key]}}

    def console_ok(self, reply: Payload) -> str:
        values = reply["options"]
        return "\n".join(line(key, values[key]) for key in KEYS if key in values)


COMMAND = GlobalOptions()
