"""The JSON Schema (draft 2020-12) of the TOML form, made from the option tables.

Editors use it to complete and to underline; circusd itself does not: its own messages say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circus.config.families import STREAM_CLASSES, STREAMS, UNLIMITED
from circus.model.options import Option, options_of
from circus.model.specs import HOOK_NAMES, ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_STRICT: Final[Schema] = {"type": "object", "additionalProperties": False}
_VARIABLE: Final[Schema] = {
    "type": "string",
    "pattern": r"(\$\(|\(\()[cC][iI][rR][cC][uU][sS]\.[eE][nN][vV]\.",
    "description": "a value taken from the environment: $(circus.env.NAME)",
}


def schema() -> Schema:
    """Return the schema of one TOML file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Circus configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "circus": _ref("circus"),
            "watcher": _named("watcher", "the watchers, by name"),
            "socket": _named("socket", "the managed sockets, by name"),
            "plugin": _named("plugin", "the plugins, by name"),
            "env": {
                "description": "environment of all watchers; a table in it: of the watchers "
                "whose names match its key, a list of patterns with commas between",
                "type": "object",
                "additionalProperties": {"anyOf": [_TEXT, _ref("env")]},
            },
        },
        "$defs": {
            "circus": _STRICT | {"properties": _properties(ArbiterSpec)},
            "watcher": _watcher(),
            "socket": _STRICT | {"properties": _properties(SocketSpec)},
            "plugin": {
                "description": "every other key is handed to the plugin",
                "type": "object",
                "required": ["use"],
                "properties": _options(PluginSpec),
                "additionalProperties": True,
            },
            "env": {"type": "object", "additionalProperties": _TEXT},
            "extra": {
                "description": "what plugins and programs read; circusd does not",
                "type": "object",
                "additionalProperties": True,
            },
            "hook": {
                "anyOf": [
                    _TEXT,
                    {
                        "type": "array",
                        "prefixItems": [_TEXT, {"type": "boolean"}],
                        "minItems": 2,
                        "maxItems": 2,
                    },
                ]
            },
            "limit": {
                "anyOf": [{"type": "integer", "minimum": -1}, {"enum": [UNLIMITED, "infinity"]}]
            },
            "stream": {
                "type": "object",
                "properties": {
                    "class": _TEXT | {"examples": list(STREAM_CLASSES)},
                    "filename": _TEXT,
                },
                "anyOf": [{"required": ["class"]}, {"required": ["filename"]}],
                "additionalProperties": True,
            },
        },
    }


def _watcher() -> Schema:
    families: Schema = {
        "name": _TEXT | {"description": "another name than the table's"},
        "env": _ref("env"),
        "rlimits": {
            "type": "object",
            "patternProperties": {"^[A-Za-z]+$": _ref("limit")},
            "additionalProperties": False,
        },
        "hooks": {
            "type": "object",
            "properties": {name: _ref("hook") for name in HOOK_NAMES},
            "additionalProperties": False,
        },
        **{stream: _ref("stream") for stream in STREAMS},
    }
    return _STRICT | {
        "required": ["cmd"],
        "properties": {**_properties(WatcherSpec), **families},
        "patternProperties": {"^rlimit_[A-Za-z]+$": _ref("limit")},
    }


def _properties(spec: type) -> Schema:
    return {**_options(spec), "extra": _ref("extra")}


def _options(spec: type) -> Schema:
    return {name: _option(option) for name, option in options_of(spec).items()}


def _option(option: Option) -> Schema:
    described: Schema = {"description": option.help}
    if option.default is not None:
        default = option.default
        described["default"] = list(default) if isinstance(default, tuple) else default
    kind = dict(option.kind.schema)
    return described | (kind if _takes_text(kind) else {"anyOf": [kind, _VARIABLE]})


def _takes_text(kind: Mapping[str, Any]) -> bool:
    """Whether any text is valid already, and so one with a variable."""
    types = kind.get("type", [item.get("type") for item in kind.get("anyOf", ())])
    return "string" in types if isinstance(types, list) else types == "string"


def _named(kind: str, help: str) -> Schema:
    return {"description": help, "type": "object", "additionalProperties": _ref(kind)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
