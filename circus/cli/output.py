"""What people see: colours where a terminal shows them, columns that line up."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from typing import Final, TextIO

_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "dim": "2"}
_STATES: Final = {"active": "green", "starting": "yellow", "stopping": "yellow", "stopped": "red"}
_RECORD_WORDS: Final = 9
"""Words of a process in `stats`: pid, command, user, nice, RSS, VMS, CPU, memory, CPU time."""


class Screen:
    """Where circusctl writes: text on stdout, complaints on stderr."""

    def __init__(self, *, colour: bool = True) -> None:
        self._colour = colour

    def show(self, text: str) -> None:
        """Print a result."""
        print(text, flush=True)

    def complain(self, text: str) -> None:
        """Print what went wrong, on stderr."""
        label, colon, rest = text.partition(": ")
        if label == "error" and colon:
            text = self.paint("error:", "red", sys.stderr) + f" {rest}"
        print(text, file=sys.stderr, flush=True)

    def show_reply(self, command: str, text: str) -> None:
        """Print what a command makes of a reply, dressed up where a terminal shows it.

        Anywhere else the text stays as it is: scripts read it.
        """
        if self._is_dressed(sys.stdout):
            if command == "status":
                text = "\n".join(self._state_line(line) for line in text.split("\n"))
            elif command == "stats":
                text = line_up(text)
        self.show(text)

    def paint(self, text: str, colour: str, stream: TextIO) -> str:
        """Return *text* in a colour, where *stream* shows colours."""
        if not self._is_dressed(stream):
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def _is_dressed(self, stream: TextIO) -> bool:
        return (
            self._colour
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
            and stream.isatty()
        )

    def _state_line(self, line: str) -> str:
        """Colour the state in `NAME: STATE`, in `NAME: STATE  (NOTE)` and in a bare `STATE`."""
        head, gap, note = line.partition("  (")
        name, colon, state = head.rstrip().rpartition(": ")
        if state not in _STATES:
            return line
        blanks = head[len(head.rstrip()) :]
        return f"{name}{colon}{self.paint(state, _STATES[state], sys.stdout)}{blanks}{gap}{note}"


def line_up(text: str) -> str:
    """Return the text of `stats` with the columns of its processes lined up.

    Only the widths of the gaps change: a line keeps its words and its indentation.
    """
    rows = [(line, line.split()) for line in text.split("\n")]
    widths = [0] * _RECORD_WORDS
    for _, words in rows:
        record = _record(words)
        for column, word in enumerate(record):
            widths[column] = max(widths[column], len(word))
    lead = max((len(_lead(line, words)) for line, words in rows if _record(words)), default=0)
    return "\n".join(
        _lead(line, words).ljust(lead)
        + " ".join(
            word.ljust(width) if column in (1, 2) else word.rjust(width)
            for column, (word, width) in enumerate(zip(_record(words), widths, strict=True))
        )
        if _record(words)
        else line
        for line, words in rows
    )


def _record(words: list[str]) -> list[str]:
    """Return the words of a process, without what leads to them; nothing for another line."""
    record = words[1:] if words and words[0].endswith(":") else words
    return record if len(record) == _RECORD_WORDS and record[0].isdigit() else []


def _lead(line: str, words: list[str]) -> str:
    """Return what stands in front of a process: `PID: `, or the indentation of a child."""
    if words[0].endswith(":"):
        return f"{words[0]} "
    return line[: len(line) - len(line.lstrip())]
