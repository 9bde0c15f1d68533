"""The watchers of one circusd: who there is, who is to start next, who is leaving."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from math import inf

from circus.arbiter.demand import Demand, uses_socket
from circus.arbiter.engine import Engine
from circus.arbiter.watcher import Watcher
from circus.core.order import StartQueue, by_priority
from circus.loop.loop import Loop
from circus.loop.timers import Timer
from circus.model.errors import MessageError
from circus.model.specs import WatcherSpec
from circus.sockets.table import SocketTable

log = logging.getLogger(__name__)


class Roster:
    """Finds, starts and stops watchers. *warmup_delay* gives the pause between two starts."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        sockets: SocketTable,
        *,
        warmup_delay: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._sockets = sockets
        self._warmup_delay = warmup_delay
        self._watchers: dict[str, Watcher] = {}
        self._queue = StartQueue()
        self._queue_timer: Timer | None = None
        self._demand = Demand(loop, self._demanded)
        self._resting: set[Watcher] = set()  # on_demand, held back before the next connection
        self.departing: set[Watcher] = set()
        """Those that were removed and whose processes are still being stopped."""

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._watchers

    def __len__(self) -> int:
        return len(self._watchers)

    def queued(self, key: str) -> bool:
        """Say whether the watcher with this lower-case name waits for its turn to start."""
        return key in self._queue

    def get(self, name: str) -> Watcher | None:
        """Return the watcher called *name*, in any case."""
        return self._watchers.get(name.lower())

    def named(self, name: str) -> Watcher:
        """Return the watcher called *name*; MessageError when there is none."""
        try:
            return self._watchers[name.lower()]
        except KeyError:
            raise MessageError(f"program {name} not found") from None

    def ordered(self) -> list[Watcher]:
        """Return all watchers, highest priority first."""
        return sorted(self._watchers.values(), key=lambda watcher: -watcher.spec.priority)

    def chosen(self, names: Sequence[str] | None) -> list[Watcher]:
        """Return the watchers called *names*, or all, highest priority first."""
        if names is None:
            return self.ordered()
        wanted = {self.named(name) for name in names}
        return sorted(wanted, key=lambda watcher: (-watcher.spec.priority, watcher.key))

    # Coming and going

    def take_in(self, specs: Iterable[WatcherSpec]) -> list[Watcher]:
        """Add watchers, not started yet."""
        newcomers = [Watcher(spec) for spec in by_priority(specs)]
        for watcher in newcomers:
            self._watchers[watcher.key] = watcher
            for gone in self.departing:
                gone.succeeded = gone.succeeded or gone.key == watcher.key
        return newcomers

    def depart(self, watcher: Watcher, *, nostop: bool) -> None:
        """Let a watcher go: its name is free at once, its processes end in their time."""
        del self._watchers[watcher.key]
        watcher.departed = True
        self._demand.cancel(watcher)
        self._queue.discard([watcher.key])
        if nostop:
            self._engine.forget(watcher)
        else:
            self.departing.add(watcher)
            watcher.stop()
            self._engine.mark(watcher)
        self._start_next()  # it may have been the one that the next waited for

    def replace_all(self, specs: Iterable[WatcherSpec]) -> None:
        """Forget the stopped watchers of one life and take in those of the next."""
        self._demand.cancel_all()
        self._watchers.clear()
        self.take_in(specs)

    # Starting and stopping

    def start_in_turn(self, watchers: Iterable[Watcher]) -> None:
        """Start those with autostart one after another, highest priority first."""
        ready = sorted(
            (watcher for watcher in watchers if watcher.spec.autostart),
            key=lambda watcher: -watcher.spec.priority,
        )
        for watcher in ready:
            if watcher.wanted.running:
                self.start(watcher)
        waiting = [watcher.key for watcher in ready if not watcher.wanted.running]
        self._queue.add(waiting, self._warmup_delay())
        self._start_next()

    def start(self, watcher: Watcher) -> None:
        """Start one watcher now; one that is on_demand waits for a connection first."""
        if watcher.spec.on_demand and not watcher.wanted.running:
            watcher.on_call = True
            self.await_demand(watcher)
            return
        self._demand.cancel(watcher)
        watcher.start(self._loop.time())
        self._engine.mark(watcher)

    def stop(self, watchers: Iterable[Watcher]) -> None:
        """Stop watchers; they end side by side, signalled in this order."""
        stopped = list(watchers)
        self._queue.discard(watcher.key for watcher in stopped)
        for watcher in stopped:
            self._demand.cancel(watcher)
            watcher.stop()
            self._engine.mark(watcher)
        self._start_next()

    def settled(self, watcher: Watcher) -> None:
        """The engine has nothing left to do for *watcher* now: the next in turn may start."""
        self._queue.release(watcher.key, self._loop.time())
        if len(self._queue):
            self._start_next()
        if watcher.departed and not watcher.workforce.slots:
            self.departing.discard(watcher)
        if watcher.on_call and not watcher.wanted.running and not watcher.workforce.slots:
            self._rest(watcher)

    def _start_next(self) -> None:
        now = self._loop.time()
        while (key := self._queue.take(now)) is not None:
            watcher = self._watchers.get(key)
            if watcher is not None:
                self.start(watcher)
            if watcher is None or not watcher.wanted.running:
                self._queue.release(key, now)
        if self._queue_timer is not None:
            self._queue_timer.cancel()
            self._queue_timer = None
        wake_at = self._queue.wake_at()
        if wake_at < inf:
            self._queue_timer = self._loop.call_at(wake_at, self._start_next)

    # On demand

    def await_demand(self, watcher: Watcher) -> None:
        """Start *watcher* at the next connection to one of its sockets."""
        self._resting.discard(watcher)
        if watcher.on_call and not watcher.wanted.running and not watcher.departed:
            self._demand.arm(
                watcher,
                (
                    fd
                    for name, fd in self._sockets.fds().items()
                    if uses_socket(watcher.spec, [name])
                ),
            )

    def release_sockets(self) -> list[Watcher]:
        """Watch no socket any longer: they are about to change. Return who waited."""
        waiting = [watcher for watcher in self._watchers.values() if watcher in self._demand]
        self._demand.cancel_all()
        return waiting

    def _demanded(self, watcher: Watcher) -> None:
        log.info("connection for watcher=%s", watcher.name)
        watcher.start(self._loop.time())
        self._engine.mark(watcher)

    def _rest(self, watcher: Watcher) -> None:
        """An on_demand watcher whose processes have all ended waits for the next connection."""
        if watcher.gave_up or watcher in self._resting or watcher in self._demand:
            return
        self._resting.add(watcher)
        pause = self._demand.pause(watcher)
        self._loop.call_later(pause, lambda: self.await_demand(watcher))
