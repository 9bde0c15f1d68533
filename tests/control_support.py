"""An arbiter in memory, and a server with a raw client: what the tests of control stand on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import zmq

from circus.control.api import Operation
from circus.control.server import Server
from circus.loop.loop import Loop
from circus.model.errors import CommandError
from circus.model.specs import ArbiterSpec, WatcherSpec

DEADLINE = 10.0
"""Seconds that a test waits for what should happen at once, before it fails."""


@dataclass
class FakeWorker:
    pid: int
    wid: int
    started: float = 1000.0


@dataclass
class FakeWatcher:
    spec: WatcherSpec
    state: str = "active"
    numprocesses: int = 1
    note: dict[str, Any] | None = None
    own: list[FakeWorker] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.spec.name

    def status(self) -> str:
        return self.state

    def detail(self) -> Mapping[str, Any] | None:
        return self.note

    def pids(self) -> list[int]:
        return [worker.pid for worker in self.own]

    def count(self) -> int:
        return len(self.own)

    def workers(self) -> list[FakeWorker]:
        return self.own

    def environment(self) -> dict[str, str]:
        return {"HOME": "/", **self.spec.env}


class FakeArbiter:
    """Remembers what it was asked to do; operations end when `finish` is called."""

    def __init__(self, *watchers: FakeWatcher) -> None:
        self.spec = ArbiterSpec(multicast_endpoint="udp://237.219.251.97:12027")
        self.endpoint = "ipc:///c"
        self.pubsub_endpoint = "ipc:///p"
        self.pid = 42
        self.sockets: list[dict[str, Any]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.now: Callable[[], float] = lambda: 0.0
        self.patience = 30.0
        self.result: dict[str, Any] | Exception | None = None
        self._watchers = {watcher.name.lower(): watcher for watcher in watchers}

    def watchers(self) -> list[FakeWatcher]:
        return list(self._watchers.values())

    def watcher(self, name: str) -> FakeWatcher:
        return self._watchers[name.lower()]

    def numprocesses(self) -> int:
        return sum(watcher.count() for watcher in self.watchers())

    def listsockets(self) -> list[dict[str, Any]]:
        return self.sockets

    def finish(self, result: dict[str, Any] | Exception) -> None:
        """Let every operation end with *result*."""
        self.result = result

    def _operation(self, *names: str) -> Operation:
        def poll() -> dict[str, Any] | None:
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

        watchers = frozenset(name.lower() for name in names or self._watchers)
        return Operation(watchers, poll, lambda: "pid 7 is left", self.now() + self.patience)

    def _note(self, *call: Any, names: tuple[str, ...] = ()) -> Operation:
        self.calls.append(call)
        return self._operation(*names)

    def start(self, names: list[str] | None) -> Operation:
        return self._note("start", names, names=tuple(names or ()))

    def stop(self, names: list[str] | None) -> Operation:
        return self._note("stop", names, names=tuple(names or ()))

    def restart(self, names: list[str] | None) -> Operation:
        return self._note("restart", names, names=tuple(names or ()))

    def reload(self, name: str | None, *, graceful: bool, sequential: bool) -> Operation:
        return self._note("reload", name, graceful, sequential, names=(name,) if name else ())

    def scale(self, name: str, numprocesses: int) -> Operation:
        self.watcher(name).numprocesses = numprocesses
        return self._note("scale", name, numprocesses, names=(name,))

    def kill(self, name: str, pid: Any, signum: Any, timeout: Any) -> Operation:
        return self._note("kill", name, pid, signum, timeout, names=(name,))

    def signal(self, name: str, signum: int, **which: Any) -> None:
        self.calls.append(("signal", name, signum, which))

    def add(self, spec: WatcherSpec, *, start: bool) -> Operation:
        self._watchers[spec.name.lower()] = FakeWatcher(spec)
        return self._note("add", spec, start, names=(spec.name,))

    def remove(self, name: str, *, nostop: bool) -> Operation:
        del self._watchers[name.lower()]
        return self._note("remove", name, nostop, names=(name,))

    def configure(self, name: str, changes: Mapping[str, Any]) -> Operation:
        watcher = self.watcher(name)
        watcher.spec = replace(watcher.spec, **changes)
        return self._note("configure", name, dict(changes), names=(name,))

    def reload_config(self) -> Operation:
        return self._note("reload_config")

    def quit(self) -> Operation:
        return self._note("quit")

    def process_record(self, pid: int) -> dict[str, Any] | str:
        if pid == 13:
            return "No such process (stopped?)"
        return {
            "pid": pid,
            "cmdline": "sleep",
            "username": "root",
            "nice": 0,
            "mem_info1": "1.40M",
            "mem_info2": "2.40M",
            "cpu": 0.0,
            "mem": 0.006,
            "ctime": "0:00.00",
            "children": [{"pid": pid + 1, "cmdline": "child", "children": []}],
        }


def web_arbiter() -> FakeArbiter:
    """Return an arbiter with the watchers Web (two processes) and `beta two` (a singleton)."""
    web = FakeWatcher(
        WatcherSpec(name="Web", cmd="sleep 60", env={"PORT": "80"}),
        numprocesses=2,
        own=[FakeWorker(11, 1), FakeWorker(13, 2)],
    )
    beta = FakeWatcher(WatcherSpec(name="beta two", cmd="cat", singleton=True), state="stopped")
    return FakeArbiter(web, beta)


class Rig:
    """A server on a loop that the test turns by hand, and clients."""

    def __init__(self, arbiter: FakeArbiter, endpoint: str, **settings: Any) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.loop = Loop()
        self.arbiter = arbiter
        self._sockets: list[Any] = []
        arbiter.now = self.loop.time
        self.server = Server(
            self.loop, arbiter, context=self.context, endpoint=endpoint, **settings
        )

    def client(self, kind: int = zmq.DEALER, **options: int) -> Any:
        sock = self.socket(kind)
        for name, value in options.items():
            sock.setsockopt(getattr(zmq, name), value)
        sock.connect(self.server.endpoint)
        return sock

    def socket(self, kind: int) -> Any:
        sock = self.context.socket(kind)
        self._sockets.append(sock)
        sock.linger = 0
        return sock

    def until(self, condition: Callable[[], Any]) -> Any:
        """Turn the loop until *condition* holds; fail when it does not in time."""
        limit = time.monotonic() + DEADLINE
        while not (found := condition()):
            assert time.monotonic() < limit, "it did not happen in time"
            self.loop.run_once(0.01)
        return found

    def receive(self, sock: Any) -> list[bytes]:
        self.until(lambda: sock.getsockopt(zmq.EVENTS) & zmq.POLLIN)
        frames: list[bytes] = sock.recv_multipart(zmq.NOBLOCK)
        return frames

    def ask(self, sock: Any, *frames: bytes) -> dict[str, Any]:
        sock.send_multipart(frames)
        reply: dict[str, Any] = json.loads(self.receive(sock)[-1])
        return reply

    def call(self, sock: Any, command: str, **props: Any) -> dict[str, Any]:
        return self.ask(sock, json.dumps({"command": command, "properties": props}).encode())

    def settle(self, sock: Any) -> None:
        """Turn until everything sent before was handled: an answered request proves it."""
        assert self.call(sock, "numwatchers")["status"] == "ok"

    def close(self) -> None:
        self.server.close()
        for sock in self._sockets:
            sock.close()
        self.context.term()
        self.loop.close()


@contextmanager
def rig(arbiter: FakeArbiter, endpoint: str, **settings: Any) -> Iterator[Rig]:
    """A server that is open."""
    made = Rig(arbiter, endpoint, **settings)
    try:
        made.server.open()
        yield made
    finally:
        made.close()


@contextmanager
def running(made: Rig) -> Iterator[None]:
    """Turn the loop of *made* in a thread, for clients that block."""
    thread = threading.Thread(target=made.loop.run)
    thread.start()
    try:
        yield
    finally:
        made.loop.call_threadsafe(made.loop.stop)
        thread.join(DEADLINE)


def refusal(reason: str) -> CommandError:
    """Return an error as the arbiter raises it."""
    return CommandError(reason)
