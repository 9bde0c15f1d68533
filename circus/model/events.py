"""The event topics that circusd publishes, and how a watcher is named in them."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """The last part of a topic: what happened to a watcher or to one of its processes."""

    SPAWN = "spawn"
    REAP = "reap"
    KILL = "kill"
    START = "start"
    STOP = "stop"
    RELOAD = "reload"
    UPDATED = "updated"
    ADD = "add"
    REMOVE = "remove"
    HOOK_SUCCESS = "hook_success"
    HOOK_FAILURE = "hook_failure"


def resource_name(name: str) -> str:
    """Return the watcher name as topics spell it: lower case, blanks as underscores."""
    return name.lower().replace(" ", "_")


def topic(name: str, action: Action) -> str:
    """Return the topic of *action* on the watcher *name*: watcher.<resource name>.<action>."""
    return f"watcher.{resource_name(name)}.{action}"
