"""What all commands share: how a request is made, checked, carried out and shown.

This module is loaded by every one-shot client, so it imports next to nothing.
"""

from __future__ import annotations

from circus.model.errors import CircusError, MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from circus.control.api import ArbiterView, Operation, Payload, WatcherView

    CommandOption = tuple[str, str, Any, str]
    """Short name, long name (both without dashes), default, help.

    A default of False makes a flag; with any other default the option takes a value.
    """

WAITING = ("", "waiting", False, "wait until the work is done")
MATCH = ("", "match", "glob", "how NAME is compared: glob, regex or simple")
MAX_NAME = 1_000
"""Characters of the longest watcher name that is looked up."""


class ArgumentError(CircusError):
    """Words on a command line that do not make a request."""


class Command:
    """One command. The first line of a subclass's docstring is its summary."""

    name: ClassVar[str] = ""
    usage: ClassVar[str] = ""
    """The positional words, as in NAME [NB]."""
    properties: ClassVar[tuple[str, ...]] = ()
    """Properties that a request must have, in the order in which a missing one is reported."""
    options: ClassVar[tuple[CommandOption, ...]] = ()
    msg_type: ClassVar[str] = "dealer"
    """The socket that carries it: "dealer", or "sub" where the command only listens."""

    # The client half.

    def message(self, *args: str, **opts: Any) -> Payload:
        """Return the request that these words and options make, or raise ArgumentError."""
        self.expect(args, 0)
        return self.make_message(**self.given(opts))

    def make_message(self, **props: Any) -> Payload:
        """Return the request with these properties."""
        return {"command": self.name, "properties": props}

    def console_msg(self, reply: Payload) -> str:
        """Return what a terminal shows for *reply*."""
        if is_error(reply):
            return self.console_error(reply)
        return self.console_ok(reply)

    def console_ok(self, reply: Payload) -> str:
        """Return what a terminal shows for a reply that is no error."""
        return "ok"

    def console_error(self, reply: Payload) -> str:
        """Return what a terminal shows for an error."""
        return f"error: {reply.get('reason', '')}"

    def expect(self, args: tuple[str, ...], least: int, most: int | None = None) -> None:
        """Raise ArgumentError unless the number of words lies between *least* and *most*."""
        if least <= len(args) <= (least if most is None else most):
            return
        raise ArgumentError(
            f"Invalid number of arguments. Use: circusctl {self.name} {self.usage}".rstrip()
        )

    def given(self, opts: Mapping[str, Any]) -> Payload:
        """Return those of this command's options that differ from their default."""
        known = {long: default for _, long, default, _ in self.options}
        return {
            key: value
            for key, value in opts.items()
            if key in known and value is not None and value != known[key]
        }

    # The server half.

    def validate(self, props: Payload) -> None:
        """Raise MessageError when *props* cannot be this command's."""
        for key in self.properties:
            if key not in props:
                raise MessageError(f"message invalid {key!r} is missing")

    def execute(self, arbiter: ArbiterView, props: Payload) -> Payload | Operation | None:
        """Carry out the request; the result's payload joins the reply.

        An Operation is answered at once, or when it is done if the request says `waiting`.
        """
        raise NotImplementedError


def is_error(reply: Payload) -> bool:
    """Tell whether a reply is an error (`status NAME` puts the state where others say ok)."""
    return reply.get("status") == "error"


def asked_name(props: Payload) -> str | None:
    """Return the optional property `name`."""
    name = props.get("name")
    if name is not None and not isinstance(name, str):
        raise MessageError("'name' isn't a string")
    return name


def find_watcher(arbiter: ArbiterView, name: object) -> WatcherView:
    """Return the watcher called *name*; MessageError when there is none."""
    if not isinstance(name, str):
        raise MessageError("'name' isn't a string")
    try:
        if len(name) <= MAX_NAME:
            return arbiter.watcher(name)
    except KeyError:
        pass
    raise MessageError(f"program {name[:MAX_NAME]} not found")


def int_property(props: Payload, key: str) -> int | None:
    """Return a whole number given as a number or as digits; None when absent."""
    value = props.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    raise MessageError(f"{key!r} isn't an integer")
