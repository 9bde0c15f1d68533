"""What people are told of watchers: events for subscribers, lines for the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from circus.arbiter.watcher import Watcher
from circus.core.rollout import Mode
from circus.model.events import Action, topic
from circus.model.states import WatcherState

log = logging.getLogger(__name__)

Publish = Callable[[str, Callable[[], Mapping[str, Any]]], None]


class Announcer:
    """Tells what happened. *publish* sends an event; it is asked only while anybody *listened*."""

    def __init__(self, publish: Publish, listened: Callable[[], bool]) -> None:
        self._publish = publish
        self._listened = listened

    def event(
        self, watcher: Watcher, action: Action, moment: float | None = None, **body: Any
    ) -> None:
        """Publish what happened at *moment*, wall clock; None: now."""
        if self._listened():
            self._publish(
                topic(watcher.name, action),
                lambda: {**body, "time": time.time() if moment is None else moment},
            )

    def state(self, watcher: Watcher) -> None:
        """Tell the state of *watcher* if it is another one than was told last."""
        state = watcher.status()
        if state is not watcher.announced:
            self.told(watcher, state)

    def told(self, watcher: Watcher, state: WatcherState) -> None:
        """Tell that *watcher* is in *state*."""
        watcher.announced = state
        if state is WatcherState.ACTIVE:
            log.info("%s started", watcher.name)
            self.event(watcher, Action.START)
        elif state is WatcherState.STOPPED:
            log.info("%s stopped", watcher.name)
            if not watcher.succeeded:
                self.event(watcher, Action.STOP)

    def undone(self, watcher: Watcher, reason: str) -> None:
        """If its rollout was just given up: remember why, for whoever asked for it."""
        wanted = watcher.wanted
        if wanted.rollout is not None and wanted.rollout.mode is Mode.UNDO:
            watcher.rolled_back = (wanted.generation, reason)
            watcher.note = reason
            log.error("reload of watcher=%s given up: %s", watcher.name, reason)
