"""Specs -> text: what `circusd --check FILE` prints, and the option reference in Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from circus.config.document import Loaded
from circus.config.families import REFERENCE, STREAMS
from circus.model.kinds import OCTAL, SIGNAL
from circus.model.options import EMPTY, Live, Option, options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec
from circus.model.units import signal_name

_COMMAND_WIDTH: Final = 60
_DASH: Final = "-"


def describe(loaded: Loaded, defaults: Mapping[str, str] = EMPTY) -> str:
    """Return what would run: endpoints, sockets, watchers in start order, plugins, warnings.

    *defaults*: the endpoints used where the file names none, by option.
    """
    spec = loaded.spec
    blocks = [_headline(loaded), _globals(spec, defaults)]
    rows: list[tuple[str, ...]]
    if spec.sockets:
        rows = [
            (s.name, address(s), s.type, str(s.backlog), _socket_notes(s)) for s in spec.sockets
        ]
        blocks.append(_block("Sockets", ("NAME", "ADDRESS", "TYPE", "BACKLOG", "NOTES"), rows))
    if spec.watchers:
        head = ("NAME", "COUNT", "USER", "DIRECTORY", "ENV", "OUTPUT", "COMMAND")
        rows = [_watcher_row(watcher) for watcher in start_order(spec.watchers)]
        blocks.append(_block("Watchers, in start order", head, rows))
    if spec.plugins:
        rows = [(p.name, p.use, _keys(p.config)) for p in spec.plugins]
        blocks.append(_block("Plugins", ("NAME", "CLASS", "OPTIONS"), rows))
    if loaded.warnings:
        lines = "\n".join(f"  {warning}" for warning in loaded.warnings)
        blocks.append(f"{_plural(len(loaded.warnings), 'warning')}\n{lines}")
    return "\n\n".join(blocks) + "\n"


def start_order(watchers: Iterable[WatcherSpec]) -> list[WatcherSpec]:
    """Return watchers as they start: highest priority first, else in the order of the spec."""
    return sorted(watchers, key=lambda watcher: -watcher.priority)


def address(spec: SocketSpec) -> str:
    """Return where a socket listens, as people write it."""
    if spec.path is not None:
        return spec.path
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    return f"{host}:{spec.port}"


def reference() -> str:
    """Return the reference of all options, in Markdown."""
    parts = [
        "# Options",
        "Made from the option tables in `circus/model/specs.py`; do not edit.",
        _reference_of(
            "circusd: `[circus]`", ArbiterSpec, "Changing any of these needs a restart of circusd."
        ),
        _reference_of(
            "Watchers: `[watcher:NAME]`, in TOML `[watcher.NAME]`",
            WatcherSpec,
            "*live* says what it costs to change an option while the watcher runs; *wire* where "
            "a client may give it: in `add`, in `set`. The options marked with a lock (🔒) decide "
            "what is run as whom: a client without circusd's own rights may not change them.",
        ),
        _families(),
        _reference_of("Sockets: `[socket:NAME]`, in TOML `[socket.NAME]`", SocketSpec, ""),
        _reference_of(
            "Plugins: `[plugin:NAME]`, in TOML `[plugin.NAME]`",
            PluginSpec,
            "Every other key of the section is handed to the plugin.",
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _headline(loaded: Loaded) -> str:
    spec = loaded.spec
    counts = [
        _plural(len(spec.watchers), "watcher"),
        _plural(len(spec.sockets), "socket"),
        _plural(len(spec.plugins), "plugin"),
    ]
    files = "" if len(loaded.files) == 1 else f" and {_plural(len(loaded.files) - 1, 'more file')}"
    verdict = _plural(len(loaded.warnings), "warning") if loaded.warnings else "no problem found"
    return f"{loaded.files[0]}{files}: {', '.join(counts)}; {verdict}"


def _globals(spec: ArbiterSpec, defaults: Mapping[str, str]) -> str:
    """Return circusd's own options that differ from their defaults, and always its endpoints."""
    rows = []
    for name, option in options_of(ArbiterSpec).items():
        value = getattr(spec, name)
        if value != option.default:
            rows.append((name, _shown(option, value)))
        elif name in ("endpoint", "pubsub_endpoint"):
            rows.append((name, f"{defaults.get(name, '')} (default)".strip()))
    return "\n".join(_aligned(rows))


