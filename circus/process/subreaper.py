"""Become the parent of orphans: what a worker leaves behind comes back to circusd."""

from __future__ import annotations

import sys
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h


def become_subreaper() -> bool:
    """Make this process a child subreaper (prctl(2)); say whether the system could."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes
    except ImportError:  # a Python that was built without libffi
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
