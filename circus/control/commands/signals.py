"""Signals in requests: a number, digits, or a name."""

from __future__ import annotations

from circus.model.errors import CommandError, MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_SHOWN = 40
_NO_SUCH_SIGNAL = 4


def signal_number(value: Any, *, least: int = 1) -> int:
    """Return the number of 15, "15", "TERM", "sigterm" or "SIGRTMIN+2"; else MessageError.

    *least* is 0 where 0 may be sent, which only asks whether the process is there. A number that
    the system does not know is errno 4, as when sending it fails.
    """
    from circus.model.units import to_signum  # the server half's only

    if isinstance(value, str):
        words = value.split()  # what follows a blank was always ignored
        if not words:
            raise MessageError("signal invalid")
        value = words[0]
        if value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and value == 0 == least:
        return 0
    try:
        return to_signum(value)
    except ValueError:
        told = f"signal invalid: {f'{value!r}'[:_MAX_SHOWN]}. Write for example TERM or 15"
    raise CommandError(told, _NO_SUCH_SIGNAL) if is_number else MessageError(told)
