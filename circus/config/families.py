"""The families of watcher keys: env, rlimit_X, hooks.X, stdout_stream.X and stderr_stream.X.

Each is a whole in the spec and many keys in a file. `flatten` gives tables and mappings the same
keys as an ini file has, so that one reader serves all.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from circus.config.sections import Form, Section, closest, did_you_mean
from circus.model.specs import HOOK_NAMES
from circus.model.units import to_bool

STREAMS: Final = ("stdout_stream", "stderr_stream")
STREAM_CLASSES: Final = (
    "FileStream",
    "WatchedFileStream",
    "TimedRotatingFileStream",
    "StdoutStream",
    "FancyStdoutStream",
    "QueueStream",
)
RLIMIT_NAMES: Final = frozenset(
    name.removeprefix("RLIMIT_").lower() for name in dir(resource) if name.startswith("RLIMIT_")
)
UNLIMITED: Final = "unlimited"
FAMILY_NAMES: Final = ("env", "rlimits", "hooks", *STREAMS)
_MAX_LIMIT: Final = 2**63 - 1
_MAX_NAME: Final = 80
_HOOK_EXAMPLE: Final = "app.hooks.check"

Problem = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Family:
    """One family as the option reference and the JSON Schema describe it."""

    key: str
    table: str
    value: str
    help: str


REFERENCE: Final = (
    Family(
        "env",
        "[watcher.NAME.env]",
        "text",
        "environment of the workers; in ini files the sections [env] and [env:PATTERNS]",
    ),
    Family(
        "rlimit_X",
        "[watcher.NAME.rlimits]",
        f"whole number or {UNLIMITED}",
        "resource limit X (nofile, core, ...), soft and hard; empty in ini files: unlimited",
    ),
    Family(
        "hooks.X",
        "[watcher.NAME.hooks]",
        "dotted name, and whether to ignore its failure",
        "function called at the event X",
    ),
    *(
        Family(
            f"{stream}.X",
            f"[watcher.NAME.{stream}]",
            "class, filename, or an option of the class",
            f"where the {stream.partition('_')[0]} of the workers goes",
        )
        for stream in STREAMS
    ),
)


@dataclass(slots=True)
class Families:
    """The families of one watcher while they are read. A removed member is None in its table."""

    env: Mapping[str, str] | None = None
    rlimits: dict[str, int | None] = field(default_factory=dict)
    hooks: dict[str, tuple[Any, bool] | None] = field(default_factory=dict)
    stdout_stream: dict[str, Any] = field(default_factory=dict)
    stderr_stream: dict[str, Any] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """Families given as one table: a change replaces all of it."""


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* with the members of family tables as keys of their own.

    {"hooks": {"before_start": "a.b"}} -> {"hooks.before_start": "a.b"}. An empty or absent table
    keeps its key; `env` and what is no table are left as they are.
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key in ("hooks", *STREAMS):
            flat |= {f"{key}.{member}": item for member, item in value.items()}
        elif isinstance(value, Mapping) and value and key == "rlimits":
            flat |= {f"rlimit_{member}": item for member, item in value.items()}
        else:
            flat[key] = value
    return flat


def is_family(key: str) -> bool:
    """Whether *key*, flattened, belongs to a family (`env` included)."""
    head = key.partition(".")[0]
    return (head == "hooks" or head in STREAMS) or key.startswith("rlimit_") or key in FAMILY_NAMES


def read_member(section: Section, key: str, value: Any, into: Families, problem: Problem) -> bool:
    """Read the family key *key* into *into*; False, and *problem* heard why, if it is wrong."""
    head, dot, member = key.partition(".")
    try:
        if key.startswith("rlimit_"):
            _read_rlimit(section, key, value, into)
        elif key == "env":
            into.env = _env(section, value, problem)
            return into.env is not None
        elif dot and head == "hooks":
            name = _hook_name(section, key, member)
            into.hooks[name] = _hook(section, key, value)
        elif dot and member:
            getattr(into, head)[member] = value
        elif section.form is not Form.INI and (value is None or value == {}):
            into.whole.add(key)
        else:
            problem(_bare_family(section, key))
            return False
    except _Wrong as wrong:
        problem(str(wrong))
        return False
    return True


def _env(section: Section, value: Any, problem: Problem) -> dict[str, str] | None:
    """Return an environment as given by a table or a program; None if it is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        head = f"{section.at('env')} = {section.show(value)}: not a table of texts"
        problem(f'{head}. Write for example: env = {{ PORT = "8000" }}')
        return None
    is_good = True
    for name, item in value.items():
        if (what := env_problem(name, item)) is not None:
            problem(f"{section.at(f'env.{name}'[:_MAX_NAME])}: {what}")
            is_good = False
    return dict(value) if is_good else None


