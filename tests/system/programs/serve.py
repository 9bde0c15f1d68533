"""Answer connections to an inherited socket with our pid: serve.py FD [COUNT], then end."""

import os
import select
import socket
import sys

listener = socket.socket(fileno=int(sys.argv[1]))
left = int(sys.argv[2]) if len(sys.argv) > 2 else -1
while left:
    select.select([listener], [], [])
    try:
        connection, _ = listener.accept()
    except BlockingIOError:  # another worker was faster
        continue
    nodelay = connection.family != socket.AF_UNIX and connection.getsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY
    )
    with connection:
        connection.sendall(f"{os.getpid()} nodelay={int(bool(nodelay))}\n".encode())
    left -= 1
