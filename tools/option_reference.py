"""Writes the reference of all configuration options from the table that the readers use."""

from __future__ import annotations

from circus.config.describe import reference

PATH = "docs/reference/options.md"


def render() -> dict[str, str]:
    """Return the page by its path."""
    return {PATH: reference().rstrip("\n") + "\n"}
