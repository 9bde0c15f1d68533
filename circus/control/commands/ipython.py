"""The command `ipython`."""

from __future__ import annotations

from circus.control.commands.base import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.control.api import ArbiterView, Payload


class IPython(Command):
    """Show that there is no Python shell.

    Such a shell could stop supervision at any moment, so there is none; the answer says so. Ask
    with `status`, `options` and `stats`, or use the library.
    """

    name = "ipython"

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload:
        message = (
            "circusd runs no Python shell: it could stop supervision. "
            "Use status, options and stats, or the library"
        )
        return {"shell": False, "msg": message}

    def console_ok(self, reply: Payload) -> str:
        return f"error: Could not start ipython kernel: {reply.get('msg')}"


COMMAND = IPython()
