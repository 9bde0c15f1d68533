"""The words of circusctl: which flags and commands there are, and how a command line is read.

Reading one command line loads the one command that it names. The whole tree, which loads them
all, is built for help and for shell completion only.
"""

from __future__ import annotations

import argparse

from circus import __version__
from circus.control.commands import NAMES, find_command
from circus.model.errors import CircusError

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final, NoReturn

    from circus.control.commands.base import Command

PROG: Final = "circusctl"
DESCRIPTION: Final = "Controls circusd: asks it for what it knows, tells it what to change."
EPILOG: Final = """\
Without a command, circusctl opens a shell. The endpoint is, in this order: --endpoint,
$CIRCUSCTL_ENDPOINT, circusd's default. Exit status: 0 done; 1 a mistake found here, or no answer
in time; 2 wrong use; 3 circusd answered with an error; 4 circusd cannot be reached; 130 Ctrl-C.
"""
DEFAULT_TIMEOUT: Final = 5.0
WATCHERS: Final = {
    "bash": "_circusctl_watchers",
    "zsh": "($(circusctl --complete watchers 2>/dev/null))",
    "fish": "(circusctl --complete watchers 2>/dev/null)",
    "preamble": {
        "bash": (
            "_circusctl_watchers() {\n"
            '  compgen -W "$(circusctl --complete watchers 2>/dev/null)" -- "$1"\n'
            "}\n"
        )
    },
}
"""How shells complete a watcher's name: they ask the circusd that runs."""
NAMING: Final = frozenset({"add"})
"""Commands whose NAME is a new one: there is nothing to complete."""
_WORDS: Final = {
    "NAME": "the watcher's name",
    "N": "how many processes more or fewer (default: 1)",
    "PID": "the process id of one of its workers",
    "SIGNAL": "a number or a name, as in 15, TERM or SIGTERM",
}
"""What the words of a usage line mean."""


class UsageError(CircusError):
    """A command line that cannot be read; *text* also shows how to write it."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.text = f"{usage.rstrip()}\n{PROG}: error: {message}"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError where others end the program."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, self.format_usage())


class _FlagsParser(argparse.ArgumentParser):
    """Reads only the flags of one command; its errors show the usage of the whole command."""

    def __init__(self, command: Command) -> None:
        super().__init__(add_help=False)
        self._command = command

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, command_parser(self._command).format_usage())


class _TreeFormatter(argparse.RawDescriptionHelpFormatter):
    """Lists the commands without a line above them that says COMMAND."""

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        is_list = isinstance(action, argparse._SubParsersAction)
        return text.partition("\n")[2] if is_list else text


class Invocation:
    """A command line as read."""

    def __init__(self, flags: argparse.Namespace, command: Command | None = None) -> None:
        self.flags = flags
        """The global flags, as attributes."""
        self.command = command
        """The command named; None: none was."""
        self.words: list[str] = []
        """Its arguments, in order."""
        self.options: dict[str, Any] = {}
        """Its own flags, by long name."""


def parse(argv: Sequence[str]) -> Invocation:
    """Read a command line. Flags may stand anywhere; after `--` every word is an argument."""
    at = _command_position(argv)
    if at is None:
        parser = Parser(PROG, usage=_usage(), add_help=False)
        add_global_flags(parser)
        return Invocation(parser.parse_args([word for word in argv if word != "--"]))
    try:
        command = find_command(argv[at])
    except KeyError:
        raise _unknown(argv[at]) from None
    return _read(command, [*argv[:at], *argv[at + 1 :]])


def build_parser() -> argparse.ArgumentParser:
    """Return the whole tree: all commands with all flags, for help and for completion."""
    tree = Parser(
        PROG,
        usage=_usage(),
        description=DESCRIPTION,
        epilog=EPILOG,
        add_help=False,
        formatter_class=_TreeFormatter,
    )
    add_global_flags(tree)
    commands = tree.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in NAMES:
        command = find_command(name)
        branch = commands.add_parser(name, help=summary(command), **_texts(command))
        _fill(branch, command)
    return tree


def command_parser(command: Command) -> argparse.ArgumentParser:
    """Return the parser of one command, for its help and its usage line."""
    parser = Parser(f"{PROG} {command.name}", **_texts(command))
    _fill(parser, command)
    return parser


def help_text(command: Command | None) -> str:
    """Return the help of one command, or that of circusctl."""
    parser = build_parser() if command is None else command_parser(command)
    return parser.format_help().rstrip()


def add_global_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that circusctl takes with any command, or without one."""
    group = parser.add_argument_group("options of every command")
    for flag, options in GLOBAL_FLAGS.items():
        group.add_argument(*(("-h", flag) if flag == "--help" else (flag,)), **options)


