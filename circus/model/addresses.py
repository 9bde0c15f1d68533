"""Who can reach an endpoint: one rule for checking a configuration and for binding."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether only this host can reach *host*."""
    if host in ("localhost", "lo"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def exposure(endpoint: str) -> str | None:
    """Return why *endpoint* is refused without `allow_insecure`, and the way out; None: it is not.

    An ipc:// file and inproc:// stay on this host; so does tcp:// on the loopback interface.
    """
    scheme, _, rest = endpoint.partition("://")
    if scheme in ("ipc", "inproc"):
        return None
    host = rest.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if scheme == "tcp" and is_loopback(host):
        return None
    return (
        "refused, since whoever reaches it may run commands as the user of circusd: there is no "
        "login. Use an ipc:// endpoint or 127.0.0.1 (circusctl --ssh comes from other hosts), or "
        "set allow_insecure = true"
    )
