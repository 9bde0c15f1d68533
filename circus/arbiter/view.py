"""What commands see of one watcher: it is read, never changed, through this."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from circus.arbiter.processes import Processes
from circus.arbiter.watcher import Watcher
from circus.control.api import WorkerView
from circus.model.errors import ConfigError
from circus.model.specs import WatcherSpec
from circus.process.environment import worker_environment


class WatcherProxy:
    """Implements circus.control.api.WatcherView."""

    __slots__ = ("_processes", "_time", "_watcher")

    def __init__(self, watcher: Watcher, processes: Processes, time: Callable[[], float]) -> None:
        self._watcher = watcher
        self._processes = processes
        self._time = time

    @property
    def name(self) -> str:
        return self._watcher.name

    @property
    def spec(self) -> WatcherSpec:
        return self._watcher.spec

    @property
    def numprocesses(self) -> int:
        return self._watcher.numprocesses

    def status(self) -> str:
        return self._watcher.status().value

    def detail(self) -> Mapping[str, Any] | None:
        stuck = self._processes.remains(self._watcher)
        return self._watcher.detail(self._time(), stuck)

    def pids(self) -> list[int]:
        return [slot.pid for slot in self._watcher.workers()]

    def count(self) -> int:
        return self._watcher.count()

    def workers(self) -> Sequence[WorkerView]:
        return self._watcher.workers()

    def environment(self) -> Mapping[str, str]:
        try:
            return worker_environment(self._watcher.spec, os.environ, sys.path)
        except ConfigError:  # such a watcher cannot start; its status says why
            return self._watcher.spec.env