def summary(command: Command) -> str:
    """Return what the command does, in one line."""
    return (command.__doc__ or "").strip().partition("\n")[0]


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return " Did you mean ...?" for a word that is close to a known one, else nothing."""
    from difflib import get_close_matches  # only a mistake pays for it

    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, as in 2.5")
    return number


GLOBAL_FLAGS: Final[dict[str, dict[str, Any]]] = {
    "--endpoint": {"metavar": "ADDRESS", "help": "where circusd listens: ipc://... or tcp://..."},
    "--timeout": {
        "metavar": "SECONDS",
        "type": _seconds,
        "help": f"how long to wait for an answer (default: {DEFAULT_TIMEOUT:g}, longer with "
        "--waiting)",
    },
    "--json": {"action": "store_true", "help": "print the answer as circusd gave it, in one line"},
    "--prettify": {"action": "store_true", "help": "with --json: indented, keys sorted"},
    "--no-color": {"action": "store_true", "help": "no colours, also on a terminal"},
    "--ssh": {"metavar": "USER@HOST:PORT", "help": "reach circusd through an SSH tunnel"},
    "--ssh_keyfile": {"metavar": "PATH", "help": "the private key for --ssh"},
    "--version": {"action": "store_true", "help": f"print the version ({__version__})"},
    "--help": {"action": "store_true", "help": "show this help"},
    "--complete": {"metavar": "WHAT", "help": argparse.SUPPRESS},
}


def _read(command: Command, argv: list[str]) -> Invocation:
    """Read everything but the command's name."""
    end = argv.index("--") if "--" in argv else len(argv)
    parser = _FlagsParser(command)
    add_global_flags(parser)
    _add_own_flags(parser, command)
    flags, words = parser.parse_known_args(argv[:end])
    for word in words:
        if word.startswith("-") and word != "-" and not _is_number(word):
            known = [*GLOBAL_FLAGS, *(f"--{long}" for _, long, _, _ in command.options)]
            parser.error(
                f"unrecognized arguments: {word}. {command.name} has no such flag."
                f"{suggestion(word, known)} Write -- in front of arguments that begin with a "
                "dash"
            )
    invocation = Invocation(flags, command)
    invocation.words = words + argv[end + 1 :]
    for _, long, _, _ in command.options:
        invocation.options[long] = getattr(flags, long)
        delattr(flags, long)
    return invocation


def _command_position(argv: Sequence[str]) -> int | None:
    """Return where the command's name stands: the first word that belongs to no flag."""
    with_value = [flag for flag, options in GLOBAL_FLAGS.items() if "metavar" in options]
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--":
            return at + 1 if at + 1 < len(argv) else None
        if not word.startswith("-"):
            return at
        if any(flag == word for flag in with_value) or (
            # An abbreviation, as argparse understands it.
            word not in GLOBAL_FLAGS and sum(flag.startswith(word) for flag in with_value) == 1
        ):
            at += 1
        at += 1
    return None


def _add_own_flags(parser: argparse.ArgumentParser, command: Command) -> None:
    for short, long, default, text in command.options:
        names = ([f"-{short}"] if short else []) + [f"--{long}"]
        if default is False:
            parser.add_argument(*names, dest=long, action="store_true", help=text)
        else:
            parser.add_argument(*names, dest=long, default=default, metavar=long.upper(), help=text)


def _fill(parser: argparse.ArgumentParser, command: Command) -> None:
    for index, word in enumerate(command.usage.split()):
        many = "..." in word
        optional = word.startswith("[") or index > 0
        action = parser.add_argument(
            f"word{index}",
            metavar=word.strip("[].") or word,
            nargs="*" if many else "?" if optional else None,
            help=_WORDS.get(word.strip("[]."), argparse.SUPPRESS),
        )
        if index == 0 and word.strip("[]") == "NAME" and command.name not in NAMING:
            action.complete = WATCHERS  # type: ignore[attr-defined] # shtab reads it
    _add_own_flags(parser, command)
    add_global_flags(parser)


def _texts(command: Command) -> dict[str, Any]:
    return {
        "usage": f"{PROG} {command.name} [options] {command.usage}".rstrip(),
        "description": _dedent(command.__doc__ or ""),
        "add_help": False,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _dedent(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _usage() -> str:
    return f"{PROG} [options] command [args]"


def _unknown(word: str) -> UsageError:
    return UsageError(
        f"unrecognized arguments: {word}. There is no such command.{suggestion(word, NAMES)} "
        f"See them all with {PROG} --help",
        f"usage: {_usage()}",
    )


def _is_number(word: str) -> bool:
    return word[1:].replace(".", "", 1).isdigit()
