"""Signals in requests: a number, digits, or a name."""

from __future__ import annotations

import errno
import os

from circus.model.errors import MessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_SHOWN = 40


def signal_number(value: Any) -> int:
    """Return the number of 15, "15", "TERM", "sigterm" or "SIGRTMIN+2"; else MessageError.

    A number that the system does not know is an OSError, as sending it would be.
    """
    from circus.model.units import to_signum  # the server half's only

    if isinstance(value, str):
        words = value.split()  # what follows a blank was always ignored
        if not words:
            raise MessageError("signal invalid")
        value = words[0]
        if value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not _is_known(value):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    try:
        return to_signum(value)
    except ValueError:
        shown = f"{value!r}"[:_MAX_SHOWN]
        raise MessageError(f"signal invalid: {shown}. Write for example TERM or 15") from None


def _is_known(number: int) -> bool:
    import signal

    return 1 <= number < signal.NSIG
