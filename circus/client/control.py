"""The client of the control endpoint: one request, its answer, one deadline."""

from __future__ import annotations

import math
import os
import threading
import time
from typing import Any, Final

import zmq

from circus.client.endpoints import find_endpoint, is_listening
from circus.client.errors import CallError, NotRunning
from circus.client.messages import make_message
from circus.client.ssh import Tunnel
from circus.model.errors import WireError
from circus.wire.control import MAX_REPLY, decode_reply
from circus.wire.json_text import dump

Context = zmq.Context[zmq.Socket[bytes]]
TIMED_OUT: Final = "Timed out."
_GRACE: Final = 1.0
"""Seconds beyond its deadline that a call may take to notice it."""


class CircusClient:
    """Calls circusd. One client may be used by many threads; its calls go one after another.

    *endpoint*: by default the one that circusd of this user or of the system listens at.
    *timeout*: seconds of each call, the wait for other threads' calls included.
    *ssh_server*: [user@]host[:port] through which to reach an endpoint of that host.
    *probe*: say at once, by NotRunning, that nobody listens. Without it a request waits for a
    circusd that is about to start, as programs rely on that start one and call it.
    """

    def __init__(
        self,
        context: Context | None = None,
        endpoint: str | None = None,
        timeout: float = 5.0,
        ssh_server: str | None = None,
        ssh_keyfile: str | None = None,
        *,
        probe: bool = False,
    ) -> None:
        self.context: Context = context or zmq.Context.instance()
        self.timeout = timeout
        self._probe = probe
        self._lock = threading.Lock()
        self._tunnel: Tunnel | None = None
        if ssh_server is not None:
            self._tunnel = Tunnel(ssh_server, endpoint, ssh_keyfile)
            endpoint = self._tunnel.endpoint
        self.endpoint = endpoint or find_endpoint()
        self.socket: zmq.Socket[bytes] = self.context.socket(zmq.DEALER)
        try:
            self.socket.setsockopt(zmq.IDENTITY, os.urandom(16).hex().encode())
            self.socket.setsockopt(zmq.LINGER, 0)
            self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY)
            self.socket.connect(self.endpoint)
        except zmq.ZMQError as exc:
            self.stop()
            raise CallError(f"cannot connect to {self.endpoint}: {exc.strerror}") from exc

    def __enter__(self) -> CircusClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the connection, once a call of another thread is over. Twice is harmless."""
        locked = self._lock.acquire(timeout=self.timeout + _GRACE)
        try:
            self.socket.close()
        finally:
            if locked:
                self._lock.release()
        if self._tunnel is not None:
            self._tunnel.close()

    def send_message(self, command: str, **props: Any) -> dict[str, Any]:
        """Call *command* with these properties."""
        return self.call(make_message(command, **props))

    def call(self, cmd: dict[str, Any]) -> dict[str, Any]:
        """Send the request *cmd*, to which an `id` is added, and return the reply.

        A refusal is a reply, too: look at its `status`. Raises CallError when none comes.
        """
        if not isinstance(cmd, dict):
            raise DeprecationWarning("call() takes a dict, as make_message() returns it")
        deadline = time.monotonic() + self.timeout
        call_id = os.urandom(16).hex()
        cmd["id"] = call_id
        try:
            body = dump(cmd)
        except (TypeError, ValueError) as exc:
            raise CallError(f"this request is no JSON: {exc}") from exc
        if not self._lock.acquire(timeout=max(0.0, self.timeout)):
            raise CallError(TIMED_OUT)
        try:
            if self._probe and is_listening(self.endpoint) is False:
                raise NotRunning(self.endpoint)
            return self._exchange(body, call_id, deadline)
        except zmq.ZMQError as exc:
            raise CallError(f"cannot call {self.endpoint}: {exc.strerror}") from exc
        finally:
            self._lock.release()

    def _exchange(self, body: bytes, call_id: str, deadline: float) -> dict[str, Any]:
        self._await(zmq.POLLOUT, deadline)
        self.socket.send(body, zmq.NOBLOCK)
        while True:
            self._await(zmq.POLLIN, deadline)
            frames = self.socket.recv_multipart(zmq.NOBLOCK)
            try:
                reply = decode_reply(frames[-1])
            except WireError as exc:
                raise CallError(f"{self.endpoint} answered what is no reply: {exc}") from exc
            if reply.get("id") in (call_id, None):
                return reply
            # Else the late answer to a call that timed out.

    def _await(self, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self.socket.poll(math.ceil(left * 1000), event):
            raise CallError(TIMED_OUT)
