"""`circusctl listen`: print what circusd publishes, as it happens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from circus.cli.exits import OK
from circus.cli.parser import DEFAULT_TIMEOUT
from circus.cli.session import Session
from circus.client.consumer import CircusConsumer
from circus.client.zmtp import EndpointError, socket_type

_PUBLISHERS: Final = ("PUB", "XPUB")
_ANYWHERE: Final = ("*", "0.0.0.0", "[::]")


def listen(session: Session, topics: Sequence[str], *, as_json: bool) -> int:
    """Print `TOPIC: BODY` for each event whose topic begins with one of *topics*, until Ctrl-C."""
    with CircusConsumer(topics, endpoint=events_endpoint(session)) as events:
        for line in lines(events, as_json=as_json):
            session.screen.show(line)
    return OK


def lines(events: Iterable[tuple[bytes, bytes]], *, as_json: bool) -> Iterator[str]:
    """Return what is printed for each event."""
    for topic, body in events:
        name, text = topic.decode("utf-8", "replace"), body.decode("utf-8", "replace")
        if as_json:
            yield f'{{"topic": {json.dumps(name)}, "event": {text}}}'
        else:
            yield f"{name}: {text}"


def events_endpoint(session: Session) -> str:
    """Return where the events are: what was named may be circusd's control or event endpoint."""
    timeout = session.flags.timeout
    kind = socket_type(session.endpoint, DEFAULT_TIMEOUT if timeout is None else timeout)
    if kind in _PUBLISHERS:
        return session.endpoint
    request = {"command": "globaloptions", "properties": {"option": "pubsub_endpoint"}}
    reply = session.ask(request)
    options = reply.payload.get("options")
    found = options.get("pubsub_endpoint") if isinstance(options, dict) else None
    if not isinstance(found, str):
        raise EndpointError(f"{session.endpoint} does not say where its events are")
    # Behind a tunnel the addresses are those of the other host.
    control = session.flags.endpoint if session.flags.ssh else session.endpoint
    return session.reach(connectable(found, control or ""))


def connectable(events: str, control: str) -> str:
    """Return *events* with a host that can be connected to: that of *control* for "all"."""
    scheme, _, rest = events.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme != "tcp" or host not in _ANYWHERE:
        return events
    other, _, where = control.partition("://")
    return f"tcp://{where.rpartition(':')[0] if other == 'tcp' else '127.0.0.1'}:{port}"
