"""A small web server on a listening socket that it inherits: `web.py --fd NUMBER`.

circusd binds the socket and every worker accepts from it, so the kernel spreads the connections,
and a worker that is replaced leaves no gap. The standard library is all it needs.
"""

import argparse
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType


class Hello(BaseHTTPRequestHandler):
    """Answers every GET with the number of the process that does."""

    def do_GET(self) -> None:
        body = f"hello from process {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request: the example's output is for what circusd does."""


class InheritedServer(ThreadingHTTPServer):
    """Serves on a socket that is bound and listening already."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), Hello, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept; the listener is non-blocking, since another worker may be faster."""
        connection, address = super().get_request()
        connection.setblocking(True)
        return connection, address


def stop(signum: int, frame: FrameType | None) -> None:
    """End at once, and cleanly: an answer takes less time than the stop signal."""
    sys.exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fd", type=int, required=True, help="descriptor of the listening socket")
    fd = parser.parse_args().fd
    signal.signal(signal.SIGTERM, stop)
    server = InheritedServer(socket.socket(fileno=fd))
    print(f"web: process {os.getpid()} serves on descriptor {fd}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
