"""What `start`, `stop` and `restart` share: watchers chosen by a pattern, or all of them."""

from __future__ import annotations

from circus.control.commands.base import MATCH, WAITING, Command, asked_name
from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Payload


class Choosing(Command):
    """A command on the watchers that a pattern means."""

    usage = "[NAME]"
    options = (WAITING, MATCH)

    def message(self, *args: str, **opts: Any) -> Payload:
        self.expect(args, 0, 1)
        props = self.given(opts)
        if args:
            props["name"] = args[0]
        return self.make_message(**props)


def chosen(arbiter: ArbiterView, props: Payload) -> list[str] | None:
    """Return the names meant, highest priority first; None when no name was given."""
    pattern = asked_name(props)
    if pattern is None:
        return None
    from circus.control.matching import match_names  # the server half's only

    mode = props.get("match")
    names = [watcher.name for watcher in arbiter.watchers()]
    found = match_names(pattern, names, "glob" if mode is None else str(mode))
    if not found:
        raise MessageError(f"program {pattern} not found")
    return found
