"""The exit statuses of circusctl. Scripts rely on them: docs/reference/exit-codes.md."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is not imported here: it costs a client milliseconds
if TYPE_CHECKING:
    from typing import Final

OK: Final = 0
FAILED: Final = 1
"""A mistake found without asking circusd, or no answer in time."""
USAGE: Final = 2
"""A command line that cannot be read."""
REFUSED: Final = 3
"""circusd answered with an error."""
UNREACHABLE: Final = 4
"""circusd does not run where it was looked for, or it went away."""
INTERRUPTED: Final = 130
"""Ctrl-C."""
