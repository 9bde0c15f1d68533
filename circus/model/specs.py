"""What the operator asked for. Specs are frozen and validated; they are built only at the edge.

Mappings inside a spec are never changed: a change is a new spec (`dataclasses.replace`).
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from circus.model.kinds import (
    ACCOUNT,
    ARGS,
    BOOL,
    COUNT,
    FLOAT,
    INT,
    OCTAL,
    PATH,
    SECONDS,
    SIGNAL,
    TEXT,
    WORDS,
    choice,
)
from circus.model.options import EMPTY, Live, option

HOOK_NAMES: Final = (
    "before_start",
    "after_start",
    "before_spawn",
    "after_spawn",
    "before_stop",
    "after_stop",
    "before_signal",
    "after_signal",
    "before_reap",
    "after_reap",
    "extended_stats",
)
LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherSpec:
    """One command and how its worker processes are kept running."""

    name: str
    cmd: str = option(
        "", TEXT, guarded=True, example="sleep 60", help="the command line; split as a shell would"
    )
    args: str | tuple[str, ...] = option(
        "", ARGS, guarded=True, help="arguments appended to cmd; a list is passed as it is"
    )
    numprocesses: int = option(
        1, COUNT, live=Live.NOTHING, help="how many worker processes to keep running"
    )
    warmup_delay: float = option(
        0.0, SECONDS, live=Live.NOTHING, help="seconds between two spawns of this watcher"
    )
    executable: str | None = option(
        None, PATH, in_add=False, in_set=False, help="accepted for compatibility; not used"
    )
    working_dir: str | None = option(
        None, PATH, guarded=True, help="directory the workers start in; default: circusd's own"
    )
    shell: bool = option(
        False, BOOL, guarded=True, help="run the command through sh -c; see the guide on quoting"
    )
    shell_args: str | None = option(
        None,
        TEXT,
        guarded=True,
        in_add=False,
        in_set=False,
        example="one two",
        help="words after the sh -c string",
    )
    uid: str | int | None = option(
        None, ACCOUNT, guarded=True, help="user (name or number) that the workers run as"
    )
    gid: str | int | None = option(
        None, ACCOUNT, guarded=True, help="group of the workers; default: the user's own"
    )
    umask: int | None = option(
        None, OCTAL, guarded=True, help="file mode mask of the workers, octal; default: circusd's"
    )
    on_demand: bool = option(
        False, BOOL, in_add=False, in_set=False, help="start at the first connection to a socket"
    )
    send_hup: bool = option(
        False, BOOL, live=Live.NOTHING, help="reload sends SIGHUP instead of replacing workers"
    )
    stop_signal: int = option(
        int(signal.SIGTERM), SIGNAL, live=Live.NOTHING, help="signal that asks a worker to stop"
    )
    stop_children: bool = option(
        False, BOOL, live=Live.NOTHING, help="send the stop signal to a worker's children, too"
    )
    max_retry: int = option(
        5,
        INT,
        live=Live.NOTHING,
        example="5",
        help="spawn attempts in a row that may fail before the watcher gives up; -1: endless",
    )
    graceful_timeout: float = option(
        30.0, SECONDS, live=Live.NOTHING, help="seconds between the stop signal and SIGKILL"
    )
    priority: int = option(
        0,
        INT,
        live=Live.NEXT_START,
        in_add=False,
        in_set=False,
        example="10",
        help="higher starts first",
    )
    use_sockets: bool = option(
        False, BOOL, in_add=False, in_set=False, help="pass the managed sockets to the workers"
    )
    singleton: bool = option(
        False, BOOL, live=Live.NOTHING, help="never more than one process; incr and decr do nothing"
    )
    copy_env: bool = option(False, BOOL, guarded=True, help="start from circusd's environment")
    copy_path: bool = option(
        False, BOOL, guarded=True, in_add=False, in_set=False, help="pass circusd's sys.path on"
    )
    respawn: bool = option(True, BOOL, live=Live.NOTHING, help="replace a worker that ended")
    autostart: bool = option(
        True, BOOL, live=Live.NEXT_START, in_add=False, in_set=False, help="start with circusd"
    )
    close_child_stdin: bool = option(True, BOOL, help="stdin of the workers is /dev/null")
    close_child_stdout: bool = option(False, BOOL, help="stdout of the workers is /dev/null")
    close_child_stderr: bool = option(False, BOOL, help="stderr of the workers is /dev/null")
    stdin_socket: str | None = option(
        None,
        TEXT,
        in_add=False,
        in_set=False,
        example="web",
        help="managed socket to put on descriptor 0",
    )
    max_age: float = option(
        0.0, SECONDS, live=Live.NEXT_START, help="seconds until a worker is replaced; 0: never"
    )
    max_age_variance: float = option(
        30.0,
        SECONDS,
        live=Live.NEXT_START,
        help="at most this many seconds, drawn once per worker, are added to max_age",
    )
    virtualenv: str | None = option(
        None,
        PATH,
        guarded=True,
        in_add=False,
        in_set=False,
        example="/srv/app/.venv",
        help="virtualenv of the workers",
    )
    virtualenv_py_ver: str | None = option(
        None,
        TEXT,
        guarded=True,
        in_add=False,
        in_set=False,
        example="3.11",
        help="its Python version, as in 3.11",
    )
    check_flapping: bool | None = option(
        None, BOOL, live=Live.NOTHING, in_add=False, in_set=False, help="accepted; has no effect"
    )
    backoff_min: float = option(
        0.25,
        SECONDS,
        live=Live.NOTHING,
        help="seconds before the second restart in a row; it doubles with each further one",
    )
    backoff_max: float = option(
        60.0, SECONDS, live=Live.NOTHING, help="longest pause between two restarts, in seconds"
    )
    backoff_reset: float = option(
        10.0,
        SECONDS,
        live=Live.NOTHING,
        help="a worker that stayed up this many seconds starts the count anew",
    )
    ready_after: float = option(
        1.0,
        SECONDS,
        live=Live.NOTHING,
        help="seconds a newcomer must stay up in a reload before an old worker is taken away",
    )
    # Families of keys (env, rlimit_X, hooks.X, stdout_stream.X): read as a whole.
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    rlimits: Mapping[str, int | None] = field(default_factory=lambda: EMPTY)
    """Limit name, lower case without RLIMIT_ ("nofile") -> soft and hard value; None: unlimited."""
    hooks: Mapping[str, tuple[Any, bool]] = field(default_factory=lambda: EMPTY)
    """Hook name -> (dotted name or callable, ignore its failure)."""
    stdout_stream: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    stderr_stream: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    extra: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """Keys that Circus does not know, kept for plugins and programs that read their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSpec:
    """One managed socket: circusd binds it, workers inherit it."""

    name: str
    host: str = option(
        "localhost", TEXT, live=Live.REBIND, example="127.0.0.1", help="address to bind"
    )
    port: int = option(
        8080, COUNT, live=Live.REBIND, example="8000", help="port to bind; 0 picks a free one"
    )
    family: str = option(
        "AF_INET",
        choice("AF_INET", "AF_INET6", "AF_UNIX"),
        live=Live.REBIND,
        help="address family",
    )
    type: str = option(
        "SOCK_STREAM",
        choice("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"),
        live=Live.REBIND,
        help="socket type",
    )
    proto: str | None = option(
        None, TEXT, live=Live.REBIND, example="tcp", help="protocol name, as in tcp"
    )
    path: str | None = option(
        None,
        PATH,
        live=Live.REBIND,
        example="/run/app/web.sock",
        help="path of a unix socket; implies family AF_UNIX",
    )
    umask: int | None = option(
        None, OCTAL, live=Live.REBIND, help="octal mask for a unix socket's file mode"
    )
    replace: bool = option(
        False, BOOL, live=Live.REBIND, help="remove a file that is in the way of a unix socket"
    )
    interface: str | None = option(
        None,
        TEXT,
        live=Live.REBIND,
        example="eth0",
        help="network device to bind to (needs CAP_NET_RAW)",
    )
    backlog: int = option(
        2048, COUNT, live=Live.NOTHING, example="1024", help="length of the accept queue"
    )
    so_reuseport: bool = option(
        False, BOOL, live=Live.REBIND, help="set SO_REUSEPORT: one listener per worker"
    )
    blocking: bool = option(False, BOOL, live=Live.NOTHING, help="leave the socket blocking")
    nodelay: bool = option(
        True, BOOL, live=Live.NOTHING, help="set TCP_NODELAY; accepted connections inherit it"
    )
    extra: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """One plugin: a class that runs in a process of its own."""

    name: str
    use: str = option(
        "",
        TEXT,
        live=Live.NEXT_START,
        example="circus.plugins.flapping.Flapping",
        help="dotted name of the plugin class",
    )
    priority: int = option(1, INT, live=Live.NEXT_START, example="10", help="higher starts first")
    config: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """Every other key of the section: what the plugin reads."""


