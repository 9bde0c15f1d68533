"""Where the log goes: the console, a file or syslog, or what a logging configuration says."""

from __future__ import annotations

import errno
import fcntl
import importlib
import json
import logging
import logging.config
import logging.handlers
import os
import select
import socket
import stat
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from circus.model.errors import ConfigError

LEVELS: Final = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_FORMAT: Final = "%(asctime)s {name}[%(process)d] [%(levelname)s] %(message)s"
_PIPE_ROOM: Final = 4096
"""Bytes that a pipe or terminal takes without blocking once poll(2) says it is writable."""
_SYSLOG_PORT: Final = 514
_UNREAD: Final = "nobody read them"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def configure_logger(
    logger: logging.Logger,
    level: str = "info",
    output: str = "-",
    loggerconfig: str | Mapping[str, Any] | None = None,
    name: str | None = None,
) -> None:
    """Send everything that is logged to *output*, or do what *loggerconfig* says.

    *level* and *output* concern the root logger, so that libraries are heard, too; *logger* only
    has to let everything through. *output* is `-` or `stdout` for the console (stderr), a file,
    which is opened again when it was moved away, or `syslog://host:port?facility` or
    `syslog:///path?facility`. *name* is shown instead of each logger's own.

    *loggerconfig* is a path ending in .ini, .json or .yaml, or the mapping itself (see
    logging.config); `default` means none. Raises ConfigError.
    """
    if isinstance(loggerconfig, str) and loggerconfig.strip().lower() == "default":
        loggerconfig = None
    if loggerconfig is not None:
        _apply(loggerconfig)
        return
    number = LEVELS.get(level.strip().lower())
    if number is None:
        raise ConfigError(f"loglevel = {level}: not one of {', '.join(LEVELS)}")
    handler = _handler(output)
    pattern = _FORMAT.format(name="%(name)s" if name is None else name.replace("%", "%%"))
    handler.setFormatter(logging.Formatter(pattern, DATE_FORMAT))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(number)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


class _CountingHandler(logging.Handler):
    """Counts the lines that could not be written, and tells the count when it works again."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0
        self._why = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, or count it as lost."""
        try:
            if self.lost and self._write(f"({self.lost} log lines lost: {self._why})\n"):
                self.lost = 0
            if self.lost or not self._write(self.format(record) + "\n"):
                self.lost += 1
        except Exception:  # noqa: BLE001 - logging's own contract: a bad record ends nothing
            self.handleError(record)

    def _write(self, text: str) -> bool:
        """Write *text*, or return False with the reason in `_why`."""
        raise NotImplementedError


class ConsoleHandler(_CountingHandler):
    """Writes to a descriptor that somebody may have stopped reading, without ever waiting.

    A full pipe (or a terminal on hold) would stop circusd. Lines that do not fit are counted, and
    the count is told as soon as there is room again.

    That there is room is no promise: workers may write to the same pipe, and be faster. Nor may
    O_NONBLOCK be set on what we share with them. So a pipe or a terminal is opened anew for
    ourselves, and a socket (as the journal gives one) is asked not to wait.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._why = _UNREAD
        self._own, self._write_now = _patient_writer(fd)
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def close(self) -> None:
        """Close what was opened; the descriptor that was given stays open."""
        if self._own >= 0:
            os.close(self._own)
            self._own = -1
        self._write_now = _refuse_to_write
        super().close()

    def _write(self, text: str) -> bool:
        data = text.encode("utf-8", "backslashreplace")
        for start in range(0, len(data), _PIPE_ROOM):
            ready = self._poll.poll(0)
            if not ready or not ready[0][1] & select.POLLOUT:
                return False
            try:
                self._write_now(data[start : start + _PIPE_ROOM])
            except OSError as exc:  # the reader is gone, or somebody was faster: the same to us
                self._why = _UNREAD if exc.errno not in _FULL else _reason(exc)
                return False
        return True


class FileHandler(_CountingHandler):
    """Appends to a file, which is opened again when it was moved away.

    Without buffers: of what a full disk does not take, nothing may come back later.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = os.path.abspath(path)
        self._fd = self._open()
        self._is_torn = False

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()

    def _write(self, text: str) -> bool:
        data = text.encode("utf-8", "replace")
        if self._is_torn:
            data = b"\n" + data
        written = 0
        try:
            self._follow()
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as exc:
            self._is_torn |= written > 0  # the next line begins on a line of its own
            self._why = _reason(exc)
            return False
        self._is_torn = False
        return True

    def _follow(self) -> None:
        """Open the path anew if another file, or none, is there."""
        try:
            if os.path.samestat(os.stat(self.path), os.fstat(self._fd)):
                return
        except FileNotFoundError:
            pass
        opened = self._open()
        os.close(self._fd)
        self._fd, self._is_torn = opened, False

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(self.path, flags, 0o666)


def _reason(exc: OSError) -> str:
    return str(exc.strerror or exc).lower()


