"""JSON as the protocol uses it: UTF-8 in, ASCII out, bounded in size and depth."""

from __future__ import annotations

import json
from typing import Any, Final

from circus.model.errors import WireError

MAX_DEPTH: Final = 64
"""Levels of arrays and objects in a message."""

INVALID: Final = 1
"""The errno of bytes that are no JSON."""

MALFORMED: Final = 3
"""The errno of JSON that is no request, and of a message beyond a limit."""


def load(body: bytes, limit: int, what: str) -> Any:
    """Return the value that *body* spells; WireError when it is none, too long or too deep.

    *what* names the message in an error, as in "request".
    """
    if len(body) > limit:
        raise WireError(
            f"this {what} of {len(body)} bytes is longer than the limit of {limit} bytes. "
            "Send it in parts",
            MALFORMED,
        )
    try:
        value = json.loads(body.decode("utf-8").strip())
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError:  # bad UTF-8, bad JSON, or an integer of thousands of digits
        raise WireError("json invalid", INVALID) from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and depth_exceeds(value, MAX_DEPTH):
        raise _too_deep(what)
    return value


def dump(value: Any) -> bytes:
    """Return *value* as JSON, with ", " and ": " between the parts and ASCII only."""
    return json.dumps(value).encode("ascii")


def depth_exceeds(value: Any, limit: int) -> bool:
    """Tell whether arrays and objects are nested more than *limit* levels deep."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep(what: str) -> WireError:
    return WireError(f"this {what} is nested deeper than {MAX_DEPTH} levels", MALFORMED)
