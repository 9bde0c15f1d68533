"""The options of a watcher as `options` and `get` answer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circus.control.api import WatcherView
from circus.model.options import options_of
from circus.model.specs import WatcherSpec

_WITHOUT_EFFECT: Final = frozenset({"check_flapping"})


def option_values(watcher: WatcherView) -> dict[str, Any]:
    """Return every option with its value, sorted by key, as JSON can hold it."""
    spec = watcher.spec
    values = {key: _plain(value) for key, value in spec.extra.items()}
    values |= {
        key: _plain(getattr(spec, key))
        for key in options_of(WatcherSpec)
        if key not in _WITHOUT_EFFECT
    }
    values |= {
        "numprocesses": watcher.numprocesses,
        "env": dict(watcher.environment()),
        "hooks": {name: hook_text(*hook) for name, hook in spec.hooks.items()},
        "rlimits": _plain(spec.rlimits),
        "stdout_stream_conf": _plain(spec.stdout_stream),
        "stderr_stream_conf": _plain(spec.stderr_stream),
    }
    return dict(sorted(values.items()))


def hook_text(target: Any, ignore_failure: bool) -> str:
    """Return a hook as `set` takes it: a dotted name, and ",true" if its failure is ignored."""
    name = target if isinstance(target, str) else _dotted(target)
    return f"{name},true" if ignore_failure else name


def _plain(value: Any) -> Any:
    """Return *value*, or what describes it where JSON cannot hold it (a program's own object)."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return _dotted(value)


def _dotted(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else f"<{type(value).__qualname__}>"
