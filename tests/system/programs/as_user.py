"""Run circusd or a client as another user: as_user.py UID circusd ARGS... | client ENDPOINT.

Everything is imported before the user changes: the interpreter's own files may be out of the
other user's reach.
"""

import ast
import contextlib
import importlib
import os
import sys
from pathlib import Path

import circus


def preload():
    """Import all that circus may import, also inside of functions."""
    wanted = {"encodings.ascii", "encodings.idna", "encodings.utf_8_sig"}
    for file in Path(circus.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                wanted.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                wanted.add(node.module)
                wanted.update(f"{node.module}.{alias.name}" for alias in node.names)
    for name in sorted(wanted):
        with contextlib.suppress(ImportError):  # no module but a name in one, or an optional part
            importlib.import_module(name)


def client(endpoint):
    """Send each line of stdin as a request; print the answer, or that there was none."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(endpoint)
        for line in sys.stdin.buffer:
            dealer.send(line)
            answer = dealer.recv() if dealer.poll(int(os.environ["PATIENCE"])) else b"null"
            print(answer.decode(), flush=True)


def main():
    preload()
    uid = int(sys.argv[1])
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    if sys.argv[2] == "client":
        return client(sys.argv[3])
    from circus.cli.circusd import main as circusd

    return circusd(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
