"""The shell of circusctl: commands one after another, with history and completion."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from circus import __version__
from circus.cli.completion import candidates
from circus.cli.exits import FAILED, OK
from circus.cli.parser import (
    PROG,
    Invocation,
    UsageError,
    help_text,
    parse,
    suggestion,
)
from circus.cli.session import Session
from circus.control.commands import NAMES, find_command

PROMPT: Final = f"({PROG}) "
HISTORY_LENGTH: Final = 1_000
"""Lines kept in the history file."""
NAMES_AGE: Final = 2.0
"""Seconds for which the watchers' names are remembered between two completions."""
_BUILT_IN: Final = ("exit", "help")
_WHERE: Final = ("endpoint", "ssh", "ssh_keyfile")
_STOPS_DAEMON: Final = (
    "This stops circusd and all its watchers. (To leave this shell, type exit.)\n"
    "Stop circusd? [y/N] "
)


class Shell:
    """Reads lines and carries them out with the global flags that circusctl was started with."""

    def __init__(self, session: Session, read: Callable[[str], str] = input) -> None:
        self._session = session
        self._screen = session.screen
        self._read = read
        self._terminal = sys.stdin.isatty()
        self._names: tuple[float, list[str]] = (float("-inf"), [])
        self._matches: list[str] = []
        self._remember: Callable[[str], object] = lambda line: None
        self._typed: Callable[[], str] = lambda: ""

    def run(self) -> int:
        """Read and carry out lines until `exit` or the end of input; return the exit status."""
        self._screen.show(f"{PROG} {__version__}")
        with self._line_editing():
            self._execute_interruptibly("status")
            while True:
                try:
                    line = self._read(PROMPT if self._terminal else "")
                except KeyboardInterrupt:
                    half_typed = self._typed().strip()
                    self._end_line()
                    if half_typed:
                        continue
                    return OK
                except EOFError:
                    self._end_line()
                    return OK
                if line.strip() in ("exit", "EOF"):
                    return OK
                if line.strip():
                    self._remember(line.strip())
                self._execute_interruptibly(line)

    def execute(self, line: str) -> int:
        """Carry out one line; return the exit status that it would have as a command."""
        try:
            words = shlex.split(line)
        except ValueError as exc:
            self._screen.complain(f"error: {exc}")
            return FAILED
        if not words:
            return OK
        if words[0] == "help":
            return self._help(words[1:])
        try:
            invocation = parse(words)
        except UsageError as exc:
            self._screen.complain(exc.text)
            return FAILED
        return self._carry_out(invocation)

    def _execute_interruptibly(self, line: str) -> None:
        """Carry out one line; Ctrl-C ends it, and not the shell."""
        try:
            self.execute(line)
        except KeyboardInterrupt:
            self._screen.complain("interrupted")

    def _end_line(self) -> None:
        if self._terminal:
            self._screen.show("")

    def _carry_out(self, invocation: Invocation) -> int:
        command = invocation.command
        if invocation.flags.help:
            return self._help([command.name] if command else [])
        if command is None:
            self._screen.complain("error: there is no command on this line. Type help")
            return FAILED
        if any(getattr(invocation.flags, name) for name in _WHERE):
            self._screen.complain(
                f"error: this shell stays with {self._session.endpoint}. "
                f"Leave it (exit), then start {PROG} for another one"
            )
            return FAILED
        if command.name == "quit" and not self._confirmed():
            return OK
        return self._session.run(invocation)

    def complete(self, text: str, state: int) -> str | None:
        """Return the *state*-th completion of *text*, as readline asks for it."""
        if state == 0:
            import readline

            before = readline.get_line_buffer()[: readline.get_begidx()]
            self._matches = self.matches(before, text)
        return f"{shlex.quote(self._matches[state])} " if state < len(self._matches) else None

    def matches(self, before: str, prefix: str) -> list[str]:
        """Return the words that may stand behind the text *before* and begin with *prefix*."""
        words = before.split()
        if words and words[0] == "help":
            return [name for name in NAMES if name.startswith(prefix)]
        found = candidates(words, prefix, self._watchers)
        if not words:
            found += [word for word in _BUILT_IN if word.startswith(prefix)]
        return sorted(found)

    @contextlib.contextmanager
    def _line_editing(self) -> Iterator[None]:
        """Use readline, where there is a terminal: history from and to its file, completion."""
        if not self._terminal:
            yield
            return
        try:
            import readline
        except ImportError:  # a Python built without it
            yield
            return
        path = history_path()
        readline.set_history_length(HISTORY_LENGTH)
        readline.set_auto_history(False)  # answers to questions are no commands
        self._remember = readline.add_history
        self._typed = readline.get_line_buffer
        with contextlib.suppress(OSError):
            readline.read_history_file(path)
        readline.set_completer(self.complete)
        readline.set_completer_delims(" \t")
        readline.parse_and_bind("tab: complete")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # no home, or a full disk: no reason to complain
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                readline.write_history_file(path)
                path.chmod(0o600)

    def _watchers(self) -> list[str]:
        asked, names = self._names
        now = time.monotonic()
        if now - asked > NAMES_AGE:
            names = self._session.watchers()
            self._names = (now, names)
        return names

    def _help(self, words: list[str]) -> int:
        if not words:
            self._screen.show(help_text(None))
            return OK
        try:
            self._screen.show(help_text(find_command(words[0])))
        except KeyError:
            self._screen.complain(
                f"error: there is no command {words[0]!r}.{suggestion(words[0], NAMES)}"
            )
            return FAILED
        return OK

    def _confirmed(self) -> bool:
        """Ask whether circusd shall stop. Without a terminal there is nobody to ask: it shall."""
        if not self._terminal:
            return True
        try:
            return self._read(_STOPS_DAEMON).strip().lower() in ("y", "yes")
        except EOFError:
            return False


def history_path() -> Path:
    """Return where the history is kept: circus/circusctl_history under XDG_STATE_HOME."""
    state = os.environ.get("XDG_STATE_HOME") or ""
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "circus" / "circusctl_history"
