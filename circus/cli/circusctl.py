"""circusctl: one command for circusd, or a shell for many.

A one-shot command has 60 ms in all, and Python's start is a third of that: what is imported here
is what every command needs. The rest is imported where it is used.
"""

from __future__ import annotations

import os
import sys

from circus.cli.exits import FAILED, INTERRUPTED, OK, USAGE
from circus.cli.output import Screen
from circus.cli.parser import PROG, UsageError, help_text, parse
from circus.cli.session import Session

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run circusctl with these arguments (default: the process's); return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads our output any more. What is buffered goes into the void.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED


def _run(words: list[str]) -> int:
    if "AUTO_COMPLETE" in os.environ:
        from circus.cli.completion import complete_word

        return complete_word(os.environ)
    try:
        invocation = parse(words)
    except UsageError as exc:
        Screen().complain(exc.text)
        return USAGE
    flags = invocation.flags
    screen = Screen(colour=not flags.no_color)
    if flags.version:
        from circus import __version__

        screen.show(f"{PROG} {__version__}")
        return OK
    if flags.help:
        screen.show(help_text(invocation.command))
        return OK
    with Session(flags, screen) as session:
        if flags.complete:
            for name in session.watchers():
                screen.show(name)
            return OK
        if invocation.command is None:
            from circus.cli.shell import Shell

            return Shell(session).run()
        return session.run(invocation)


if __name__ == "__main__":
    sys.exit(main())
