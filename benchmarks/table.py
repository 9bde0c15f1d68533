"""Tables that line up."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def render(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table as text: the first column to the left, figures to the right.

    A header may hold a line break; then all headers stand at the foot of two lines.
    """
    heads = [head.split("\n") for head in header]
    height = max(map(len, heads))
    lines = [[""] * (height - len(head)) + head for head in heads]
    top = [[column[level] for column in lines] for level in range(height)]
    widths = [max(map(len, column)) for column in zip(*top, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(row, widths) for row in [*top, rule, *rows])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if number == 0 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of *values* that at least *share* (0 to 1) of them do not pass."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
