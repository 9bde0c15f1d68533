"""What happens thousands of times a second, compiled where it could be built, else in Python.

Both backends have the same functions with the same contracts; the module pure documents them.
CIRCUS_PURE=1 in the environment asks for the pure one. A backend that was built but does not load
is an error, not a reason to fall back.
"""

from __future__ import annotations

import os
from typing import Final

from circus._speedups.contract import END, FULL, GOT, STEPS, Poured, Rlimit, SpawnStepError

_COMPILED: Final = "circus._speedups.compiled"


def _is_compiled() -> bool:
    """Whether the compiled backend is wanted and there."""
    if os.environ.get("CIRCUS_PURE") == "1":
        return False
    try:
        __import__(_COMPILED)
    except ModuleNotFoundError as error:
        if error.name != _COMPILED:
            raise
        return False
    return True


BACKEND: Final = "compiled" if _is_compiled() else "pure"

if BACKEND == "compiled":
    from circus._speedups.compiled import children, drain, drain_to, reserve, spawn
else:
    from circus._speedups.pure import children, drain, drain_to, reserve, spawn

__all__ = [
    "BACKEND",
    "END",
    "FULL",
    "GOT",
    "STEPS",
    "Poured",
    "Rlimit",
    "SpawnStepError",
    "children",
    "drain",
    "drain_to",
    "reserve",
    "spawn",
]
