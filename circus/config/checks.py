"""Checks across options: what no single value can be blamed for.

Each function tells a Report what is wrong and the way out. Keys that already failed by themselves
are passed as *failed*, so that one mistake is told once.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from circus.config.families import STREAM_CLASSES, STREAMS
from circus.config.sections import Report, Section, did_you_mean
from circus.model.addresses import exposure
from circus.model.options import options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec
from circus.model.variables import substitute

MAX_PROCESSES: Final = 4_194_304  # PID_MAX_LIMIT of Linux: there cannot be more
_MAX_SOCKET_PATH: Final = 107  # sockaddr_un, less the final NUL
_VARIABLE_FAMILIES: Final = ("sockets", "env", "rlimits")
_ENDPOINT_EXAMPLE: Final = "ipc:///run/circus/control"
_LOGGER_SUFFIXES: Final = (".ini", ".json", ".yaml", ".yml")


def check_name(section: Section, name: str, report: Report) -> bool:
    """Whether *name* can be used in messages, topics and tables."""
    if name and name.isprintable() and name == name.strip():
        return True
    what = "is empty" if not name.strip() else "has blanks around it or cannot be printed"
    report.problem(f"{section.at()}: the name {what}. Use letters, digits, blanks or punctuation")
    return False


def check_watcher(
    spec: WatcherSpec, section: Section, report: Report, failed: Collection[str] = ()
) -> None:
    """Check the options of one watcher against each other."""

    def problem(key: str, text: str, *others: str) -> None:
        if not failed or not {key, *others}.intersection(failed):
            report.problem(f"{section.at(key)}: {text}")

    if not spec.cmd.strip():
        problem("cmd", "there is no command. Write for example: cmd = sleep 60")
    elif not spec.shell:
        for key, text in (("cmd", spec.cmd), ("args", spec.args)):
            if isinstance(text, str) and (wrong := _unsplittable(text)):
                problem(key, f"{wrong}. Close the quotes, or write \\' for a single one", "shell")
    if spec.singleton and spec.numprocesses > 1:
        problem(
            "numprocesses",
            f"a singleton has one process, not {spec.numprocesses}. "
            f"Remove singleton, or set numprocesses = 1",
        )
    if spec.numprocesses > MAX_PROCESSES:
        problem("numprocesses", f"more than a system can have ({MAX_PROCESSES})")
    if spec.max_retry < -1:
        problem("max_retry", f"{spec.max_retry}: use -1 for endless, or a number of attempts")
    for key in ("copy_path", "virtualenv"):
        if getattr(spec, key) and not spec.copy_env:
            problem(key, "works on a copied environment only. Add copy_env = true", "copy_env")
    if spec.shell_args and not spec.shell and "shell" not in failed:
        report.warn(f"{section.at('shell_args')}: has no effect without shell = true")
    for key in STREAMS:
        _check_stream(key, getattr(spec, key), section, problem)


def _check_stream(
    key: str,
    stream: Mapping[str, object],
    section: Section,
    problem: Callable[..., None],
) -> None:
    if not stream or stream.get("stream") is not None:
        return
    name = stream.get("class")
    if name is None or name == "":
        if not stream.get("filename"):
            member = f"{key}.{next(iter(stream))}"
            example = section.example(f"{key}.class", "StdoutStream", quoted=True)
            problem(member, f"needs {key}.class or {key}.filename beside it. {example}")
    elif isinstance(name, str) and "." not in name and name not in STREAM_CLASSES:
        hint = did_you_mean(name, STREAM_CLASSES) or f" Known: {', '.join(STREAM_CLASSES)}"
        if _fold(name) in map(_fold, STREAM_CLASSES):
            hint = f" Did you mean {next(c for c in STREAM_CLASSES if _fold(c) == _fold(name))}?"
        problem(f"{key}.class", f"there is no stream class {name}.{hint}")


def check_references(
    spec: WatcherSpec, sockets: Collection[str], section: Section, report: Report
) -> None:
    """Check that the sockets a watcher names exist. *sockets*: their lower-case names."""
    if spec.stdin_socket and spec.stdin_socket not in sockets:
        report.problem(
            f"{section.at('stdin_socket')} = {section.show(spec.stdin_socket)}: "
            f"{_no_socket(spec.stdin_socket, sockets)}"
        )
    mentioned: str | None = None
    for key in ("cmd", "args", "shell_args"):
        for variable in _variables_in(getattr(spec, key)):
            if not _is_variable(variable):
                report.warn(
                    f"{section.at(key)}: $(circus.{variable}) is no variable and stays as it is "
                    f"written.{_no_variable(variable)}"
                )
            head, _, name = variable.partition(".")
            if head != "sockets" or not name:
                continue
            mentioned = key
            if name not in sockets:
                report.problem(
                    f"{section.at(key)}: $(circus.sockets.{name}): {_no_socket(name, sockets)}"
                )
    if mentioned and not spec.use_sockets:
        report.warn(
            f"{section.at(mentioned)}: names a socket, but the workers do not get it. "
            f"Add use_sockets = true"
        )
    if spec.on_demand and not (mentioned or spec.stdin_socket or (spec.use_sockets and sockets)):
        report.warn(
            f"{section.at('on_demand')}: no connection can start it, as it is given no socket. "
            "Name one in cmd: $(circus.sockets.NAME)"
        )


def check_socket(spec: SocketSpec, section: Section, report: Report) -> None:
    """Check the options of one socket against each other."""
    given = section.values
    if spec.path is not None:
        if "family" in given and spec.family != "AF_UNIX":
            report.problem(
                f"{section.at('family')} = {spec.family}: a socket with a path is AF_UNIX. "
                f"Remove family, or remove path"
            )
        for key in ("host", "port"):
            if key in given and key not in section.inherited:
                report.warn(f"{section.at(key)}: has no effect on a socket with a path. Remove it")
        if _encoded_length(spec.path) > _MAX_SOCKET_PATH:
            report.problem(
                f"{section.at('path')}: longer than the {_MAX_SOCKET_PATH} bytes that a unix "
                f"socket's path may have. Use a shorter directory"
            )
    elif spec.family == "AF_UNIX":
        report.problem(
            f"{section.at('family')} = AF_UNIX: needs a path. "
            f"{section.example('path', '/run/app/web.sock', quoted=True)}"
        )
    elif spec.family == "AF_INET" and ":" in spec.host:
        report.problem(
            f"{section.at('host')} = {spec.host}: an IPv6 address. "
            f"{section.example('family', 'AF_INET6', quoted=True)}"
        )
    if spec.port > 65535:
        report.problem(f"{section.at('port')} = {spec.port}: ports end at 65535")


def check_addresses(sockets: Iterable[tuple[SocketSpec, Section]], report: Report) -> None:
    """Warn of two sockets at one place, unless both share it on purpose."""
    seen: dict[tuple[object, ...], SocketSpec] = {}
    for spec, section in sockets:
        if spec.path is not None:
            place: tuple[object, ...] = (spec.path,)
            shown, key = spec.path, "path"
        elif spec.port == 0:
            continue
        else:
            host = spec.host.lower()
            place = (host, spec.port, spec.type, spec.interface)
            shown, key = f"{host}:{spec.port}", "port"
        first = seen.setdefault(place, spec)
        if first is not spec and not (first.so_reuseport and spec.so_reuseport):
            report.warn(
                f"{section.at(key)}: the socket {first.name} has {shown}, too: only one of them "
                "can be bound. Give each its own"
            )


def check_plugin(spec: PluginSpec, section: Section, report: Report) -> None:
    """Check that a plugin says which class it is."""
    head, dot, last = spec.use.rpartition(".")
    if not (head and dot and last) or any(char.isspace() for char in spec.use):
        what = f" = {section.show(spec.use)}: not the dotted name of a class" if spec.use else ""
        where = f"{section.at('use')}{what}" if what else f"{section.at()}: says no class to use"
        example = section.example("use", "circus.plugins.flapping.Flapping", quoted=True)
        report.problem(f"{where}. {example}")


def check_arbiter(
    spec: ArbiterSpec, section: Section, report: Report, failed: Collection[str] = ()
) -> None:
    """Check circusd's own options."""
    endpoints = ("endpoint", "pubsub_endpoint", "stats_endpoint")
    seen: dict[str, str] = {}
    for key in endpoints:
        text = getattr(spec, key)
        if text is None:
            continue
        if wrong := endpoint_problem(text):
            example = section.example(key, _ENDPOINT_EXAMPLE, quoted=True)
            report.problem(f"{section.at(key)} = {section.show(text)}: {wrong}. {example}")
        elif text in seen and not text.endswith((":0", ":*")):
            report.problem(
                f"{section.at(key)} = {section.show(text)}: the same as {seen[text]}. "
                f"Give each its own"
            )
        elif (
            key != "stats_endpoint"  # it has no server yet
            and not (spec.allow_insecure or "allow_insecure" in failed)
            and (wrong := exposure(text))
        ):
            report.problem(f"{section.at(key)} = {section.show(text)}: {wrong}")
        seen.setdefault(text, key)
    if spec.endpoint_owner and spec.endpoint and not spec.endpoint.startswith("ipc://"):
        report.warn(
            f"{section.at('endpoint_owner')}: only an ipc:// endpoint has an owner. "
            f"{section.example('endpoint', _ENDPOINT_EXAMPLE, quoted=True)}"
        )
    config = spec.loggerconfig
    if isinstance(config, str) and config != "default" and not config.endswith(_LOGGER_SUFFIXES):
        report.problem(
            f"{section.at('loggerconfig')} = {section.show(config)}: the name must end in "
            f"{', '.join(_LOGGER_SUFFIXES)}, or be the word default"
        )
    if spec.httpd_port > 65535:
        report.problem(f"{section.at('httpd_port')} = {spec.httpd_port}: ports end at 65535")