def _watcher_row(spec: WatcherSpec) -> tuple[str, ...]:
    user = _DASH if spec.uid is None else str(spec.uid)
    if spec.gid is not None:
        user += f":{spec.gid}"
    env = f"{len(spec.env)}+copy" if spec.copy_env else str(len(spec.env))
    count = str(spec.numprocesses) if spec.autostart else f"{spec.numprocesses} (not started)"
    return (
        spec.name,
        "on demand" if spec.on_demand else count,
        user,
        spec.working_dir or _DASH,
        env,
        _outputs(spec),
        _command(spec),
    )


def _outputs(spec: WatcherSpec) -> str:
    """Return where stdout and stderr go: nowhere, or circusd's own (-). Streams are not written."""
    closed = (spec.close_child_stdout, spec.close_child_stderr)
    ends = []
    for name, is_closed in zip(STREAMS, closed, strict=True):
        stream = getattr(spec, name)
        if stream:
            end = stream.get("filename") or stream.get("class") or "custom"
            ends.append(f"{end} (not written)")
        else:
            ends.append("/dev/null" if is_closed else _DASH)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]}, {ends[1]}"


def _command(spec: WatcherSpec) -> str:
    words = " ".join(spec.cmd.split())
    if isinstance(spec.args, str):
        words = " ".join([words, *spec.args.split()])
    elif spec.args:  # each item is one argument, blanks and all
        words += " " + " ".join(shlex.join(spec.args).splitlines())
    return words if len(words) <= _COMMAND_WIDTH else f"{words[: _COMMAND_WIDTH - 3]}..."


def _socket_notes(spec: SocketSpec) -> str:
    notes = [name for name in ("so_reuseport", "blocking", "replace") if getattr(spec, name)]
    if spec.umask is not None:
        notes.append(f"umask {spec.umask:03o}")
    return ", ".join(notes) or _DASH


def _keys(config: Any) -> str:
    return ", ".join(sorted(map(str, config))) or _DASH


def _shown(option: Option, value: Any) -> str:
    """Return a value as it would be written in an ini file."""
    if value is None or value in ("", ()):
        return ""
    if option.kind is OCTAL:
        return f"{value:03o}"
    if option.kind is SIGNAL:
        return signal_name(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _block(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([title, *(f"  {line}" for line in _aligned([head, *rows]))])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines whose columns line up, without blanks at their ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _reference_of(title: str, spec: type, text: str) -> str:
    rows = [_reference_row(spec, option) for option in options_of(spec).values()]
    head = ["option", "value", "default", "meaning"]
    if spec is not ArbiterSpec:
        head.append("live")
    if spec is WatcherSpec:
        head.append("wire")
    return "\n\n".join(filter(None, (f"## {title}", text, _markdown([head, *rows]))))


def _reference_row(spec: type, option: Option) -> list[str]:
    default = _shown(option, option.default)
    kind = option.kind.name
    if kind == "choice":
        kind = ", ".join(f"`{word}`" for word in option.kind.schema["enum"])
    lock = " 🔒" if option.guarded else ""
    row = [f"`{option.name}`{lock}", kind, f"`{default}`" if default else "", option.help]
    if spec is not ArbiterSpec:
        row.append("" if option.live is Live.RESTART else option.live.value)
    if spec is WatcherSpec:
        wire = [word for word, is_in in (("add", option.in_add), ("set", option.in_set)) if is_in]
        row.append(", ".join(wire))
    return row


def _families() -> str:
    rows = [[f"`{f.key}`", f"`{f.table}`", f.value, f.help] for f in REFERENCE]
    return "### Families of options\n\n" + _markdown([["ini", "TOML", "value", "meaning"], *rows])


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
