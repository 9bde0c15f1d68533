"""circusd: the daemon's command line, and what concerns its whole process."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from circus import __version__
from circus.model.errors import CircusError

if TYPE_CHECKING:
    from circus.arbiter.service import Service
    from circus.cli.daemonize import Report
    from circus.cli.notify import Notifier
    from circus.config import Loaded
    from circus.loop.signals import SignalWatch
    from circus.model.specs import ArbiterSpec

log = logging.getLogger("circus.circusd")

EXIT_OK: Final = 0
EXIT_START: Final = 1
EXIT_INTERNAL: Final = 70
_LEVELS: Final = ("critical", "error", "warning", "info", "debug")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of circusd's command line."""
    parser = argparse.ArgumentParser(
        prog="circusd",
        description="Run and supervise the processes and sockets of a configuration.",
    )
    parser.add_argument("config", nargs="?", help="configuration file: .ini or .toml")
    parser.add_argument(
        "--check", action="store_true", help="validate the file, show what would run"
    )
    parser.add_argument("--strict", action="store_true", help="refuse what is only warned about")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of the TOML form"
    )
    parser.add_argument(
        "--log-level",
        choices=[*_LEVELS, *(level.upper() for level in _LEVELS)],
        metavar="LEVEL",
        help=f"overrides the file: {', '.join(_LEVELS)}",
    )
    parser.add_argument(
        "--log-output", metavar="WHERE", help="overrides the file: a path, - or syslog://"
    )
    parser.add_argument("--logger-config", metavar="FILE", help="Python logging configuration")
    parser.add_argument("--daemon", action="store_true", help="go to the background once started")
    parser.add_argument("--pidfile", metavar="FILE", help="overrides the file")
    parser.add_argument("--version", action="store_true", help="print the version and the backend")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run circusd; return its exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.version:
        from circus._speedups import BACKEND

        print(f"{__version__} ({BACKEND})")
        return EXIT_OK
    if args.schema:
        import json

        from circus.config.schema import schema

        return _show(json.dumps(schema(), indent=2))
    if args.config is None:
        parser.print_usage()
        return EXIT_OK
    try:
        loaded = _load(args)
    except CircusError as exc:
        print(exc, file=sys.stderr)  # each line says which file
        return EXIT_START
    if args.check:
        from circus.cli.check import check

        return _show(check(loaded))
    report = None
    if args.daemon:
        from circus.cli.daemonize import DaemonizeError, launch

        try:
            report = launch()
        except DaemonizeError as exc:
            return _refuse(exc)
    return _run(loaded, args, report)