def _patient_writer(fd: int) -> tuple[int, Callable[[bytes], object]]:
    """Return what writes to *fd* without waiting, where that can be had, and what to close later.

    -1: there is nothing to close.
    """
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode):
            own = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
            return own, partial(_send_now, own)
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            opened = os.open(f"/proc/self/fd/{fd}", flags)
            own = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, 3)  # whatever of 0, 1 and 2 is open
            os.close(opened)
            return own, partial(os.write, own)
    except OSError:  # it is another user's, or there is no /proc: poll(2) has to do
        pass
    return -1, partial(os.write, fd)


def _send_now(fd: int, data: bytes) -> None:
    sock = socket.socket(fileno=fd)
    try:
        sock.send(data, socket.MSG_DONTWAIT)
    finally:
        sock.detach()


def _refuse_to_write(data: bytes) -> None:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class SyslogHandler(logging.handlers.SysLogHandler):
    """Sends to syslog, and drops what a stalled syslog does not take instead of waiting for it."""

    def createSocket(self) -> None:  # noqa: N802 - the name is logging's
        """Make the socket, which does not block."""
        super().createSocket()
        if not self.unixsocket:
            self.socket.setblocking(False)  # type: ignore[attr-defined]

    def _connect_unixsocket(self, address: str) -> None:
        super()._connect_unixsocket(address)  # type: ignore[misc] # after a failed send, too
        self.socket.setblocking(False)  # type: ignore[attr-defined]

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Pass over a record that could not be sent; report any other mistake."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _handler(output: str) -> logging.Handler:
    if output in ("-", "stdout"):
        try:
            return ConsoleHandler(sys.stderr.fileno())
        except (AttributeError, OSError, ValueError):  # a stand-in without a descriptor
            return logging.StreamHandler()
    if output.startswith("syslog:"):
        return _syslog(output)
    try:
        return FileHandler(output)
    except OSError as exc:
        raise ConfigError(
            f"logoutput = {output}: cannot open it: {str(exc.strerror).lower()}. "
            "Make its directory first, choose another file, or write - for the console"
        ) from exc


def _syslog(output: str) -> logging.Handler:
    facilities = logging.handlers.SysLogHandler.facility_names
    try:
        url = urlsplit(output)
        port = url.port or _SYSLOG_PORT
    except ValueError as exc:
        raise _bad_syslog(output, str(exc).lower()) from exc
    facility = url.query or "user"
    if facility not in facilities:
        raise _bad_syslog(
            output, f"unknown facility {facility!r}: not one of {', '.join(facilities)}"
        )
    address: tuple[str, int] | str
    if url.hostname:
        address = (url.hostname, port)
    elif url.path:
        address = url.path
        if not os.path.exists(address):  # the handler would wait in silence for it to appear
            raise _bad_syslog(output, "no such file or directory")
    else:
        raise _bad_syslog(output, "neither a host nor a path")
    try:
        return SyslogHandler(address, facilities[facility])
    except OSError as exc:
        raise _bad_syslog(output, str(exc.strerror or exc).lower()) from exc


def _bad_syslog(output: str, reason: str) -> ConfigError:
    return ConfigError(
        f"logoutput = {output}: {reason}. "
        "Write for example: logoutput = syslog://localhost:514?daemon or syslog:///dev/log?daemon"
    )


def _apply(loggerconfig: str | Mapping[str, Any]) -> None:
    if not isinstance(loggerconfig, str):
        _apply_mapping(loggerconfig, "loggerconfig")
        return
    suffix = Path(loggerconfig).suffix.lower()
    what = f"loggerconfig = {loggerconfig}"
    try:
        if suffix == ".ini":
            text = Path(loggerconfig).read_text(encoding="utf-8")  # fileConfig passes over a miss
            if "[loggers]" not in text:
                raise ConfigError(f"{what}: no [loggers] section. See logging.config.fileConfig")
            logging.config.fileConfig(loggerconfig, disable_existing_loggers=False)
        elif suffix == ".json":
            _apply_mapping(json.loads(Path(loggerconfig).read_text(encoding="utf-8")), what)
        elif suffix in (".yaml", ".yml"):
            _apply_mapping(_yaml(loggerconfig, what), what)
        else:
            raise ConfigError(f"{what}: not a .ini, .json or .yaml file, nor the word default")
    except OSError as exc:
        raise ConfigError(f"{what}: cannot read it: {str(exc.strerror).lower()}") from exc
    except ConfigError:
        raise
    except Exception as exc:  # whatever the classes that the file names do when they are made
        raise ConfigError(f"{what}: cannot use it: {exc}") from exc


def _apply_mapping(config: Any, what: str) -> None:
    if not isinstance(config, Mapping):
        raise ConfigError(f"{what}: not a mapping. See logging.config.dictConfig")
    try:
        logging.config.dictConfig({"disable_existing_loggers": False, **config})
    except (ValueError, TypeError, AttributeError, ImportError) as exc:
        reason = f"{exc}: {exc.__cause__}" if exc.__cause__ else str(exc)
        raise ConfigError(f"{what}: cannot use it: {reason}") from exc


def _yaml(path: str, what: str) -> Any:
    try:
        yaml = importlib.import_module("yaml")  # optional, so nothing may count on it
    except ImportError as exc:
        raise ConfigError(
            f"{what}: PyYAML is not installed. Install it (pip install pyyaml) or write .json"
        ) from exc
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
