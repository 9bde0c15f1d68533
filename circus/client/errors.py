"""What may go wrong when circusd is called."""

from __future__ import annotations

import os

from circus.model.errors import CircusError


class CallError(CircusError):
    """A request got no answer. The text is exactly `Timed out.` when its time ran out."""


class NotRunning(CallError):
    """Nobody listens at *endpoint*."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(absence(endpoint))
        self.endpoint = endpoint


def absence(endpoint: str) -> str:
    """Say that nobody listens at *endpoint*, and the way out."""
    path = endpoint.removeprefix("ipc://")
    is_gone = path != endpoint and os.path.isdir(os.path.dirname(path)) and not os.path.exists(path)
    removed = " (or its socket file was removed)" if is_gone else ""
    return (
        f"circusd is not running at {endpoint}{removed}: start it with circusd FILE, or name "
        "another endpoint with --endpoint"
    )