def _load(args: argparse.Namespace) -> Loaded:
    """Read the file, at the start and again at a reload; flags win over it each time."""
    from dataclasses import replace

    from circus.config import load

    loaded = load(args.config, strict=args.strict)
    overrides = {
        "loglevel": args.log_level.lower() if args.log_level else None,
        "logoutput": args.log_output,
        "loggerconfig": args.logger_config,
        "pidfile": args.pidfile,
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    return replace(
        loaded, spec=replace(loaded.spec, source=str(Path(args.config).absolute()), **given)
    )


def _run(loaded: Loaded, args: argparse.Namespace, report: Report | None) -> int:
    """Start, run and end one circusd; *report* is who waits for its start, if anybody does."""
    from circus import _speedups
    from circus.process.limits import raise_descriptors

    nofile = raise_descriptors()
    _speedups.reserve()  # low descriptors, while they are free
    spec = loaded.spec
    if spec.umask is not None:
        os.umask(spec.umask)
    try:
        _configure_logging(spec)
    except CircusError as exc:
        return _fail(exc, report)
    try:
        with contextlib.ExitStack() as held:
            try:
                service, notifier = _open(loaded, args, nofile, held)
            except CircusError as exc:
                failure = exc
            else:
                return _serve(service, notifier, report)
        # Said once all was given back: who is told may look for what is left.
        log.error("cannot start: %s", failure)
        on_console = spec.logoutput in ("-", "stdout") and not spec.loggerconfig
        return EXIT_START if on_console and report is None else _fail(failure, report)
    except Exception:
        log.exception("internal error: circusd ends")
        if report is not None:
            report.failed("internal error: see the log of circusd")
        return EXIT_INTERNAL


def _open(
    loaded: Loaded,
    args: argparse.Namespace,
    nofile: tuple[int, int] | None,
    held: contextlib.ExitStack,
) -> tuple[Service, Notifier]:
    """Take all that circusd needs; *held* gives it back, also when something cannot be had.

    Signals are heeded from here on: one that comes before the loop runs is its first event.
    """
    from circus.arbiter.service import Service
    from circus.cli.notify import Notifier
    from circus.cli.pidfile import Pidfile
    from circus.config.missing import missing_parts

    spec = loaded.spec
    for warning in loaded.warnings:
        log.warning("%s", warning)
    for warning in missing_parts(spec):
        log.warning("%s", warning)
    service = Service(spec, read=lambda: _load(args), nofile=nofile)
    notifier = Notifier()
    signals = _signals(service, notifier)
    held.callback(signals.restore)
    pidfile = Pidfile(spec.pidfile) if spec.pidfile else None
    if pidfile is not None:
        held.callback(pidfile.unlink)  # last of all: who waits for that finds everything free
    held.callback(service.close)
    held.callback(signals.quiet)
    signals.install()
    if pidfile is not None:
        pidfile.create(os.getpid())
    service.open()
    return service, notifier


def _signals(service: Service, notifier: Notifier) -> SignalWatch:
    from circus.loop.signals import SignalWatch

    arbiter = service.arbiter

    def terminate() -> None:
        notifier.stopping("stopping all watchers")
        arbiter.quit_by_signal()

    def reload() -> None:
        notifier.reloading()
        try:
            service.restore_endpoints()
            arbiter.reload_config()
        except CircusError as exc:
            log.error("SIGHUP: %s", exc)
        notifier.ready()

    return SignalWatch(
        service.loop,
        {
            signal.SIGTERM: terminate,
            signal.SIGINT: terminate,
            signal.SIGQUIT: terminate,
            signal.SIGHUP: reload,
            signal.SIGCHLD: arbiter.processes.reaper.child_signal,
            signal.SIGWINCH: lambda: None,
            # Their default is the end of circusd, and orphans: senders mean log rotation.
            signal.SIGUSR1: lambda: log.info(
                "SIGUSR1: a log file that was moved is reopened anyway"
            ),
            signal.SIGUSR2: lambda: log.info("SIGUSR2 does nothing"),
        },
    )


def _serve(service: Service, notifier: Notifier, report: Report | None) -> int:
    """Run until told to quit; return the exit status."""
    from circus.process.subreaper import become_subreaper

    if service.arbiter.spec.debug_gc:
        gc.set_debug(gc.DEBUG_LEAK)
    become_subreaper()
    endpoint = service.arbiter.endpoint
    log.info("circusd %s on pid %d, control at %s", __version__, os.getpid(), endpoint)
    notifier.ready()
    if report is not None:
        report.started()
    gc.collect()
    gc.freeze()  # what was loaded stays: a full collection need not look at it, nor hold the loop
    try:
        code = service.run()
    finally:
        notifier.stopping()
    log.info("circusd ends")
    return code


def _configure_logging(spec: ArbiterSpec) -> None:
    from circus.cli.logging_setup import configure_logger

    level = "debug" if spec.debug else spec.loglevel
    configure_logger(logging.getLogger("circus"), level, spec.logoutput, spec.loggerconfig)


def _fail(exc: CircusError, report: Report | None) -> int:
    """Say why circusd cannot start, to whoever launched it or on the console."""
    if report is None:
        return _refuse(exc)
    report.failed(str(exc))
    return EXIT_START


def _show(text: str) -> int:
    """Print a result; a reader that has seen enough, as `head` has, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is buffered goes into the void
    return EXIT_OK


def _refuse(exc: CircusError) -> int:
    print(f"circusd: {exc}", file=sys.stderr)
    return EXIT_START


if __name__ == "__main__":
    sys.exit(main())
