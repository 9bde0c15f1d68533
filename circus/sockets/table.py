"""The managed sockets of one circusd, by lower-case name; changed as a whole or not at all.

A socket that is `so_reuseport` is special: each slot of a watcher has a listener of its own. The
table holds its address with a socket that takes no connections, and opens the listeners.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from circus.model.errors import SocketError
from circus.model.options import Live, options_of
from circus.model.specs import SocketSpec
from circus.sockets.bind import ManagedSocket, bind, resolve
from circus.sockets.unixpath import identity

_REBIND: Final = frozenset(
    name for name, option in options_of(SocketSpec).items() if option.live is Live.REBIND
) - {"replace"}  # it matters only at the moment of binding
_WHERE: Final = frozenset({"host", "port"})


@dataclass(frozen=True, slots=True)
class SocketPlan:
    """What a new configuration means for the sockets; names are in lower case, sorted.

    Workers that use a *rebound* socket have to be replaced: its descriptor is another one.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rebound: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    """Changed in what may change live: backlog, nodelay, blocking."""
    kept: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.added or self.removed or self.rebound or self.tuned)


class SocketTable:
    """Owns every managed socket."""

    def __init__(self) -> None:
        self._sockets: dict[str, ManagedSocket] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[ManagedSocket]:
        return iter(self._sockets.values())

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._sockets

    def __getitem__(self, name: str) -> ManagedSocket:
        """Return the socket called *name*, in any case; KeyError when there is none."""
        return self._sockets[name.lower()]

    def open_all(self, specs: Iterable[SocketSpec]) -> None:
        """Bind all of *specs*, or none: SocketError, and what was opened is closed again."""
        if self._sockets:
            raise SocketError("the sockets are open already: apply() changes them")
        self.apply(specs)

    def plan(self, specs: Iterable[SocketSpec]) -> SocketPlan:
        """Return what apply() would do. Nothing is bound; host names are looked up."""
        wanted = _by_name(specs)
        return self._plan(wanted, self._adoptions(wanted))

    def apply(self, specs: Iterable[SocketSpec]) -> SocketPlan:
        """Make the table hold just *specs*; on SocketError it is as it was before.

        A listener whose address stays is adopted with its descriptor and its queue. The rest is
        bound before anything is closed; where a newcomer needs the very address of one that
        leaves, that one steps aside first and comes back if something fails.
        """
        wanted = _by_name(specs)
        adopted = self._adoptions(wanted)
        plan = self._plan(wanted, adopted)
        staying = {id(old) for old in adopted.values()}
        leaving = [old for old in self if id(old) not in staying]
        aside: list[ManagedSocket] = []
        opened: dict[str, ManagedSocket] = {}
        tuned: list[tuple[ManagedSocket, SocketSpec]] = []
        try:
            for name, spec in wanted.items():
                if name in adopted:
                    continue
                for old in leaving:
                    if old not in aside and _in_the_way(old, spec):
                        aside.append(old)
                        old.step_aside()
                opened[name] = _reserve(spec) if spec.so_reuseport else bind(spec)
            for name, old in adopted.items():
                tuned.append((old, old.spec))
                old.tune(wanted[name])
        except (SocketError, OSError) as exc:
            _undo(opened, aside, tuned)
            if isinstance(exc, SocketError):
                raise
            raise SocketError(f"the sockets cannot be changed: {exc}. Nothing was changed") from exc
        self._sockets = {name: adopted.get(name) or opened[name] for name in wanted}
        for old in leaving:
            old.close()
        return plan

    def listener(self, name: str) -> ManagedSocket:
        """Open one more listener of the `so_reuseport` socket *name*; the caller closes it."""
        held = self[name]
        if not held.spec.so_reuseport:
            raise SocketError(
                f"socket {held.name} has one listener for all workers. "
                "Write so_reuseport = true to give each worker its own"
            )
        return bind(held.spec, port=held.port)

    def fds(self) -> dict[str, int]:
        """Return name -> descriptor of the sockets that all workers share."""
        shared = ((n, held) for n, held in self._sockets.items() if not held.spec.so_reuseport)
        return {name: held.fileno() for name, held in shared}

    def listing(self) -> list[dict[str, Any]]:
        """Return what `listsockets` answers, sorted by descriptor."""
        rows = []
        for held in sorted(self, key=ManagedSocket.fileno):
            row: dict[str, Any] = {
                "fd": held.fileno(),
                "name": held.name,
                "backlog": held.spec.backlog,
            }
            if held.path is not None:
                row["path"] = held.path
            else:
                row["host"] = held.host
                row["port"] = held.port
            rows.append(row)
        return rows

    def close_all(self) -> None:
        """Close every socket and remove the files of the unix ones."""
        while self._sockets:
            self._sockets.popitem()[1].close()

    def _adoptions(self, wanted: dict[str, SocketSpec]) -> dict[str, ManagedSocket]:
        """Return the open sockets that go on under each wanted name: also under a new one."""
        free = dict(self._sockets)
        adopted = {}
        for name, spec in wanted.items():
            if name in free and _same_place(free[name], spec):
                adopted[name] = free.pop(name)
        for name, spec in wanted.items():
            if name not in adopted:
                for other, old in free.items():
                    if other not in wanted and _same_place(old, spec):
                        adopted[name] = free.pop(other)
                        break
        return adopted

    def _plan(self, wanted: dict[str, SocketSpec], adopted: dict[str, ManagedSocket]) -> SocketPlan:
        def named(*names: str) -> tuple[str, ...]:
            return tuple(sorted(names))

        before, after = set(self._sockets), set(wanted)
        staying = {name for name in before & after if self._sockets[name] is adopted.get(name)}
        tuned = {name for name in staying if self._sockets[name].spec != wanted[name]}
        return SocketPlan(
            added=named(*after - before),
            removed=named(*before - after),
            rebound=named(*(before & after) - staying),
            tuned=named(*tuned),
            kept=named(*staying - tuned),
        )


