"""The control endpoint of circusd: a ROUTER on the loop.

libzmq's descriptor is edge-triggered: it becomes readable once, for whatever happened. So a turn
reads until nothing is left, or until its budget is spent and the next turn goes on; and since
sending may take the edge away, the socket's EVENTS are looked at again after answers were sent.

Nothing here waits. A client that does not read fills its own queue only: what does not fit there is
dropped and counted, as are answers to clients that left.
"""

from __future__ import annotations

import functools
import grp
import logging
import os
import pwd
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import zmq

from circus.control.api import ArbiterView, Loop
from circus.control.authority import Guard, Peer
from circus.control.dispatch import Dispatcher, Waiting
from circus.control.endpoint import Account, Binding, bind, find_account
from circus.control.pending import Pending
from circus.model.errors import CommandError
from circus.wire.control import MAX_REQUEST, BadRequest, decode_request, error_reply

log = logging.getLogger(__name__)

MESSAGES_PER_TURN: Final = 64
SECONDS_PER_TURN: Final = 0.004
MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes: libzmq drops the connection of a client that sends a longer frame."""

MAX_PENDING: Final = 10_000
HIGH_WATER_MARK: Final = 1_000
"""Messages per client, each way, that libzmq keeps."""

_MAX_FRAMES: Final = 8
"""Frames of one message that are kept; more only make it wrong."""

_NOBODY: Final = Peer(None)


class Server:
    """Answers requests at *endpoint* from open() to close()."""

    def __init__(
        self,
        loop: Loop,
        arbiter: ArbiterView,
        *,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        endpoint_owner: str | None = None,
        allow_insecure: bool = False,
        max_request: int = MAX_REQUEST,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self.endpoint = endpoint
        """Where clients reach it; after open() with the real port."""
        self.received = 0
        self.answered = 0
        self.dropped = 0
        """Answers that found no client, or one that does not read."""

        self._loop = loop
        self._context = context
        self._allow_insecure = allow_insecure
        self._max_request = max_request
        self._owner = find_account(endpoint_owner) if endpoint_owner else None
        self._dispatcher = Dispatcher(arbiter, _guard(self._owner) if self._owner else None)
        self._pending = Pending(max_pending)
        self._deadlines: dict[int, Any] = {}
        self._socket: zmq.Socket[bytes] | None = None
        self._binding: Binding | None = None
        self._scheduled = False

    @property
    def pending(self) -> int:
        """How many requests wait for their operation."""
        return len(self._pending)

    def open(self) -> None:
        """Bind and begin to answer; SocketError when the endpoint cannot be had."""
        sock = self._context.socket(zmq.ROUTER)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.ROUTER_MANDATORY, 1)  # so that a lost answer is known
            sock.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
            sock.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
            sock.setsockopt(zmq.RCVHWM, HIGH_WATER_MARK)
            self._binding = self._bind(sock)
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        self.endpoint = self._binding.address
        self._loop.watch(sock.fileno(), self._on_edge)
        self._go_on()  # the edge of a request that came before watch() is gone

    def restore(self) -> bool:
        """Bind anew if the file of the endpoint was removed; say whether it was."""
        sock = self._socket
        if sock is None or self._binding is None or not self._binding.is_lost:
            return False
        sock.unbind(self._binding.address)
        self._binding = self._bind(sock)
        return True

    def _bind(self, sock: zmq.Socket[bytes]) -> Binding:
        return bind(
            sock,
            self.endpoint,
            what="control endpoint",
            owner=self._owner,
            allow_insecure=self._allow_insecure,
        )

    def close(self, linger: float = 0.0) -> None:
        """Answer who still waits, and give up the endpoint.

        libzmq goes on for *linger* seconds to send the last answers. The address is free once the
        context was terminated.
        """
        sock = self._socket
        if sock is None:
            return
        self._pending.mark_all()
        while (number := self._pending.next_marked()) is not None:
            self._ask(number, "circusd ends: ")
        self._loop.unwatch(sock.fileno())
        self._socket = None
        if self._binding is not None:
            self._binding.release()
        sock.close(linger=int(linger * 1000))

    def changed(self, names: Iterable[str]) -> None:
        """Say that these watchers (lower-case names) changed: who waits for them is asked soon."""
        if self._pending.mark(frozenset(names)):
            self._go_on()

    def _on_edge(self, fd: int, mask: int) -> None:
        self._turn()

    def _go_on(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._scheduled = False
        self._turn()

    def _turn(self) -> None:
        """Spend one budget on marked operations and new requests; go on soon if more is left."""
        if self._socket is None:
            return
        until = self._loop.time() + SECONDS_PER_TURN
        while (number := self._pending.next_marked()) is not None:
            self._ask(number)
            if self._loop.time() >= until:
                self._go_on()
                break
        for _ in range(MESSAGES_PER_TURN):
            if not self._receive():
                return
            if self._loop.time() >= until:
                break
        self._go_on()

    def _receive(self) -> bool:
        """Handle one message; False when there is none."""
        sock = self._socket
        if sock is None:  # a command ended circusd
            return False
        try:
            frames = [sock.recv(zmq.NOBLOCK, copy=False)]
        except zmq.Again:
            return False
        while frames[-1].more:  # a message arrives whole: its other frames are there
            frame = sock.recv(zmq.NOBLOCK, copy=False)
            if len(frames) <= _MAX_FRAMES:
                frames.append(frame)
            elif not frame.more:
                break
        self.received += 1
        parts = [frame.bytes for frame in frames]
        self._handle(parts, self._peer(frames[-1]))
        return True

    def _handle(self, parts: list[bytes], peer: Peer) -> None:
        # A REQ client puts an empty delimiter first, and wants it back.
        size = 2 if len(parts) > 2 and not parts[1] else 1
        envelope, body = parts[:size], parts[size:]
        try:
            request = decode_request(body, self._max_request)
        except BadRequest as exc:
            if not exc.cast:
                self._send(envelope, error_reply(exc.reason, exc.errno, exc.id, time.time()))
            return
        outcome = self._dispatcher.handle(request, body[0], peer)
        if isinstance(outcome, Waiting):
            self._wait(envelope, outcome)
        elif not request.cast:
            self._send(envelope, outcome)

    def _wait(self, envelope: list[bytes], waiting: Waiting) -> None:
        request = waiting.request
        if request.cast:
            return
        answer = self._dispatcher.poll(waiting)
        if answer is None and self._pending.is_full:
            error = CommandError(
                f"{self._pending.limit} requests wait already; this one is carried out, but "
                "nobody waits for its end. Ask for `status` instead"
            )
            answer = self._dispatcher.failure(request, error)
        if answer is not None:
            self._send(envelope, answer)
            return
        number = self._pending.add(envelope, waiting)
        self._deadlines[number] = self._loop.call_at(
            waiting.operation.deadline, functools.partial(self._expire, number)
        )

    def _expire(self, number: int) -> None:
        self._ask(number, "")
        self._check_events()

    def _ask(self, number: int, last_words: str | None = None) -> None:
        """Answer a waiting request if it is done; with *last_words*, answer it anyway."""
        found = self._pending.get(number)
        if found is None:
            return
        envelope, waiting = found
        answer = self._dispatcher.poll(waiting)
        if answer is None and last_words is not None:
            answer = self._dispatcher.give_up(waiting, last_words)
        if answer is None:
            return
        self._pending.remove(number)
        self._deadlines.pop(number).cancel()
        self._send(envelope, answer)

    def _send(self, envelope: list[bytes], body: bytes) -> None:
        sock = self._socket
        if sock is None:
            return
        try:
            sock.send_multipart([*envelope, body], zmq.NOBLOCK)
            self.answered += 1
        except zmq.ZMQError as exc:
            # EHOSTUNREACH: it left. EAGAIN: it does not read.
            self.dropped += 1
            log.debug("answer dropped client=%r reason=%s", envelope[0], exc)

    def _check_events(self) -> None:
        """After sending outside a turn: what arrived meanwhile may give no new edge."""
        if self._socket is not None and int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._go_on()

    def _peer(self, frame: zmq.Frame) -> Peer:
        """Return who sent *frame*; libzmq knows it of ipc clients, from SO_PEERCRED."""
        if self._owner is None or self._binding is None or self._binding.path is None:
            return _NOBODY
        try:
            _, uid, _, _ = str(frame.get("Peer-Address")).split(":")
            return Peer(int(uid))
        except (zmq.ZMQError, ValueError):
            return _NOBODY


def _guard(owner: Account) -> Guard:
    return Guard(os.geteuid(), owner.uid, owner.gid, _user_number, _group_number)


def _user_number(user: str | int) -> int | None:
    return _number(user, lambda name: pwd.getpwnam(name).pw_uid)


def _group_number(group: str | int) -> int | None:
    return _number(group, lambda name: grp.getgrnam(name).gr_gid)


def _number(account: str | int, find: Callable[[str], int]) -> int | None:
    if isinstance(account, int):
        return account
    if account.isascii() and account.isdigit():
        return int(account)
    try:
        return find(account)
    except (KeyError, ValueError):  # ValueError: a name with a NUL in it
        return None
