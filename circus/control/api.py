"""What a command may ask of the arbiter, and what it may answer.

Commands edit what is wanted; they never wait. Where the caller wants to wait, the command returns
the Operation, and the reply leaves when its predicate holds or its deadline passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from circus.model.specs import ArbiterSpec, WatcherSpec

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something under way.

    *poll* returns None while it runs, the reply's payload when it is done, and raises CommandError
    when it failed. *remaining* says what is missing, for a reply at *deadline* (monotonic seconds).
    *watchers* holds the lower-case names whose changes may complete it.
    """

    watchers: frozenset[str]
    poll: Callable[[], Payload | None]
    remaining: Callable[[], str]
    deadline: float


class WorkerView(Protocol):
    """One process of a watcher."""

    @property
    def pid(self) -> int: ...
    @property
    def wid(self) -> int: ...
    @property
    def started(self) -> float:
        """Wall-clock seconds of the spawn."""


class WatcherView(Protocol):
    """One watcher as commands see it."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> WatcherSpec: ...
    @property
    def numprocesses(self) -> int:
        """How many processes are wanted."""

    def status(self) -> str:
        """stopped, starting, active or stopping."""

    def detail(self) -> Mapping[str, Any] | None:
        """What deviates from plain running, or None.

        Keys, all optional: wanted (int), running (int), reason (str), next_try (seconds from now),
        stuck (list of pids).
        """

    def pids(self) -> list[int]:
        """The processes, those being stopped included, oldest first."""

    def count(self) -> int:
        """How many processes exist, those being stopped included."""

    def workers(self) -> Sequence[WorkerView]: ...

    def environment(self) -> Mapping[str, str]:
        """The full environment its processes are started with."""


class ArbiterView(Protocol):
    """The arbiter as commands see it. Watcher lookups ignore case."""

    @property
    def spec(self) -> ArbiterSpec: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def pubsub_endpoint(self) -> str: ...
    @property
    def pid(self) -> int: ...

    def watchers(self) -> Sequence[WatcherView]:
        """All watchers, highest priority first."""

    def watcher(self, name: str) -> WatcherView:
        """The watcher called *name*; KeyError when there is none."""

    def numprocesses(self) -> int:
        """How many processes exist over all watchers."""

    def listsockets(self) -> list[Payload]:
        """fd, name, backlog and host, port or path of each managed socket, sorted by fd."""

    # Edits: each changes what is wanted and returns at once. They raise CommandError when refused.
    def start(self, names: Sequence[str] | None) -> Operation:
        """Start these watchers; None, or more than one: only those with autostart."""

    def stop(self, names: Sequence[str] | None) -> Operation: ...

    def restart(self, names: Sequence[str] | None) -> Operation:
        """Stop and start these watchers; None: all of circusd, with its configuration read anew."""

    def reload(self, name: str | None, *, graceful: bool, sequential: bool) -> Operation: ...

    def scale(self, name: str, numprocesses: int) -> Operation: ...

    def kill(
        self, name: str, pid: int | None, signum: int | None, timeout: float | None
    ) -> Operation:
        """Signal, wait up to *timeout* seconds, SIGKILL what is left; respawn follows."""

    def signal(
        self,
        name: str,
        signum: int,
        *,
        pid: int | None = None,
        childpid: int | None = None,
        children: bool = False,
        recursive: bool = False,
    ) -> None: ...

    def add(self, spec: WatcherSpec, *, start: bool) -> Operation: ...

    def remove(self, name: str, *, nostop: bool) -> Operation: ...

    def configure(self, name: str, changes: Mapping[str, Any]) -> Operation:
        """Replace fields of the watcher's spec (field name -> typed value), all or none."""

    def reload_config(self) -> Operation: ...

    def quit(self) -> Operation: ...

    def process_record(self, pid: int) -> Payload | str:
        """The stats record of a process (protocol.md section 7), or a text when it is gone."""


class Publisher(Protocol):
    """Where events go."""

    def publish(self, topic: str, body: Callable[[], Mapping[str, Any]]) -> None:
        """Publish; *body* is asked only where somebody is subscribed to *topic*."""


class Loop(Protocol):
    """The part of the loop that control uses; `circus.loop.loop.Loop` is one."""

    def call_soon(self, callback: Callable[[], None]) -> None: ...
    def watch(self, fd: int, callback: Callable[[int, int], None], *, write: bool = False) -> None:
        """Call callback(fd, mask) whenever *fd* is readable."""

    def unwatch(self, fd: int) -> None: ...
    def call_at(self, deadline: float, callback: Callable[[], None]) -> Any:
        """Call once at *deadline* (monotonic); the result has cancel()."""

    def time(self) -> float: ...


def lower(names: Iterable[str]) -> frozenset[str]:
    """Return watcher names as lookups compare them."""
    return frozenset(name.lower() for name in names)
