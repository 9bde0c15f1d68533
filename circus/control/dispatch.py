"""One request in, its outcome out: which command it is, whether it may, and what went wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from circus.control.api import ArbiterView, Operation
from circus.control.authority import Guard, Peer
from circus.control.commands import find_command
from circus.control.commands.base import Command, find_watcher
from circus.model.errors import CircusError, CommandError, MessageError
from circus.model.specs import WatcherSpec
from circus.wire.control import Request, error_reply, ok_reply

log = logging.getLogger(__name__)

UNKNOWN_COMMAND: Final = 2
OS_ERROR: Final = 4
COMMAND_ERROR: Final = 5
SERVER_ERROR: Final = 6
_SHOWN: Final = 500
"""Characters of a request that an error repeats."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request whose answer comes later."""

    request: Request
    operation: Operation


class Dispatcher:
    """Carries out requests on one arbiter."""

    def __init__(
        self,
        arbiter: ArbiterView,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._arbiter = arbiter
        self._guard = guard
        self._clock = clock

    def handle(self, request: Request, raw: bytes, peer: Peer) -> bytes | Waiting:
        """Carry out *request*, which came as *raw*; return the reply or what to wait for."""
        try:
            command = find_command(request.command)
        except KeyError:
            reason = f"unknown command: {request.command[:_SHOWN]!r}"
            return self.failure(request, CommandError(reason, UNKNOWN_COMMAND))
        try:
            result = self._execute(command, request, peer)
        except Exception as exc:  # noqa: BLE001  one bad request costs only itself
            return self.failure(request, self._error(exc, raw))
        if not isinstance(result, Operation):
            return self.success(request, result)
        if request.properties.get("waiting"):
            return Waiting(request, result)
        return self.success(request, None)

    def poll(self, waiting: Waiting) -> bytes | None:
        """Return the answer if the operation is done or failed; None while it runs."""
        try:
            payload = waiting.operation.poll()
        except CircusError as exc:
            return self.failure(waiting.request, _as_command_error(exc))
        except Exception:
            log.exception("operation failed command=%s", waiting.request.command)
            return self.failure(waiting.request, CommandError("server error", SERVER_ERROR))
        return None if payload is None else self.success(waiting.request, payload)

    def give_up(self, waiting: Waiting, why: str = "") -> bytes:
        """Return the answer of an operation whose deadline passed: what is missing."""
        try:
            reason = why + waiting.operation.remaining()
        except Exception:
            log.exception("operation failed command=%s", waiting.request.command)
            return self.failure(waiting.request, CommandError("server error", SERVER_ERROR))
        return self.failure(waiting.request, CommandError(reason, COMMAND_ERROR))

    def success(self, request: Request, payload: dict[str, Any] | None) -> bytes:
        """Return the bytes of a reply with *payload*."""
        try:
            return ok_reply(payload, request.id, self._clock())
        except (TypeError, ValueError, RecursionError):
            log.exception("reply is no JSON command=%s", request.command)
            return self.failure(request, CommandError("server error", SERVER_ERROR))

    def failure(self, request: Request, error: CommandError) -> bytes:
        """Return the bytes of an error."""
        return error_reply(error.reason, error.errno, request.id, self._clock())

    def _execute(
        self, command: Command, request: Request, peer: Peer
    ) -> dict[str, Any] | Operation | None:
        props = dict(request.properties)
        command.validate(props)
        if self._guard is None:
            return command.execute(self._arbiter, props)
        self._guard.check(peer, command.name, props, self._spec)
        result = command.execute(self._arbiter, props)
        if isinstance(result, dict) and command.name in ("options", "get"):
            spec = find_watcher(self._arbiter, props["name"]).spec
            return self._guard.redact(peer, command.name, result, spec)
        return result

    def _spec(self, name: str) -> WatcherSpec | None:
        try:
            return find_watcher(self._arbiter, name).spec
        except MessageError:
            return None

    def _error(self, exc: Exception, raw: bytes) -> CommandError:
        if isinstance(exc, CircusError):
            return _as_command_error(exc)
        if isinstance(exc, OSError):
            return CommandError(str(exc), OS_ERROR)
        log.error("command failed request=%r", raw[:_SHOWN], exc_info=exc)
        return CommandError(f"command {raw[:_SHOWN]!r}: {exc}", COMMAND_ERROR)


def _as_command_error(exc: CircusError) -> CommandError:
    return exc if isinstance(exc, CommandError) else CommandError(str(exc), COMMAND_ERROR)
