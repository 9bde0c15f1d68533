"""The example programs do what their configuration promises."""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE = 20


def _first_line(process: subprocess.Popen) -> str:
    ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
    assert ready, "nothing was printed"
    return process.stdout.readline().decode()


def _stop(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_web_serves_on_an_inherited_socket_and_stops_on_sigterm():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = subprocess.Popen(
            [sys.executable, EXAMPLES / "web.py", "--fd", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
        )
        try:
            assert _first_line(server).startswith(f"web: process {server.pid} serves")
            asking = http.client.HTTPConnection(*listener.getsockname(), timeout=DEADLINE)
            asking.request("GET", "/")
            answer = asking.getresponse()
            assert (answer.status, answer.read()) == (
                200,
                f"hello from process {server.pid}\n".encode(),
            )
            asking.close()
        finally:
            status = _stop(server)
    assert status == 0


def test_ticker_says_who_it_is():
    ticker = subprocess.Popen(
        [sys.executable, EXAMPLES / "ticker.py", "worker 1", "60"], stdout=subprocess.PIPE
    )
    try:
        assert _first_line(ticker) == f"worker 1: tick 0 from process {ticker.pid}\n"
    finally:
        status = _stop(ticker)
    assert status in (-signal.SIGTERM, os.EX_OK)
