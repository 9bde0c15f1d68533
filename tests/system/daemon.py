"""A real circusd for tests: started, asked over its own wire, and proven gone at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import zmq

DEADLINE = 20.0
"""Seconds that anything in these tests may take on a busy machine."""

MARK = "CIRCUS_TEST_MARK"

CIRCUSD = (sys.executable, "-m", "circus.cli.circusd")
"""The words that run it."""


def wait_for(condition, what="it", seconds=DEADLINE):
    """Return the first true answer of *condition*; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:g} s"
        time.sleep(0.002)
    return answer


def alive(pid):
    """Say whether *pid* runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Daemon:
    """One circusd on a configuration text; every process it starts carries a mark.

    *program*: the words that run it, in place of CIRCUSD; *popen*: what else Popen is told.
    """

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        suffix="toml",
        pure=False,
        args=(),
        env=None,
        program=CIRCUSD,
        **popen,
    ):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.endpoint = f"ipc://{folder}/c"
        self.pubsub = f"ipc://{folder}/e"
        self.config = folder / f"circus.{suffix}"
        self.log_path = folder / "log"
        self._wrap = {"toml": self._toml, "ini": self._ini}[suffix]
        self.write(text)
        self._context = zmq.Context()
        environ = {**os.environ, "CIRCUS_PURE": "1" if pure else "", MARK: self.mark}
        environ.update(env or {})
        with self.log_path.open("wb") as log:
            options = {"stdout": log, "stderr": log, "cwd": os.environ.get("PWD"), **popen}
            self.process = subprocess.Popen(
                [*program, *args, str(self.config)], env=environ, **options
            )
        self.pid = self.process.pid

    def _toml(self, text):
        return (
            f'[circus]\nendpoint = "{self.endpoint}"\npubsub_endpoint = "{self.pubsub}"\n'
            f"{text}\n[env]\n{MARK} = '{self.mark}'\n"
        )

    def _ini(self, text):
        return (
            f"[circus]\nendpoint = {self.endpoint}\npubsub_endpoint = {self.pubsub}\n"
            f"{text}\n[env]\n{MARK} = {self.mark}\n"
        )

    def write(self, text):
        """Write the configuration anew; *text* begins with further options of [circus]."""
        self.config.write_text(self._wrap(text))

    def log(self):
        return self.log_path.read_text()

    def socket(self):
        """A DEALER connected to the control endpoint."""
        dealer = self._context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.connect(self.endpoint)
        return dealer

    def call(self, command, *, seconds=DEADLINE, **properties):
        """Send one request and return its reply."""
        with self.socket() as dealer:
            request = {"id": uuid.uuid4().hex, "command": command, "properties": properties}
            dealer.send(json.dumps(request).encode())
            assert dealer.poll(seconds * 1000), f"no answer to {command}; log:\n{self.log()}"
            reply = json.loads(dealer.recv())
        assert reply["id"] == request["id"]
        return reply

    def ok(self, command, **properties):
        """Send one request whose reply has to be no error."""
        reply = self.call(command, **properties)
        assert reply["status"] != "error", f"{reply}\n{self.log()}"
        return reply

    def status(self, name):
        return self.call("status", name=name)["status"]

    def pids(self, name):
        return self.ok("list", name=name)["pids"]

    def wait_pids(self, name, count):
        """Wait until the watcher has *count* live processes and return them."""

        def found():
            pids = self.pids(name)
            return len(pids) == count and (pids or [None])

        answer = wait_for(found, f"{count} processes of {name}; log:\n{self.log()}")
        return [pid for pid in answer if pid]

    def wait_deaf(self, name):
        """Wait until the one worker of *name* ignores SIGTERM, as it is to; return its pid."""
        (pid,) = self.wait_pids(name, 1)
        bit = 1 << (signal.SIGTERM - 1)

        def ignores():
            status = Path(f"/proc/{pid}/status").read_text()
            return int(status.partition("SigIgn:")[2].split()[0], 16) & bit

        wait_for(ignores, "ignoring SIGTERM")
        return [pid]

    def ready(self):
        """Wait until it answers."""
        assert self.call("numwatchers")["status"] == "ok"
        return self

    def subscribe(self, topic="watcher."):
        subscriber = self._context.socket(zmq.SUB)
        subscriber.linger = 0
        subscriber.subscribe(topic)
        subscriber.connect(self.pubsub)
        return Events(subscriber, self)

    def family(self):
        """All living processes that carry the mark, circusd not counted."""
        found = []
        wanted = f"{MARK}={self.mark}".encode()
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != self.pid:
                with suppress(OSError):
                    environ = Path(f"/proc/{entry}/environ").read_bytes()
                    if wanted in environ.split(b"\0") and alive(int(entry)):
                        found.append(int(entry))
        return found

    def terminate(self, seconds=DEADLINE):
        """SIGTERM; return the exit status."""
        self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds=DEADLINE):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"circusd does not end; log:\n{self.log()}") from None

    def close(self):
        """End it however it takes; nothing of it may be left if it ended by itself."""
        if self.process.poll() is None:
            self.process.terminate()
        left = []
        try:
            self.process.wait(DEADLINE)
            left = self.family()
        finally:
            self.process.kill()
            self.process.wait()
            for pid in self.family():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._context.destroy(0)
        assert not left, f"circusd left {left} behind; log:\n{self.log()}"
        assert "Traceback" not in self.log(), self.log()


class Events:
    """A subscription that tells what came."""

    def __init__(self, subscriber, daemon):
        self._socket = subscriber
        self._daemon = daemon
        self.seen = []

    def settle(self):
        """Wait until the subscription is in force, by an event made for it."""
        name = f"probe{uuid.uuid4().hex[:8]}"
        self._daemon.ok("add", name=name, cmd="true")
        while not self._socket.poll(20):
            self._daemon.ok("rm", name=name)
            self._daemon.ok("add", name=name, cmd="true")
        self._daemon.ok("rm", name=name)
        self.until(lambda topic, body: topic == f"watcher.{name}.remove")
        self.seen.clear()
        return self

    def until(self, condition, seconds=DEADLINE):
        """Collect events up to the first that meets *condition*(topic, body); return it."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            came = left > 0 and self._socket.poll(left * 1000)
            assert came, f"only came: {self.seen}"
            topic, body = self._socket.recv_multipart()
            event = (topic.decode(), json.loads(body))
            self.seen.append(event)
            if condition(*event):
                return event

    def actions(self, name):
        """The actions seen of one watcher, in order."""
        return [topic.rpartition(".")[2] for topic, _ in self.seen if topic.split(".")[1] == name]

    def close(self):
        self._socket.close()
