"""$(circus.NAME) and ((circus.NAME)): the variables of configuration texts and command lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_VARIABLE: Final = re.compile(
    r"\$\(circus\.([a-z0-9_.\-]+)\)|\(\(circus\.([a-z0-9_.\-]+)\)\)", re.IGNORECASE
)


def substitute(text: str, lookup: Callable[[str], object | None]) -> str:
    """Replace each variable by what *lookup* gives for its lower-case name.

    The name comes without "circus."; None leaves the variable as it is written.
    """

    def value(found: re.Match[str]) -> str:
        replacement = lookup((found[1] or found[2]).lower())
        return found[0] if replacement is None else str(replacement)

    return _VARIABLE.sub(value, text) if "circus." in text.lower() else text
