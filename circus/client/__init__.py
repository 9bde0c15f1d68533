"""Calling circusd and listening to it. Nothing is imported until a name here is asked for."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circus.client.consumer import CircusConsumer
    from circus.client.control import CircusClient
    from circus.client.errors import CallError, NotRunning
    from circus.client.messages import cast_message, make_json, make_message

_HOMES = {
    "CallError": "errors",
    "CircusClient": "control",
    "CircusConsumer": "consumer",
    "NotRunning": "errors",
    "cast_message": "messages",
    "make_json": "messages",
    "make_message": "messages",
}

__all__ = [
    "CallError",
    "CircusClient",
    "CircusConsumer",
    "NotRunning",
    "cast_message",
    "make_json",
    "make_message",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
