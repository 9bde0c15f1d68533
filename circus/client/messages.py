"""Requests as Python programs write them."""

from __future__ import annotations

import json
from typing import Any


def make_message(command: str, **props: Any) -> dict[str, Any]:
    """Return the request *command* with these properties."""
    return {"command": command, "properties": props}


def cast_message(command: str, **props: Any) -> dict[str, Any]:
    """Return a request that circusd carries out without an answer."""
    return {"msg_type": "cast", **make_message(command, **props)}


def make_json(command: str, **props: Any) -> str:
    """Return make_message() as JSON text."""
    return json.dumps(make_message(command, **props))
