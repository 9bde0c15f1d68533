"""The stats record of one process, in Circus's keys, as psutil sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import psutil

from circus.model.units import bytes2human

GONE: Final = "No such process (stopped?)"
NOT_AVAILABLE: Final = "N/A"


class Recorder:
    """Makes records; *children* gives the pids of a process's direct children.

    CPU percentages need the sample before, so it keeps a handle per process.
    """

    def __init__(self, children: Callable[[int], list[int]], limit: int = 20_000) -> None:
        self._children = children
        self._limit = limit
        self._handles: dict[int, psutil.Process] = {}

    def record(self, pid: int, *, children: bool = True) -> dict[str, Any] | str:
        """Return the record of *pid*, or a text when it is gone."""
        try:
            handle = self._handle(pid)
            if handle.status() == psutil.STATUS_ZOMBIE:
                return GONE
            told = _fields(handle)
            told["children"] = self._records_of(self._children(pid)) if children else []
        except psutil.NoSuchProcess:
            self._handles.pop(pid, None)
            return GONE
        return told

    def _records_of(self, pids: list[int]) -> list[dict[str, Any]]:
        records = []
        for pid in pids:
            try:
                records.append(_fields(self._handle(pid)) | {"children": []})
            except psutil.NoSuchProcess:
                self._handles.pop(pid, None)
        return records

    def _handle(self, pid: int) -> psutil.Process:
        handle = self._handles.get(pid)
        if handle is None or not handle.is_running():
            if len(self._handles) >= self._limit:
                self._handles.clear()
            handle = self._handles[pid] = psutil.Process(pid)
            handle.cpu_percent()
        return handle


def _fields(handle: psutil.Process) -> dict[str, Any]:
    with handle.oneshot():
        memory = _ask(handle.memory_info)
        times = _ask(handle.cpu_times)
        words = _ask(handle.cmdline)
        percent = _ask(handle.memory_percent)
        created = handle.create_time()
        return {
            "mem_info1": bytes2human(memory.rss) if memory else NOT_AVAILABLE,
            "mem_info2": bytes2human(memory.vms) if memory else NOT_AVAILABLE,
            "cpu": _or_na(_ask(handle.cpu_percent)),
            "mem": NOT_AVAILABLE if percent is None else round(percent, 3),
            "ctime": cpu_time(times.user + times.system) if times else NOT_AVAILABLE,
            "pid": handle.pid,
            "username": _or_na(_ask(handle.username)),
            "nice": _or_na(_ask(handle.nice)),
            "create_time": created,
            "age": time.time() - created,
            "cmdline": words[0].split()[0].rsplit("/", 1)[-1] if words and words[0].split() else "",
        }


def _ask(question: Any) -> Any:
    try:
        return question()
    except (psutil.AccessDenied, KeyError):
        return None


def _or_na(value: Any) -> Any:
    return NOT_AVAILABLE if value is None else value


def cpu_time(seconds: float) -> str:
    """Return CPU time as minutes:seconds.hundredths; minutes go on past 60."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes}:{rest // 100:02d}.{rest % 100:02d}"