def env_problem(name: Any, value: Any) -> str | None:
    """Return what is wrong with one environment variable, without its value; None if nothing."""
    if not isinstance(name, str) or not name or "=" in name or "\0" in name:
        return "not the name of a variable. Write for example: PORT"
    if not isinstance(value, str):
        return 'not text. Write it in quotes, for example: PORT = "8000"'
    if "\0" in value:
        return "contains a NUL character, which no environment can hold. Remove it"
    return None


class _Wrong(ValueError):
    """A member that cannot be used; the text is the whole message."""


def _read_rlimit(section: Section, key: str, value: Any, into: Families) -> None:
    name = key.removeprefix("rlimit_").lower()
    if name not in RLIMIT_NAMES:
        near = closest(name, RLIMIT_NAMES)
        hint = f"Did you mean rlimit_{near}?" if near else f"Known: {', '.join(_sorted_limits())}"
        raise _Wrong(f"{section.at(key)}: not a resource limit of this system. {hint}")
    if name in into.rlimits:
        raise _Wrong(f"{section.at(key)}: given twice, in different letter case. Remove one")
    into.rlimits[name] = _limit(section, key, value)


def _limit(section: Section, key: str, value: Any) -> int | None:
    if value is None or value == -1:
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        if word in (UNLIMITED, "infinity", "-1") or (not word and section.form is Form.INI):
            return None
        try:
            value = int(word) if section.form is not Form.TOML else value
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_LIMIT:
        raise _Wrong(
            f"{section.at(key)} = {section.show(value)}: not a whole number of 0 or more, "
            f"nor {UNLIMITED}. {section.example(key, '4096', quoted=False)}"
        )
    return value


def _hook_name(section: Section, key: str, name: str) -> str:
    if name in HOOK_NAMES:
        return name
    hint = did_you_mean(name, HOOK_NAMES) or f" Known: {', '.join(HOOK_NAMES)}"
    raise _Wrong(f"{section.at(key)}: there is no such hook.{hint}")


def _hook(section: Section, key: str, value: Any) -> tuple[Any, bool] | None:
    """Return the callable or its dotted name, and whether its failure is ignored."""
    if value is None or value == "":
        return None
    ignore: Any = False
    target = value
    if isinstance(value, list | tuple) and len(value) == 2:
        target, ignore = value
    elif isinstance(value, str) and "," in value:
        target, _, ignore = value.partition(",")
    try:
        ignore = to_bool(ignore)
        if isinstance(target, str):
            target = target.strip()
            head, dot, last = target.rpartition(".")
            if not dot or not head or not last or any(char.isspace() for char in target):
                raise ValueError("not a dotted name of a function")
        elif section.form is not Form.PROGRAM or not callable(target):
            raise ValueError("not a dotted name of a function")
    except ValueError as error:
        example = section.example(key, _HOOK_EXAMPLE, quoted=True)
        raise _Wrong(f"{section.at(key)} = {section.show(value)}: {error}. {example}") from None
    return target, ignore


def _bare_family(section: Section, key: str) -> str:
    examples = {
        "hooks": ("hooks.before_start", _HOOK_EXAMPLE, True),
        "rlimits": ("rlimit_nofile", "4096", False),
    }
    name, text, quoted = examples.get(
        key.rstrip("."), (f"{key}.filename", "/var/log/web.log", True)
    )
    return f"{section.at(key)}: needs to say which. {section.example(name, text, quoted=quoted)}"


def _sorted_limits() -> list[str]:
    return sorted(RLIMIT_NAMES)