def _by_name(specs: Iterable[SocketSpec]) -> dict[str, SocketSpec]:
    table: dict[str, SocketSpec] = {}
    for spec in specs:
        if spec.name.lower() in table:
            raise SocketError(
                f"socket {spec.name}: there are two of this name (case does not count). "
                "Rename or remove one"
            )
        table[spec.name.lower()] = spec
    return table


def _same_place(old: ManagedSocket, spec: SocketSpec) -> bool:
    """Tell whether *old* is already bound as *spec* asks for."""
    changed = {name for name in _REBIND if getattr(old.spec, name) != getattr(spec, name)}
    if old.path is not None:
        # A file that somebody removed or replaced has to be made anew.
        return not changed - _WHERE and identity(old.path) == old.file
    if changed - _WHERE:
        return False
    if not changed:
        return True
    address = resolve(spec)
    return not isinstance(address, str) and address[:2] == (old.host, old.port)


def _in_the_way(old: ManagedSocket, spec: SocketSpec) -> bool:
    """Tell whether *old* may keep *spec* from being bound."""
    if old.path is not None or spec.path is not None:
        return old.path == spec.path
    return old.port == spec.port != 0 and old.spec.type == spec.type


def _reserve(spec: SocketSpec) -> ManagedSocket:
    """Take the address of a `so_reuseport` socket without taking connections or datagrams."""
    held = bind(spec, listen=False)
    if held.sock.type == socket.SOCK_DGRAM:
        # Bound, it would swallow a share of the datagrams. Its address is known good now.
        family, kind, proto = held.sock.family, held.sock.type, held.sock.proto
        held.sock.close()
        held.sock = socket.socket(family, kind, proto)
    return held


def _undo(
    opened: dict[str, ManagedSocket],
    aside: list[ManagedSocket],
    tuned: list[tuple[ManagedSocket, SocketSpec]],
) -> None:
    for held in opened.values():
        held.close()
    for old in aside:
        old.step_back()
    for old, spec in tuned:
        old.tune(spec)
