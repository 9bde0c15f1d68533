"""Which watchers a pattern means: glob, regex or simple. Names compare without regard to case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import Final

from circus.model.errors import MessageError

MAX_PATTERN: Final = 256
"""Characters of the longest pattern: a bound on what one request may cost."""
MAX_NAME: Final = 255
"""Characters of a name that a regex looks at."""
MAX_REPEATS: Final = 2
"""Python's regex tries all ways to share a text among its repeats: n of them take length ** n."""
_REPEAT: Final = re.compile(r"[*+]|\{\d*,?\d*\}")  # an escaped one counts, too: rather too many
_MAY_EXPLODE: Final = re.compile(r"\)[*+{]|\\[1-9]|\(\?P=")


def match_names(pattern: str, names: Iterable[str], mode: str = "glob") -> list[str]:
    """Return those of *names* that *pattern* means, in their order."""
    accepts = _matcher(pattern, mode)
    return [name for name in names if accepts(name.lower())]


def _matcher(pattern: str, mode: str) -> Callable[[str], object]:
    if mode == "simple":
        return pattern.lower().__eq__
    if mode not in ("glob", "regex"):
        raise MessageError(f"unknown match method {mode}")
    if len(pattern) > MAX_PATTERN:
        raise MessageError(f"a pattern has at most {MAX_PATTERN} characters, not {len(pattern)}")
    if mode == "glob":
        return re.compile(translate(pattern.lower())).match
    try:
        # As given: lower-casing the pattern would turn \W into \w.
        matcher = re.compile(pattern, re.IGNORECASE).match
    except (re.error, OverflowError, RecursionError) as exc:
        raise MessageError(f"invalid regex {pattern}: {exc}") from None
    if len(_REPEAT.findall(pattern)) > MAX_REPEATS or _MAY_EXPLODE.search(pattern):
        raise MessageError(
            f"regex {pattern} could take too long: it may have {MAX_REPEATS} repeats, no repeated "
            "group, and no reference to a group. A glob such as web-* does most"
        )
    return lambda name: matcher(name[:MAX_NAME])
