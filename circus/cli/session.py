"""What every command of circusctl shares: where circusd is, how to ask it, how to show it."""

from __future__ import annotations

import json

from circus.cli.call import Reply, call
from circus.cli.exits import FAILED, OK, REFUSED, UNREACHABLE
from circus.cli.parser import DEFAULT_TIMEOUT
from circus.client.zmtp import TimedOut, Unreachable
from circus.model.errors import CircusError

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    import argparse
    from typing import Any, Final

    from circus.cli.output import Screen
    from circus.cli.parser import Invocation
    from circus.client.ssh import Tunnel

WAITING_TIMEOUT: Final = 300.0
"""Seconds that --waiting waits unless told otherwise: a stop may take its graceful_timeout."""
NAMES_TIMEOUT: Final = 0.5
"""Seconds that a completion waits for the watchers' names."""


class Session:
    """The global flags of one circusctl, put to use. A line of its shell may add some."""

    def __init__(self, flags: argparse.Namespace, screen: Screen) -> None:
        self.flags = flags
        self.screen = screen
        self._endpoint: str | None = None
        self._tunnels: list[Tunnel] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tunnels that --ssh opened."""
        while self._tunnels:
            self._tunnels.pop().close()
        self._endpoint = None

    @property
    def endpoint(self) -> str:
        """The control endpoint; behind a tunnel, its end on this side."""
        if self._endpoint is None:
            self._endpoint = self.reach(self.flags.endpoint)
        return self._endpoint

    def ask(self, request: dict[str, Any], timeout: float | None = None) -> Reply:
        """Send a request and return the reply, within *timeout* seconds or those of --timeout."""
        if timeout is None:
            timeout = self.flags.timeout
        if timeout is None:
            waiting = request.get("properties", {}).get("waiting")
            timeout = WAITING_TIMEOUT if waiting else DEFAULT_TIMEOUT
        return call(self.endpoint, request, timeout)

    def run(self, invocation: Invocation) -> int:
        """Carry out one command and return the exit status."""
        command = invocation.command
        assert command is not None
        try:
            request: Any = command.message(*invocation.words, **invocation.options)
            if command.msg_type == "sub":
                from circus.cli.listen import listen  # it loads libzmq

                return listen(self, request, as_json=self.flags.json or invocation.flags.json)
            reply = self.ask(request, invocation.flags.timeout)
        except CircusError as exc:
            return self.explain(exc)
        if self.flags.json or invocation.flags.json:
            prettify = self.flags.prettify or invocation.flags.prettify
            self.screen.show(pretty(reply) if prettify else reply.text)
            return REFUSED if reply.is_error else OK
        text = command.console_msg(reply.payload)
        if reply.is_error:
            self.screen.complain(text)
            return REFUSED
        self.screen.show_reply(command.name, text)
        return OK

    def explain(self, exc: CircusError) -> int:
        """Say why a command could not be carried out; return the exit status for that."""
        if isinstance(exc, Unreachable):
            self.screen.complain(f"error: {_absence(exc, tunnelled=bool(self._tunnels))}")
            return UNREACHABLE
        if isinstance(exc, TimedOut):
            self.screen.complain(
                f"{exc}\n"
                f"circusd at {self.endpoint} has not answered in time. It may be busy, or what was "
                "asked takes longer:\ngive it more time with --timeout SECONDS"
            )
            return FAILED
        self.screen.complain(f"error: {exc}")
        return FAILED

    def watchers(self) -> list[str]:
        """Return the names of the watchers, for completion: none where they cannot be had."""
        try:
            reply = self.ask({"command": "list", "properties": {}}, NAMES_TIMEOUT)
        except CircusError:
            return []
        names = reply.payload.get("watchers", [])
        return [str(name) for name in names] if isinstance(names, list) else []

    def reach(self, endpoint: str | None) -> str:
        """Return what to connect to for *endpoint*: with --ssh, the near end of a tunnel to it."""
        if self.flags.ssh:
            from circus.client.ssh import Tunnel

            tunnel = Tunnel(self.flags.ssh, endpoint, self.flags.ssh_keyfile)
            self._tunnels.append(tunnel)
            return tunnel.endpoint
        if endpoint:
            return endpoint
        from circus.client.endpoints import find_endpoint

        return find_endpoint()


def pretty(reply: Reply) -> str:
    """Return a reply indented, its keys sorted."""
    return json.dumps(reply.payload, indent=2, sort_keys=True)


def _absence(exc: Unreachable, *, tunnelled: bool) -> str:
    if exc.absent and not tunnelled:
        from circus.client.errors import absence

        return absence(exc.endpoint)
    if exc.reason == "permission denied":
        return f"{exc}. Run circusctl as the user that circusd runs as"
    return f"{exc}. Is circusd running there?"