def endpoint_problem(text: str) -> str | None:
    """Return what is wrong with a ZeroMQ endpoint, or None."""
    scheme, divider, rest = text.partition("://")
    if not divider:
        return "not an endpoint"
    if scheme == "ipc":
        if not rest:
            return "no path"
        if rest[0] in "@*":
            return "no file guards this endpoint"
        return "the path is too long" if _encoded_length(rest) > _MAX_SOCKET_PATH else None
    if scheme == "tcp":
        host, _, port = rest.rpartition(":")
        if not host or not port:
            return "needs a host and a port"
        if port == "*":
            return None
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            return "the port is not a number from 0 to 65535"
        return None
    return None if scheme == "inproc" and rest else f"{scheme}:// is not supported"


def check_unique(what: str, named: Iterable[tuple[str, Section]], report: Report) -> None:
    """Check that no two names are equal when letter case is ignored, as lookups do."""
    seen: dict[str, tuple[str, Section]] = {}
    for name, section in named:
        first = seen.setdefault(name.lower(), (name, section))
        if first[1] is not section:
            place = first[1].locate("")
            same = f"the {what} {name} has the name of another one, {first[0]} at {place}"
            report.problem(f"{section.at()}: {same}; letter case does not count. Rename one")


def _variables_in(text: str | tuple[str, ...] | None) -> list[str]:
    """Return the lower-case names of the variables that a command line mentions."""
    names: list[str] = []
    for part in (text,) if isinstance(text, str) else text or ():
        substitute(part, names.append)
    return names


def _is_variable(name: str) -> bool:
    family, _, member = name.partition(".")
    if member:
        return family in _VARIABLE_FAMILIES
    return name == "wid" or name in options_of(WatcherSpec)


def _no_variable(name: str) -> str:
    known = ("wid", *options_of(WatcherSpec))
    return did_you_mean(name, known) or " See the guide on configuration, Variables"


def _no_socket(name: str, sockets: Collection[str]) -> str:
    hint = did_you_mean(name, sockets) or f" Add a section for the socket {name}"
    known = f" (known: {', '.join(sorted(sockets)[:10])})" if sockets else ""
    return f"there is no such socket{known}.{hint}"


def _unsplittable(text: str) -> str | None:
    """Return why a shell could not split *text*, or None."""
    if not any(char in text for char in "'\"\\"):
        return None  # the common case, without the cost of splitting
    try:
        shlex.split(text)
    except ValueError as error:
        return str(error).lower()
    return None


def _encoded_length(path: str) -> int:
    return len(path.encode("utf-8", "surrogateescape"))


def _fold(name: str) -> str:
    return name.lower()
