"""The client of the event endpoint: an iterable of what circusd publishes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import zmq

from circus.client.endpoints import find_pubsub_endpoint
from circus.client.ssh import Tunnel

Context = zmq.Context[zmq.Socket[bytes]]


class CircusConsumer:
    """Yields (topic, message), both bytes, for every event whose topic begins with one of *topics*.

    "" means all. *timeout* is how often, in seconds, a silent wait looks whether stop() was called.
    A context that was passed in is left alone by stop().
    """

    def __init__(
        self,
        topics: Iterable[str],
        context: Context | None = None,
        endpoint: str | None = None,
        ssh_server: str | None = None,
        timeout: float = 1.0,
    ) -> None:
        self.topics = list(topics)
        self.keep_context = context is not None
        self.context: Context = context or zmq.Context()
        self.timeout = timeout
        self._stopping = False
        self._reader: int | None = None
        self._tunnel: Tunnel | None = None
        if ssh_server is not None:
            self._tunnel = Tunnel(ssh_server, endpoint)
            endpoint = self._tunnel.endpoint
        self.endpoint = endpoint or find_pubsub_endpoint()
        self.pubsub_socket: zmq.Socket[bytes] = self.context.socket(zmq.SUB)
        self.pubsub_socket.setsockopt(zmq.LINGER, 0)
        try:
            self.pubsub_socket.connect(self.endpoint)
        except zmq.ZMQError:
            self.stop()
            raise
        for topic in self.topics:
            self.pubsub_socket.setsockopt(zmq.SUBSCRIBE, topic.encode())

    def __enter__(self) -> CircusConsumer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self.iter_messages()

    def iter_messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield events until stop(); closes the consumer when the caller ends the loop."""
        self._reader = threading.get_ident()
        try:
            while not (self._stopping or self.pubsub_socket.closed):
                if not self.pubsub_socket.poll(int(self.timeout * 1000)):
                    continue
                frames = self.pubsub_socket.recv_multipart()  # a message arrives whole
                if len(frames) == 2:  # else it is no event
                    yield frames[0], frames[1]
        finally:
            self._reader = None
            self._close()

    def stop(self) -> None:
        """Close the connection. It is harmless to do it twice, and from another thread.

        Where another thread iterates, that one ends and closes within *timeout* seconds: libzmq's
        sockets are not to be closed under their reader.
        """
        self._stopping = True
        if self._reader in (None, threading.get_ident()):
            self._close()

    def _close(self) -> None:
        self.pubsub_socket.close()
        if not self.keep_context:
            self.context.term()
        if self._tunnel is not None:
            self._tunnel.close()
