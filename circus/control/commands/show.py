"""Option values as text, one line each: what `get`, `options` and `globaloptions` print."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def line(key: str, value: Any) -> str:
    """Return `key: value`; nothing stands for null, and env is K=V,K2=V2 sorted by key."""
    if value is None:
        text = ""
    elif key == "env" and isinstance(value, dict):
        text = ",".join(f"{name}={value[name]}" for name in sorted(value))
    else:
        text = str(value)
    return f"{key}: {text}"
