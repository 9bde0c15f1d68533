"""Send datagrams back with our pid in front: echo.py FD."""

import os
import select
import socket
import sys

sock = socket.socket(fileno=int(sys.argv[1]))
while select.select([sock], [], [])[0]:
    data, sender = sock.recvfrom(4096)
    sock.sendto(f"{os.getpid()} ".encode() + data, sender)
