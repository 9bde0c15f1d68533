"""The errors that Circus raises: one class per thing a caller may do about it.

Messages say what, where, and the way out.
"""

from __future__ import annotations


class CircusError(Exception):
    """The root of all errors that Circus raises on purpose."""


class ConfigError(CircusError):
    """A configuration that cannot be used. Holds every problem found, not only the first."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CommandError(CircusError):
    """A request that is refused or that failed; *errno* is the number sent on the wire."""

    def __init__(self, reason: str, errno: int = 5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errno = errno


class MessageError(CommandError):
    """A request that is wrong in itself: a missing property, an unknown watcher, a bad type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, errno=3)


class WireError(CircusError):
    """Bytes that are no message. *errno* 1: not JSON; 3: JSON, but no request."""

    def __init__(self, reason: str, errno: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errno = errno


class SpawnError(CircusError):
    """A process could not be started; the message names the step and the way out."""


class SocketError(CircusError):
    """A socket could not be bound; the message names the address and the way out."""


class InvalidTransition(CircusError):
    """An event that cannot happen in this state: an error in Circus itself."""
