"""What may come next on a command line: commands, flags and the names of watchers.

Also the protocol of older completion scripts: with AUTO_COMPLETE set, circusctl prints the words
that fit COMP_WORDS at COMP_CWORD and ends with status 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from circus.cli.exits import FAILED
from circus.cli.parser import GLOBAL_FLAGS, NAMING
from circus.control.commands import NAMES, find_command

_HIDDEN: Final = frozenset({"--complete"})


def candidates(
    words: Sequence[str], prefix: str, watchers: Callable[[], Sequence[str]]
) -> list[str]:
    """Return the words that may stand behind *words* and begin with *prefix*, sorted.

    *watchers* is asked only where a watcher's name may stand.
    """
    command = next((word for word in words if not word.startswith("-")), None)
    if prefix.startswith("-"):
        found = set(GLOBAL_FLAGS) - _HIDDEN
        if command in NAMES:
            found |= {f"--{long}" for _, long, _, _ in find_command(command or "").options}
    elif command is None:
        found = set(NAMES)
    elif command in NAMES and _wants_name(command, words):
        found = set(watchers())
    else:
        found = set()
    return sorted(word for word in found if word.startswith(prefix))


def complete_word(environ: Mapping[str, str]) -> int:
    """Print what fits the word at COMP_CWORD, separated by blanks."""
    words = environ.get("COMP_WORDS", "").split()
    position = environ.get("COMP_CWORD", "")
    if position == "1":
        prefix = words[1] if len(words) > 1 else ""
        print(" ".join(candidates([], prefix, list)))
    return FAILED  # so it was, and completion functions were written for it


def _wants_name(command: str, words: Sequence[str]) -> bool:
    """Tell whether the next argument of *command* is a watcher's name."""
    usage = find_command(command).usage.split()
    before = [word for word in words if not word.startswith("-")]
    wants = bool(usage) and usage[0].strip("[]") == "NAME" and command not in NAMING
    return wants and before[-1] == command
