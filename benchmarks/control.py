"""Asks a circusd something over a raw DEALER socket, without any client code of ours."""

from __future__ import annotations

import json
from typing import Any

import zmq


def ask(endpoint: str, command: str, *, seconds: float = 10.0, **properties: Any) -> dict[str, Any]:
    """Send one request and return its reply; raise TimeoutError when none comes."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger = 0
    try:
        socket.connect(endpoint)
        request = {"id": "bench", "command": command, "properties": properties}
        socket.send(json.dumps(request).encode())
        if not socket.poll(int(seconds * 1000)):
            raise TimeoutError(f"{endpoint} did not answer {command} within {seconds} s")
        reply: dict[str, Any] = json.loads(socket.recv())
        return reply
    finally:
        socket.close()
