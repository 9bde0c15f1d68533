"""What may go wrong when circusd is called."""

from __future__ import annotations

from circus.model.errors import CircusError


class CallError(CircusError):
    """A request got no answer. The text is exactly `Timed out.` when its time ran out."""


class NotRunning(CallError):
    """Nobody listens at *endpoint*."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"circusd is not running at {endpoint}: start it with circusd FILE, or name another "
            "endpoint with --endpoint"
        )
        self.endpoint = endpoint
