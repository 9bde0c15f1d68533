"""The command `add`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command
from circus.model.errors import CommandError, MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Operation, Payload


class Add(Command):
    """Add a watcher, and start it with --start.

    It lives until circusd ends or reads its configuration again. Its options are the defaults; a
    program may send others, and `set` changes them.
    """

    name = "add"
    usage = "NAME CMD..."
    properties = ("name", "cmd")
    options = (("", "start", False, "start it at once"), WAITING)

    def message(self, *args: str, **opts: Any) -> Payload:
        import shlex  # this client's only

        self.expect(args, 2, len(args))
        # One word is a command line as it stands; several are what a shell made of one.
        cmd = args[1] if len(args) == 2 else shlex.join(args[1:])
        return self.make_message(name=args[0], cmd=cmd, **self.given(opts))

    def validate(self, props: Payload) -> None:
        from circus.control.commands.validation import check_options, check_text

        super().validate(props)
        for key in ("name", "cmd"):
            if not isinstance(props[key], str):
                raise MessageError(f"'{key}' isn't a string")
            if not props[key].strip():
                raise MessageError(f"message invalid '{key}' is empty")
        args = props.get("args")
        if args is not None and not isinstance(args, str | list):
            raise MessageError("'args' isn't a string or a list")
        check_text("cmd", [props["name"], props["cmd"], args])
        options = props.get("options")
        checked = check_options({} if options is None else options, adding=True)
        for key in ("cmd", "args"):
            if key in checked:
                raise MessageError(f"'{key}' belongs beside 'options', not inside")

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        from circus.config import watcher_from_mapping
        from circus.control.commands.validation import check_accounts, check_options

        options = check_options(props.get("options") or {}, adding=True)
        name = props["name"]
        try:
            arbiter.watcher(name)
        except KeyError:
            pass
        else:
            raise CommandError(f"'{name}' already exist")
        check_accounts(options)
        values = {"name": name, "cmd": props["cmd"], **options}
        if props.get("args") is not None:
            values["args"] = props["args"]
        return arbiter.add(watcher_from_mapping(values), start=bool(props.get("start", False)))


COMMAND = Add()
