"""One request to circusd and its reply, as circusctl and its shell make it."""

from __future__ import annotations

import json
import os

from circus.client.zmtp import EndpointError, ask

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from typing import Any, Final

    Payload = dict[str, Any]

_SHOWN: Final = 200
"""Characters that are shown of an answer which cannot be read."""


class Reply:
    """A reply as it came and as it reads."""

    def __init__(self, text: str, payload: Payload) -> None:
        self.text = text
        self.payload = payload

    @property
    def is_error(self) -> bool:
        """Tell whether circusd refused the request or failed."""
        return self.payload.get("status") == "error"


def call(endpoint: str, request: Payload, timeout: float) -> Reply:
    """Send *request* to circusd and return its reply.

    Raises Unreachable, TimedOut or EndpointError (circus.client.zmtp).
    """
    body = json.dumps({"id": os.urandom(16).hex(), **request}).encode()
    text = ask(endpoint, body, timeout).decode("utf-8", "replace").strip()
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise EndpointError(f"{endpoint} answered with what is no reply: {text[:_SHOWN]!r}")
    return Reply(text, payload)
