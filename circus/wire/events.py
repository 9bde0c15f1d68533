"""The event and stats channels: a topic frame and a JSON frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from circus.model.errors import WireError
from circus.wire.json_text import MALFORMED, dump, load

MAX_EVENT: Final = 1024 * 1024
"""Bytes of the longest event body that is read."""


def encode_event(topic: str, body: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the two frames of a publication."""
    return topic.encode("utf-8", "backslashreplace"), dump(body)


def decode_event(frames: Sequence[bytes], limit: int = MAX_EVENT) -> tuple[str, dict[str, Any]]:
    """Return topic and body; WireError for frames that are no publication."""
    if len(frames) != 2:
        raise WireError(
            f"an event is a topic and a JSON frame, not {len(frames)} frames", MALFORMED
        )
    body = load(frames[1], limit, "event")
    if not isinstance(body, dict):
        raise WireError("an event's body is a JSON object", MALFORMED)
    return frames[0].decode("utf-8", "backslashreplace"), body


def split_event_topic(topic: str) -> tuple[str, str]:
    """Return resource name and action of watcher.<name>.<action>; names may hold dots."""
    kind, _, rest = topic.partition(".")
    name, dot, action = rest.rpartition(".")
    if kind != "watcher" or not dot or not name or not action:
        raise WireError(f"{topic!r} is no event topic: watcher.NAME.ACTION", MALFORMED)
    return name, action


def split_stats_topic(topic: str) -> tuple[str, str | None]:
    """Return group and subtopic of stat.<group>[.<number>]; None for an aggregate.

    Groups may hold dots: only a last part of digits is a subtopic, a pid or a descriptor.
    """
    kind, _, rest = topic.partition(".")
    if kind != "stat" or not rest:
        raise WireError(f"{topic!r} is no stats topic: stat.NAME or stat.NAME.PID", MALFORMED)
    name, dot, last = rest.rpartition(".")
    if dot and name and last.isascii() and last.isdigit():
        return name, last
    return rest, None
