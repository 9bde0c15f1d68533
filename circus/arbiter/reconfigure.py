"""Applying a new configuration: checked whole before it touches anything, then what differs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from circus.arbiter.demand import uses_socket
from circus.arbiter.engine import Engine
from circus.arbiter.roster import Roster
from circus.arbiter.watcher import Watcher
from circus.core.diff import ConfigDiff, diff, watcher_change
from circus.model.errors import CommandError, SocketError
from circus.model.options import Live
from circus.model.specs import ArbiterSpec
from circus.sockets.table import SocketTable

log = logging.getLogger(__name__)


def apply_change(watcher: Watcher, values: Mapping[str, Any], now: float) -> bool:
    """Change fields of a watcher's spec; say whether its processes are being replaced for it.

    What `set` changed before and the new configuration does not mention stays as it was set.
    """
    spec = replace(watcher.spec, **values)
    change = watcher_change(watcher.spec, spec)
    watcher.change(values, spec)
    if not change.values or change.cost is not Live.ROLLING:
        return False
    if watcher.gave_up:
        watcher.start(now)  # it stopped by itself: perhaps it can run now
    elif watcher.wanted.running:
        watcher.roll(now, sequential=False)
        return True
    return False


class Reconfiguration:
    """From *old* to *new*. Watchers that were added at run time or stopped stay as they are."""

    def __init__(
        self,
        old: ArbiterSpec,
        new: ArbiterSpec,
        roster: Roster,
        sockets: SocketTable,
        engine: Engine,
    ) -> None:
        self._new = new
        self._roster = roster
        self._sockets = sockets
        self._engine = engine
        self._difference = diff(old, new)
        self.added: list[Watcher] = []
        self.rolled: list[Watcher] = []

    def apply(self, now: float) -> tuple[list[Watcher], list[Watcher]]:
        """Make it so; return the watchers that are being replaced, and those that leave.

        CommandError when it cannot be: then nothing was changed. The watchers in *added* are to be
        started by the caller.
        """
        for spec in self._difference.added:
            if spec.name in self._roster:
                raise CommandError(
                    f"nothing was changed. A watcher called {spec.name} was added at run time: "
                    f"remove it first (circusctl rm {spec.name}), or give the new one another name"
                )
        waiting = self._roster.release_sockets()
        try:
            moved = self._change_sockets()
            _log(self._difference)
            removed = [self._roster.get(name) for name in self._difference.removed]
            leaving = [watcher for watcher in removed if watcher is not None]
            for watcher in leaving:
                self._roster.depart(watcher, nostop=False)
            touched = self._change_watchers(moved, now)
            # Those that were removed by hand come back.
            missing = [spec for spec in self._new.watchers if spec.name not in self._roster]
            self.added = self._roster.take_in(missing)
        finally:
            for watcher in waiting:
                self._roster.await_demand(watcher)
        return touched, leaving

    def _change_sockets(self) -> frozenset[str]:
        """Bind and close; return the names whose descriptors are new."""
        try:
            plan = self._sockets.apply(self._new.sockets)
        except SocketError as exc:
            raise CommandError(f"nothing was changed. {exc}") from exc
        return frozenset(plan.rebound) | frozenset(plan.removed) | frozenset(plan.added)

    def _change_watchers(self, moved: frozenset[str], now: float) -> list[Watcher]:
        touched: dict[Watcher, bool] = {}
        for change in self._difference.changed:
            watcher = self._roster.get(change.name)
            if watcher is not None:
                touched[watcher] = apply_change(watcher, change.values, now)
                if watcher.on_call and not watcher.spec.on_demand:
                    self._roster.start(watcher)  # it waited for a connection: not any longer
        if moved:
            for watcher in self._roster.ordered():
                if uses_socket(watcher.spec, moved):
                    watcher.launcher = None
                    if watcher.wanted.running and not touched.get(watcher):
                        watcher.roll(now, sequential=False)
                    touched[watcher] = True
        for watcher in touched:
            self._engine.mark(watcher)
        self.rolled = [watcher for watcher in touched if watcher.wanted.rollout is not None]
        return list(touched)


def _log(difference: ConfigDiff) -> None:
    """Say what a new configuration is about to do."""
    for spec in difference.added:
        log.info("configuration: adds watcher=%s", spec.name)
    for name in difference.removed:
        log.info("configuration: removes watcher=%s", name)
    for change in difference.changed:
        options = ",".join(sorted(change.values))
        cost = change.cost.value
        log.info("configuration: changes watcher=%s options=%s: %s", change.name, options, cost)
    for option in difference.restart_needed:
        log.warning("configuration: [circus] %s changed: it applies when circusd restarts", option)
