"""One circusd without the process around it: loop, arbiter, control and events, put together.

The command line adds what concerns the whole process (daemon, log, pid file, signals); a program
that embeds circus uses this alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import zmq

from circus.arbiter.arbiter import Arbiter
from circus.client.endpoints import default_endpoint, default_pubsub_endpoint
from circus.config import Loaded
from circus.control.publisher import EventPublisher
from circus.control.server import Server
from circus.loop.loop import Loop
from circus.model.specs import ArbiterSpec

log = logging.getLogger(__name__)

LINGER: Final = 0.5
"""Seconds that the last answers may take on their way out."""


class Service:
    """Runs *spec* from open() to close(). *strangers*, *read* and *nofile*: see Arbiter."""

    def __init__(
        self,
        spec: ArbiterSpec,
        *,
        strangers: bool = True,
        read: Callable[[], Loaded] | None = None,
        nofile: tuple[int, int] | None = None,
    ) -> None:
        self.loop = Loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.publisher = EventPublisher(
            self.loop,
            context=self._context,
            endpoint=spec.pubsub_endpoint or default_pubsub_endpoint(),
            endpoint_owner=spec.endpoint_owner,
            allow_insecure=spec.allow_insecure,
        )
        self.arbiter = Arbiter(
            spec,
            self.loop,
            publish=self.publisher.publish,
            listened=self.publisher.listened,
            changed=self._changed,
            endpoint=spec.endpoint or default_endpoint(),
            pubsub_endpoint=self.publisher.endpoint,
            strangers=strangers,
            read=read,
            nofile=nofile,
        )
        self.server = Server(
            self.loop,
            self.arbiter,
            context=self._context,
            endpoint=self.arbiter.endpoint,
            endpoint_owner=spec.endpoint_owner,
            allow_insecure=spec.allow_insecure,
        )

    def open(self) -> None:
        """Bind everything; SocketError when something cannot be had, and nothing is held then."""
        try:
            self.publisher.open()
            self.server.open()
            self.arbiter.endpoint = self.server.endpoint
            self.arbiter.pubsub_endpoint = self.publisher.endpoint
            self.arbiter.open()
        except BaseException:
            self.close(linger=0.0)
            raise

    def run(self) -> int:
        """Start what is to start, run until told to quit, and return the exit code."""
        self.arbiter.begin()
        self.loop.run()
        return self.arbiter.exit_code

    def restore_endpoints(self) -> None:
        """Make files of endpoints again that somebody removed; SocketError when that fails."""
        for part in (self.server, self.publisher):
            if part.restore():
                log.warning("%s had lost its file: bound again", part.endpoint)

    def close(self, linger: float = LINGER) -> None:
        """Answer who waits, and give everything up; a second time it does nothing."""
        if self._context.closed:
            return
        self.server.close(linger)
        self.publisher.close(linger)
        self.arbiter.close()
        self._context.term()
        self.loop.close()

    def _changed(self, names: frozenset[str]) -> None:
        self.server.changed(names)
