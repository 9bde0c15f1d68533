"""The event endpoint of circusd: an XPUB on the loop that knows who is subscribed to what.

Where nobody listens nothing is made: the body of an event is asked for only when a subscription
matches its topic. What a slow subscriber has no room for is dropped for that one only, and it is
counted that this happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import zmq

from circus.control.api import Loop
from circus.control.endpoint import Binding, bind, find_account
from circus.wire.events import encode_event

HIGH_WATER_MARK: Final = 10_000
"""Messages per subscriber that libzmq keeps."""

MAX_TOPICS: Final = 10_000
"""Subscriptions that are remembered; with more, every event is made as if all were wanted."""

MAX_FRAME: Final = 64 * 1024
NEWS_PER_TURN: Final = 256
_UNSUBSCRIBE: Final = 0
_SUBSCRIBE: Final = 1


class EventPublisher:
    """Publishes at *endpoint* from open() to close(). Closed, it publishes nothing."""

    def __init__(
        self,
        loop: Loop,
        *,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        endpoint_owner: str | None = None,
        allow_insecure: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
        what: str = "event endpoint",
    ) -> None:
        self.endpoint = endpoint
        """Where subscribers reach it; after open() with the real port."""
        self.published = 0
        self.overflows = 0
        """Times that a subscriber's queue was full. What that one misses until it has read again,
        the event at hand included, is dropped; libzmq does not tell how much."""

        self._loop = loop
        self._context = context
        self._allow_insecure = allow_insecure
        self._high_water_mark = high_water_mark
        self._what = what
        self._owner = find_account(endpoint_owner) if endpoint_owner else None
        self._socket: zmq.Socket[bytes] | None = None
        self._binding: Binding | None = None
        self._topics: set[bytes] = set()
        self._lengths: tuple[int, ...] = ()
        self._lost_count = False
        self._scheduled = False

    def open(self) -> None:
        """Bind; SocketError when the endpoint cannot be had."""
        sock = self._context.socket(zmq.XPUB)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.SNDHWM, self._high_water_mark)
            sock.setsockopt(zmq.RCVHWM, NEWS_PER_TURN)
            sock.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
            sock.setsockopt(zmq.XPUB_NODROP, 1)  # a full queue is told, not passed over in silence
            self._binding = self._bind(sock)
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        self.endpoint = self._binding.address
        self._loop.watch(sock.fileno(), self._on_edge)
        self._go_on()

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
            what=self._what,
            owner=self._owner,
            allow_insecure=self._allow_insecure,
        )

    def close(self, linger: float = 0.0) -> None:
        """Give up the endpoint; libzmq sends what is queued for *linger* more seconds."""
        sock = self._socket
        if sock is None:
            return
        self._loop.unwatch(sock.fileno())
        self._socket = None
        if self._binding is not None:
            self._binding.release()
        sock.close(linger=int(linger * 1000))

    def listened(self) -> bool:
        """Tell whether anybody is subscribed to anything."""
        return bool(self._lengths) or self._lost_count

    def subscribed(self, topic: str) -> bool:
        """Tell whether anybody wants what is published on *topic*."""
        if self._lost_count:
            return True
        if not self._lengths:
            return False
        name = topic.encode("utf-8", "backslashreplace")
        return any(name[:length] in self._topics for length in self._lengths)

    def publish(self, topic: str, body: Callable[[], Mapping[str, Any]]) -> None:
        """Publish; *body* is called only where somebody is subscribed to *topic*."""
        sock = self._socket
        if sock is None or not self.subscribed(topic):
            return
        frames = encode_event(topic, body())
        try:
            sock.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            self.overflows += 1
            self._send_to_those_with_room(sock, frames)
        self.published += 1
        if int(sock.getsockopt(zmq.EVENTS)) & zmq.POLLIN:  # sending may have taken the edge
            self._go_on()

    @staticmethod
    def _send_to_those_with_room(sock: zmq.Socket[bytes], frames: tuple[bytes, bytes]) -> None:
        sock.setsockopt(zmq.XPUB_NODROP, 0)
        try:
            sock.send_multipart(frames, zmq.NOBLOCK)
        finally:
            sock.setsockopt(zmq.XPUB_NODROP, 1)

    def _on_edge(self, fd: int, mask: int) -> None:
        self._read_news()

    def _go_on(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._scheduled_read)

    def _scheduled_read(self) -> None:
        self._scheduled = False
        self._read_news()

    def _read_news(self) -> None:
        """Learn who came and went; libzmq tells the first and the last subscriber of a topic."""
        sock = self._socket
        if sock is None:
            return
        for _ in range(NEWS_PER_TURN):
            try:
                news = sock.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._note(news)
        self._go_on()

    def _note(self, news: bytes) -> None:
        topic = news[1:]
        if news[:1] == bytes([_SUBSCRIBE]):
            if len(self._topics) >= MAX_TOPICS:
                self._lost_count = True
                return
            self._topics.add(topic)
        elif news[:1] == bytes([_UNSUBSCRIBE]):
            self._topics.discard(topic)
        else:
            return  # a message of an XSUB client: nothing for us
        self._lengths = tuple(sorted({len(known) for known in self._topics}))
