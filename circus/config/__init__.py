"""Text -> specs: ini and TOML files, requests and programs' mappings, all by one option table.

`load` reads files; everything else is pure, given the text. Problems come as one ConfigError that
holds all of them, each saying where, what, and the way out.
"""

from __future__ import annotations

from circus.config.document import Loaded, loads
from circus.config.files import load
from circus.config.mappings import (
    change_watcher,
    mapping_of,
    plugin_from_mapping,
    socket_from_mapping,
    watcher_from_mapping,
)

__all__ = [
    "Loaded",
    "change_watcher",
    "load",
    "loads",
    "mapping_of",
    "plugin_from_mapping",
    "socket_from_mapping",
    "watcher_from_mapping",
]
