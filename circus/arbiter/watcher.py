"""One watcher at run time: its spec, what is wanted, what is true, and what people are told."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from circus.arbiter.launch import WorkerLauncher
from circus.core.planner import places
from circus.core.rollout import Mode, Rollout, Wanted
from circus.core.status import Slot, Workforce
from circus.loop.timers import Timer
from circus.model.events import resource_name
from circus.model.specs import WatcherSpec
from circus.model.states import State, WatcherState


class Watcher:
    """The state of one watcher. It holds no policy and touches nothing: the engine does."""

    __slots__ = (
        "announced",
        "attempts",
        "departed",
        "gave_up",
        "key",
        "launcher",
        "next_spawn_at",
        "note",
        "on_call",
        "reached",
        "reason",
        "rolled_back",
        "spec",
        "succeeded",
        "timer",
        "unmanaged",
        "wanted",
        "workforce",
    )

    def __init__(self, spec: WatcherSpec) -> None:
        self.spec = spec
        self.key = spec.name.lower()
        self.wanted = Wanted(numprocesses=spec.numprocesses)
        self.workforce = Workforce()
        self.launcher: WorkerLauncher | None = None  # made at the first spawn, anew after a change
        self.attempts = 0  # spawns that failed in a row
        self.next_spawn_at = -inf  # warmup_delay
        self.on_call = False  # on_demand: while it is stopped, a connection starts it
        self.reached = False  # every place had its process since the last start
        self.gave_up = False  # max_retry spawns failed: it stopped by itself
        self.reason: str | None = None  # why it has fewer than wanted
        self.rolled_back: tuple[int, str] | None = None  # generation and why its rollout failed
        self.note: str | None = None  # the same reason, until something else is asked of it
        self.announced = WatcherState.STOPPED  # the state that events told of
        self.timer: Timer | None = None
        self.departed = False  # removed from the arbiter; its processes are being stopped
        self.unmanaged = False  # removed, and its processes are left alone
        self.succeeded = False  # removed, and another watcher has its name: no `stop` of this one

    @property
    def name(self) -> str:
        """The name as it was given; lookups ignore case."""
        return self.spec.name

    @property
    def resource(self) -> str:
        """The name as topics spell it."""
        return resource_name(self.spec.name)

    @property
    def numprocesses(self) -> int:
        """How many processes are wanted."""
        return self.wanted.numprocesses

    @property
    def places(self) -> int:
        """How many processes it is to have while it runs."""
        return places(self.spec, self.wanted)

    def status(self) -> WatcherState:
        """What `status` says."""
        if not self.wanted.running or self.wanted.bounce:
            return WatcherState.STOPPING if self.workforce.slots else WatcherState.STOPPED
        return WatcherState.ACTIVE if self.reached else WatcherState.STARTING

    def pids(self) -> list[int]:
        """The processes that serve, oldest first."""
        return [slot.pid for slot in self.workforce.live.values()]

    def workers(self) -> list[Slot]:
        """All processes that exist, those being stopped first, then by age."""
        ending = [slot for slot in self.workforce.ending.values() if slot.pid]
        return [*ending, *self.workforce.live.values()]

    def count(self) -> int:
        """How many processes exist, those being stopped included."""
        return len(self.workers())

    def stuck(self) -> list[Slot]:
        """The slots that SIGKILL did not empty."""
        return [slot for slot in self.workforce.ending.values() if slot.state is State.STUCK]

    def detail(self, now: float, stuck_pids: list[int]) -> dict[str, Any] | None:
        """What deviates from plain running, or None; *next_try* is in seconds from *now*."""
        told: dict[str, Any] = {}
        running = len(self.workforce.live)
        if self.wanted.running and not self.wanted.bounce and running < self.places:
            told.update(wanted=self.places, running=running)
        waits = [slot.deadline for slot in self.workforce.waiting.values()]
        if waits:
            told["next_try"] = round(max(0.0, min(waits) - now), 2)
        if self.reason is not None and (told or not self.wanted.running):
            told["reason"] = self.reason
        if self.note is not None:
            told.setdefault("reason", f"reload given up: {self.note}")
        if stuck_pids:
            told["stuck"] = stuck_pids
        return told or None

    # Edits of what is wanted

    def start(self, now: float) -> None:
        """Want it to run. While it stops, what is ending will be followed by new processes."""
        self.on_call = self.spec.on_demand
        self.workforce.finished = 0
        if not self.wanted.running or len(self.workforce.live) < self.places:
            self.reached = False
        self.wanted.running = True
        self.attempts = 0
        self.gave_up = False
        self.reason = self.note = None
        self.workforce.retry_now(now)

    def stop(self) -> None:
        """Want nothing of it to run."""
        self.gave_up = False
        self.reason = self.note = None
        self.on_call = False
        self.wanted.stop()

    def restart(self, now: float) -> None:
        """Want everything stopped once, and then run."""
        had_slots = bool(self.workforce.slots)
        self.start(now)
        self.wanted.rollout = None
        self.wanted.bounce = had_slots
        self.reached = False

    def roll(self, now: float, *, sequential: bool) -> None:
        """Want every process replaced by a newer one."""
        one_by_one = sequential or self.spec.singleton
        proof = self.spec.ready_after
        self.wanted.begin(
            Rollout(Mode.OLD_FIRST, max(proof, self.spec.warmup_delay), batch=1)
            if one_by_one
            else Rollout(Mode.NEW_FIRST, proof)
        )
        self.note = None
        self.workforce.finished = 0  # places that were given up (respawn = false) are filled anew
        self.workforce.raise_generation(self.wanted.generation)
        self.attempts = 0
        self.workforce.retry_now(now)

    def change(self, values: Mapping[str, Any], spec: WatcherSpec) -> None:
        """Take a changed spec over; *values* are the fields that changed."""
        self.spec = spec
        self.launcher = None
        self.note = None
        if self.wanted.running:
            self.on_call = spec.on_demand
        if "numprocesses" in values:
            self.wanted.numprocesses = spec.numprocesses
