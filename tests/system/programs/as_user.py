"""Run circusd or a client as another user: as_user.py UID circusd ARGS... | client ENDPOINT.

Everything is imported before the user changes: the interpreter's own files may be out of the
other user's reach.
"""

import contextlib
import importlib
import os
import pkgutil
import sys

import circus

LAZY = ["encodings.ascii", "encodings.idna", "encodings.utf_8_sig", "glob", "json", "psutil", "zmq"]
"""What circusd or an interpreter imports when it is needed, not before."""

for name in LAZY + [module.name for module in pkgutil.walk_packages(circus.__path__, "circus.")]:
    with contextlib.suppress(ImportError):  # an optional part
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
