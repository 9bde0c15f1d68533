"""Where the log goes, and what is said where it cannot go there."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus.cli.logging_setup import ConsoleHandler, FileHandler, SyslogHandler, configure_logger
from circus.model.errors import ConfigError

LOG = logging.getLogger("circus")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, LOG.level, LOG.propagate)
    yield
    for handler in root.handlers[:]:
        if handler not in before[0]:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:], root.level = before[0], before[1]
    LOG.level, LOG.propagate = before[2], before[3]
    LOG.handlers.clear()
    logging.getLogger("other").handlers.clear()


def test_a_line_says_when_who_and_how_bad(tmp_path: Path):
    path = tmp_path / "circus.log"
    configure_logger(LOG, "info", str(path))
    LOG.info("reaped watcher=%s", "web")
    LOG.debug("not shown")
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d circus\[{os.getpid()}\] \[INFO\] reaped watcher=web\n",
        path.read_text(),
    )


def test_the_whole_process_is_heard(tmp_path: Path):
    configure_logger(LOG, "WARNING", str(tmp_path / "log"))
    logging.getLogger("some.library").warning("careful")
    logging.getLogger("circus.arbiter").error("bad")
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        f"some.library[{os.getpid()}] [WARNING] careful",
        f"circus.arbiter[{os.getpid()}] [ERROR] bad",
    ]


def test_configuring_twice_leaves_one_handler(tmp_path: Path):
    configure_logger(LOG, "info", str(tmp_path / "first"))
    configure_logger(LOG, "info", str(tmp_path / "second"))
    LOG.info("once")
    assert (tmp_path / "first").read_text() == ""
    assert (tmp_path / "second").read_text().count("once") == 1


def test_a_name_of_ones_own(tmp_path: Path):
    configure_logger(LOG, "info", str(tmp_path / "log"), name="my 100% daemon")
    LOG.info("x")
    assert f" my 100% daemon[{os.getpid()}] " in (tmp_path / "log").read_text()


def test_a_file_that_was_moved_away_is_opened_again(tmp_path: Path):
    path = tmp_path / "log"
    configure_logger(LOG, "info", str(path))
    LOG.info("before")
    path.rename(tmp_path / "log.1")
    LOG.info("after")
    assert "before" in (tmp_path / "log.1").read_text()
    assert "after" in path.read_text()
    assert "before" not in path.read_text()


@pytest.mark.parametrize("output", ["-", "stdout"])
def test_the_console_is_stderr(output: str, capfd: pytest.CaptureFixture[str], monkeypatch):
    with open(2, "w", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        configure_logger(LOG, "info", output)
        LOG.info("hello")
        shown = capfd.readouterr()
    assert "[INFO] hello" in shown.err
    assert shown.out == ""


def test_an_unknown_level():
    with pytest.raises(ConfigError, match="loglevel = loud: not one of critical, error"):
        configure_logger(LOG, "loud", "-")


def test_a_file_that_cannot_be_opened(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        configure_logger(LOG, "info", str(tmp_path / "missing" / "log"))
    assert str(caught.value) == (
        f"logoutput = {tmp_path}/missing/log: cannot open it: no such file or directory. "
        "Make its directory first, choose another file, or write - for the console"
    )


def test_a_failed_configuration_changes_nothing(tmp_path: Path):
    configure_logger(LOG, "info", str(tmp_path / "log"))
    with pytest.raises(ConfigError):
        configure_logger(LOG, "debug", str(tmp_path / "missing" / "log"))
    LOG.info("still here")
    assert "still here" in (tmp_path / "log").read_text()


# A console that nobody reads


def console(fd: int) -> ConsoleHandler:
    handler = ConsoleHandler(fd)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("circus", logging.INFO, "", 0, text, None, None)


def test_a_full_pipe_does_not_stop_us_and_losses_are_told():
    reader, writer = os.pipe()
    try:
        handler = console(writer)
        line = "x" * 1000
        for _ in range(1000):
            handler.emit(record(line))
        lost = handler.lost
        assert lost > 800
        read = os.read(reader, 1 << 20)
        assert read.count(b"\n") + lost == 1000
        handler.emit(record("back"))
        assert os.read(reader, 1 << 20) == (
            f"({lost} log lines lost: nobody read them)\nback\n".encode()
        )
        assert handler.lost == 0
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("make", [os.pipe, socket.socketpair])
def test_it_never_waits_even_where_others_fill_the_room_that_there_was(make, monkeypatch):
    """Between the question and the write a worker was faster: the question is no promise."""
    reader, writer = make()
    fd = writer if isinstance(writer, int) else writer.fileno()
    handler = console(fd)

    class Optimist:
        def poll(self, timeout):
            return [(fd, select.POLLOUT)]

    monkeypatch.setattr(handler, "_poll", Optimist())
    for _ in range(1000):
        handler.emit(record("x" * 1000))
    assert handler.lost > 100
    assert os.get_blocking(fd), "what is shared with workers stays as it was"
    handler.close()
    for end in (reader, writer):
        os.close(end) if isinstance(end, int) else end.close()


def test_a_reader_that_is_gone_does_not_end_us():
    reader, writer = os.pipe()
    os.close(reader)
    handler = console(writer)
    handler.emit(record("into the void"))
    assert handler.lost == 1
    os.close(writer)


# A file that cannot be written


class Disk:
    """os.write to a disk with *room* bytes left."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(fd, data[: self.room])
        self.room -= written
        return written


