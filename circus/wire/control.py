"""The control channel: requests and replies, each one JSON object in one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from circus.model.errors import WireError
from circus.wire.json_text import MALFORMED, dump, load

MAX_REQUEST: Final = 1024 * 1024
"""Bytes of the longest request, unless the server is told otherwise."""

MAX_REPLY: Final = 64 * 1024 * 1024
"""Bytes of the longest reply that a client reads."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. *id*, any JSON value, goes back with the reply; a *cast* wants none."""

    command: str
    properties: Mapping[str, Any]
    id: Any = None
    cast: bool = False


class BadRequest(WireError):
    """Bytes that are no request, with as much of its envelope as could be read."""

    def __init__(self, reason: str, errno: int, id: Any = None, *, cast: bool = False) -> None:
        super().__init__(reason, errno)
        self.id = id
        self.cast = cast


def decode_request(frames: Sequence[bytes], limit: int = MAX_REQUEST) -> Request:
    """Return the request in the frames of one message, without identity and delimiter.

    Raises BadRequest, and nothing else, for everything that is no request.
    """
    if len(frames) != 1:
        reason = f"a request is one frame of JSON, not {len(frames)} frames"
        raise BadRequest(reason, MALFORMED, *_readable_id(frames, limit))
    try:
        value = load(frames[0], limit, "request")
    except WireError as exc:
        raise BadRequest(exc.reason, exc.errno) from None
    if not isinstance(value, dict):
        raise BadRequest('a request is a JSON object, as in {"command": "list"}', MALFORMED)
    return _request(value)


def encode_request(
    command: str, properties: Mapping[str, Any], *, id: Any = None, cast: bool = False
) -> bytes:
    """Return the bytes of a request."""
    message: Message = {"command": command, "properties": dict(properties)}
    if cast:
        message["msg_type"] = "cast"
    if id is not None:
        message["id"] = id
    return dump(message)


def ok_reply(payload: Mapping[str, Any] | None, id: Any, now: float) -> bytes:
    """Return the bytes of a success at *now*, wall-clock seconds.

    A key of *payload* wins over the envelope's, save `id`: `status NAME` answers its state there.
    """
    message: Message = {"status": "ok", "time": now}
    if payload:
        message.update(payload)
        message.pop("id", None)
    message["id"] = id
    return dump(message)


def error_reply(reason: str, errno: int, id: Any, now: float) -> bytes:
    """Return the bytes of a failure at *now*; a traceback never leaves circusd: `tb` is null."""
    return dump(
        {"status": "error", "reason": reason, "tb": None, "time": now, "errno": errno, "id": id}
    )


def decode_reply(body: bytes, limit: int = MAX_REPLY) -> Message:
    """Return a reply; WireError when *body* is none."""
    value = load(body, limit, "reply")
    if not isinstance(value, dict):
        raise WireError("a reply is a JSON object", MALFORMED)
    return value


def _request(value: Message) -> Request:
    id = value.get("id")
    cast = value.get("msg_type") == "cast"

    def refuse(reason: str) -> BadRequest:
        return BadRequest(reason, MALFORMED, id, cast=cast)

    if value.get("command") is None:
        raise refuse("message invalid 'command' is missing")
    command = value["command"]
    if not isinstance(command, str):
        raise refuse("'command' isn't a string")
    properties = value.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise refuse("'properties' isn't a valid object")
    return Request(command, properties, id, cast)


def _readable_id(frames: Sequence[bytes], limit: int) -> tuple[Any, ...]:
    """Return the id in the last of too many frames, where a client may look for its answer."""
    try:
        value = load(frames[-1], limit, "request") if frames else None
    except WireError:
        return ()
    return (value.get("id"),) if isinstance(value, dict) else ()
