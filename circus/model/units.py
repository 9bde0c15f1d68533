"""Numbers as people write them: signals, booleans, octal modes, byte sizes.

Each function takes text or a typed value, returns the typed value, and raises ValueError with
words that fit behind "KEY = VALUE: ".
"""

from __future__ import annotations

import re
import signal
from typing import Final

TRUE_WORDS: Final = frozenset({"yes", "true", "on", "1"})
FALSE_WORDS: Final = frozenset({"no", "false", "off", "0"})
_BYTE_UNITS: Final = "BKMGTPEZY"
_SIGNAL_TEXT: Final = re.compile(r"(?:SIG)?([A-Z][A-Z0-9]*?)(?:\+(\d+))?$")


def to_bool(value: object) -> bool:
    """Return the boolean that *value* says: yes, true, on, 1 / no, false, off, 0, in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
    raise ValueError("not a boolean (yes or no)")


def to_signum(value: object) -> int:
    """Return a signal's number from 15, "15", "TERM", "sigterm" or "SIGRTMIN+2"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not a signal")
    if isinstance(value, str):
        text = value.strip().upper()
        if text.isascii() and text.isdigit():
            value = int(text)
        else:
            found = _SIGNAL_TEXT.match(text)
            base = getattr(signal, f"SIG{found[1]}", None) if found else None
            if found is None or not isinstance(base, signal.Signals):
                raise ValueError("not a signal")
            value = int(base) + int(found[2] or 0)
    if not 1 <= value < signal.NSIG:
        raise ValueError("not a signal")
    return int(value)


def signal_name(signum: int) -> str:
    """Return "SIGTERM" for 15, "SIGRTMIN+n" for a real-time signal, else the number as text."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        low = int(getattr(signal, "SIGRTMIN", 0))
        return f"SIGRTMIN+{signum - low}" if low and signum > low else str(signum)


def to_octal(value: object) -> int:
    """Return a file mode from octal text ("022", "0o22") or from a number taken as it is."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not an octal number")
    if isinstance(value, str):
        try:
            value = int(value.strip().lower().removeprefix("0o"), 8)
        except ValueError:
            raise ValueError("not an octal number") from None
    if not 0 <= value <= 0o7777:
        raise ValueError("not an octal mode from 0 to 7777")
    return value


def bytes2human(size: float) -> str:
    """Return a size with a unit: 123B, 1.50K, 13.26M; base 1024, two decimals above bytes."""
    for unit in _BYTE_UNITS:
        if size < 1024 or unit == _BYTE_UNITS[-1]:
            break
        size /= 1024
    return f"{int(size)}B" if unit == "B" else f"{size:.2f}{unit}"


def human2bytes(text: str) -> int:
    """Return the bytes that "10K", "1.5 M" or "512B" mean; the unit is required, base 1024."""
    found = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([BKMGTPEZY])", text.upper())
    if not found:
        raise ValueError("not a size with a unit")
    return int(float(found[1]) * 1024 ** _BYTE_UNITS.index(found[2]))