def file(path: Path) -> FileHandler:
    handler = FileHandler(str(path))
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def test_a_full_disk_is_no_traceback_and_losses_are_told_once(tmp_path, monkeypatch, capfd):
    handler, disk = file(tmp_path / "log"), Disk(room=10)
    monkeypatch.setattr(os, "write", disk.write)
    for text in ("first", "second", "third"):
        handler.emit(record(text))
    assert handler.lost == 2
    disk.room = 1000
    handler.emit(record("fourth"))
    handler.emit(record("fifth"))
    handler.close()
    assert (tmp_path / "log").read_text().splitlines() == [
        "first",
        "seco",
        "(2 log lines lost: no space left on device)",
        "fourth",
        "fifth",
    ]
    assert capfd.readouterr().err == ""


def test_a_directory_that_went_away_is_no_traceback(tmp_path, capfd):
    place = tmp_path / "logs"
    place.mkdir()
    handler = file(place / "log")
    place.rename(tmp_path / "away")
    handler.emit(record("lost"))
    place.mkdir()
    handler.emit(record("back"))
    handler.close()
    assert (place / "log").read_text() == "(1 log lines lost: no such file or directory)\nback\n"
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_the_console_may_be_a_full_disk_too():
    with open("/dev/full", "wb", buffering=0) as full:
        handler = console(full.fileno())
        handler.emit(record("lost"))
        assert (handler.lost, handler._why) == (1, "no space left on device")
        handler.close()


# Syslog


def test_syslog_by_its_socket_file(tmp_path: Path):
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(path))
        syslog.settimeout(5)
        configure_logger(LOG, "info", f"syslog://{path}?daemon")
        LOG.error("disk full")
        message = syslog.recv(1000)
    assert message.startswith(b"<27>")  # daemon (3) * 8 + error (3)
    assert b"[ERROR] disk full" in message


def test_syslog_by_the_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(5)
        configure_logger(LOG, "info", f"syslog://127.0.0.1:{syslog.getsockname()[1]}")
        LOG.info("hello")
        assert syslog.recv(1000).startswith(b"<14>")  # user (1) * 8 + info (6)


def test_a_syslog_that_does_not_read_is_not_waited_for(tmp_path: Path):
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stalled:
        stalled.bind(str(path))
        handler = SyslogHandler(str(path))
        for _ in range(2_000):
            handler.emit(record("x" * 500))
        handler.close()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("syslog://localhost?nonsense", "unknown facility 'nonsense'"),
        ("syslog://localhost:port", "port"),
        ("syslog://", "neither a host nor a path"),
        ("syslog:///no/such/socket", "no such file or directory"),
    ],
)
def test_a_syslog_that_cannot_be_used(output: str, said: str):
    with pytest.raises(ConfigError, match="Write for example: logoutput = syslog://") as caught:
        configure_logger(LOG, "info", output)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"logoutput = {output}: ")


# A logging configuration of one's own

CONFIG = {
    "version": 1,
    "formatters": {"short": {"format": "mine %(message)s"}},
    "handlers": {"file": {"class": "logging.FileHandler", "formatter": "short"}},
    "root": {"level": "INFO", "handlers": ["file"]},
}
INI = """
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = short
[logger_root]
level = INFO
handlers = file
[handler_file]
class = FileHandler
formatter = short
args = ({path!r},)
[formatter_short]
format = mine %(message)s
"""


def config(log: Path) -> dict:
    return CONFIG | {"handlers": {"file": CONFIG["handlers"]["file"] | {"filename": str(log)}}}


@pytest.fixture(params=["ini", "json", "mapping"])
def loggerconfig(request: pytest.FixtureRequest, tmp_path: Path) -> str | dict:
    log = tmp_path / "log"
    if request.param == "mapping":
        return config(log)
    path = tmp_path / f"logging.{request.param}"
    text = INI.format(path=str(log)) if request.param == "ini" else json.dumps(config(log))
    path.write_text(text)
    return str(path)


def test_it_replaces_level_and_output(tmp_path: Path, loggerconfig: str | dict):
    existing = logging.getLogger("other")
    configure_logger(LOG, "critical", str(tmp_path / "unused"), loggerconfig)
    LOG.info("hello")
    existing.info("not switched off")
    assert (tmp_path / "log").read_text() == "mine hello\nmine not switched off\n"
    assert not (tmp_path / "unused").exists()


def test_default_means_none(tmp_path: Path):
    configure_logger(LOG, "info", str(tmp_path / "log"), "default")
    LOG.info("hello")
    assert "[INFO] hello" in (tmp_path / "log").read_text()


def test_yaml_needs_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "logging.yaml"
    path.write_text("version: 1")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"PyYAML is not installed\. Install it"):
        configure_logger(LOG, "info", "-", str(path))


def test_yaml_with_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "logging.yaml"
    path.write_text(json.dumps(config(tmp_path / "log")))  # JSON is YAML
    stand_in = type(sys)("yaml")
    stand_in.safe_load = json.loads
    monkeypatch.setitem(sys.modules, "yaml", stand_in)
    configure_logger(LOG, "info", "-", str(path))
    LOG.info("hello")
    assert (tmp_path / "log").read_text() == "mine hello\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("logging.conf", "", "not a .ini, .json or .yaml file, nor the word default"),
        ("logging.json", "{", "cannot use it"),
        ("logging.json", "[]", "not a mapping"),
        ("logging.json", '{"version": 2}', "Unsupported version: 2"),
        ("logging.ini", "[circus]", "no [loggers] section"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, name: str, text: str, said: str):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        configure_logger(LOG, "info", "-", str(path))
    assert str(caught.value).startswith(f"loggerconfig = {path}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("suffix", ["ini", "json"])
def test_a_configuration_that_is_not_there(tmp_path: Path, suffix: str):
    with pytest.raises(ConfigError, match="cannot read it: no such file or directory"):
        configure_logger(LOG, "info", "-", str(tmp_path / f"missing.{suffix}"))
