"""The command `set`."""

from __future__ import annotations

from circus.control.commands.base import WAITING, Command, find_watcher
from circus.model.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from circus.control.api import ArbiterView, Operation, Payload


class Set(Command):
    """Change options of a watcher while it runs.

    Either all of them change or, where one is wrong, none. What an option's change costs, such as
    new processes, is told in the option reference.
    """

    name = "set"
    usage = "NAME KEY VALUE..."
    properties = ("name", "options")
    options = (WAITING,)

    def message(self, *args: str, **opts: Any) -> Payload:
        from circus.control.commands.conversion import convert

        self.expect(args, 3, len(args) if len(args) % 2 else 3)
        values = {}
        for key, text in zip(args[1::2], args[2::2], strict=True):
            values[key.lower()] = convert(key.lower(), text)
        return self.make_message(name=args[0], options=values, **self.given(opts))

    def validate(self, props: Payload) -> None:
        from circus.control.commands.validation import check_options

        super().validate(props)
        check_options(props["options"], adding=False)

    def execute(self, arbiter: ArbiterView, props: Payload) -> Operation:
        from circus.config import change_watcher
        from circus.control.commands.validation import check_accounts, check_options, field_of

        watcher = find_watcher(arbiter, props["name"])
        options = check_options(props["options"], adding=False)
        check_accounts(options)
        singleton = options.get("singleton", watcher.spec.singleton)
        if singleton and options.get("numprocesses", 0) > 1:
            raise CommandError(f"{watcher.name} is a singleton: it has one process at most")
        changed = change_watcher(watcher.spec, options)
        fields = dict.fromkeys(field_of(key) for key in options)
        return arbiter.configure(watcher.name, {key: getattr(changed, key) for key in fields})


COMMAND = Set()