def _global(default: Any, kind: Any, *, help: str, example: str | None = None) -> Any:
    return option(
        default,
        kind,
        live=Live.RESTART,
        in_add=False,
        in_set=False,
        help=help,
        example=example,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterSpec:
    """Everything circusd was asked to do: its own options, watchers, sockets and plugins."""

    endpoint: str | None = _global(
        None,
        TEXT,
        example="ipc:///run/circus/control",
        help="control endpoint; default: ipc:// under the runtime directory",
    )
    endpoint_owner: str | None = _global(
        None,
        TEXT,
        example="www-data",
        help="user who may use an ipc:// endpoint beside circusd's own",
    )
    pubsub_endpoint: str | None = _global(
        None,
        TEXT,
        example="ipc:///run/circus/events",
        help="event endpoint; default: ipc:// under the runtime directory",
    )
    allow_insecure: bool = _global(
        False, BOOL, help="allow a TCP endpoint that other hosts can reach, without any login"
    )
    multicast_endpoint: str | None = _global(
        None,
        TEXT,
        example="udp://237.219.251.97:12027",
        help="accepted for compatibility; discovery by UDP is off",
    )
    statsd: bool = _global(False, BOOL, help="run circusd-stats as a watcher")
    stats_endpoint: str | None = _global(
        None, TEXT, example="ipc:///run/circus/stats", help="endpoint of the stats stream"
    )
    check_delay: float = _global(
        5.0, FLOAT, help="accepted for compatibility; deaths are noticed at once, nothing polls"
    )
    warmup_delay: float = _global(0.0, SECONDS, help="seconds between the start of two watchers")
    umask: int | None = _global(None, OCTAL, help="file mode mask of circusd and its workers")
    pidfile: str | None = _global(
        None, PATH, example="/run/circus/circusd.pid", help="file that holds circusd's process id"
    )
    loglevel: str = _global(
        "info", choice(*LOG_LEVELS), example="info", help="least severe level that is logged"
    )
    logoutput: str = _global(
        "-",
        TEXT,
        example="/var/log/circus.log",
        help="where the log goes: - (stderr), a file, or syslog://host:port?facility",
    )
    loggerconfig: Any = _global(
        None,
        PATH,
        example="/etc/circus/logging.json",
        help="Python logging configuration: .ini, .json or .yaml",
    )
    debug: bool = _global(False, BOOL, help="debug logging, and plugins write to circusd's output")
    debug_gc: bool = _global(False, BOOL, help="Python garbage collector debugging")
    httpd: bool = _global(False, BOOL, help="run the web console as a watcher")
    httpd_host: str = _global(
        "localhost", TEXT, example="127.0.0.1", help="address of the web console"
    )
    httpd_port: int = _global(8080, COUNT, example="8080", help="port of the web console")
    fqdn_prefix: str | None = _global(
        None, TEXT, example="east", help="prefix of the host name circusd gives"
    )
    include: tuple[str, ...] = _global(
        (), WORDS, example="conf.d/*", help="more files to read; paths or patterns"
    )
    include_dir: tuple[str, ...] = _global(
        (), WORDS, example="conf.d", help="directories whose *.ini are read"
    )

    watchers: tuple[WatcherSpec, ...] = ()
    sockets: tuple[SocketSpec, ...] = ()
    plugins: tuple[PluginSpec, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    source: str | None = None
    """Path of the file it was read from; None when a program built it."""
