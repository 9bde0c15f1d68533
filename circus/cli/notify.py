"""Tell the service manager how far circusd is: sd_notify(3) over NOTIFY_SOCKET, nothing else.

Telling never fails and never waits: without a service manager it does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"


class Notifier:
    """Sends the state of this process to the service manager that started it."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        address = (os.environ if environ is None else environ).get(VARIABLE, "")
        # "@name" is Linux' abstract namespace. Other kinds (vsock) are not for this machine.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._wanted = address.startswith(("/", "@"))

    def ready(self, status: str = "") -> bool:
        """Say that start-up or a reload is complete."""
        return self.send(**_with_status({"READY": "1"}, status))

    def reloading(self, status: str = "") -> bool:
        """Say that a reload begins; ready() has to follow."""
        now_usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        fields = {"RELOADING": "1", "MONOTONIC_USEC": str(now_usec)}
        return self.send(**_with_status(fields, status))

    def stopping(self, status: str = "") -> bool:
        """Say that the end has begun."""
        return self.send(**_with_status({"STOPPING": "1"}, status))

    def status(self, text: str) -> bool:
        """Say in one line what is going on, as `systemctl status` shows it."""
        return self.send(**_with_status({}, text))

    def send(self, **fields: str) -> bool:
        """Send NAME=value lines in one datagram; tell whether it was taken."""
        if not self._wanted:
            return False
        message = "\n".join(f"{name}={value}" for name, value in fields.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.connect(self._address)
                sock.send(message.encode())
        except OSError:
            return False
        return True


def _with_status(fields: dict[str, str], text: str) -> dict[str, str]:
    """Add STATUS, which ends at the first line break: what follows would be another field."""
    line = text.splitlines()[0] if text else ""
    return {**fields, "STATUS": line} if line else fields
