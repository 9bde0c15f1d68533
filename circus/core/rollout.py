"""Replacing the processes of a watcher by newer ones, and when to stop doing so.

A reload raises the wanted generation and sets a Rollout. Its progress is in the slots: those of an
older generation are stale. The first newcomer that fails ends it, and the rest keep serving.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf

from circus.core.status import Slot, Workforce
from circus.model.states import State


class Mode(Enum):
    """Who goes first."""

    NEW_FIRST = "new before old"
    OLD_FIRST = "one after another, old before new"
    UNDO = "a newcomer failed: those that are not proven go, the rest stays"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How the workers of one watcher are being replaced.

    A newcomer that stayed up *ready_after* seconds is good. *batch* bounds the newcomers that are
    not good yet (NEW_FIRST) or the places out of service (OLD_FIRST).
    """

    mode: Mode
    ready_after: float
    batch: float = inf


@dataclass(slots=True)
class Wanted:
    """What commands ask of one watcher, beside its spec. Commands edit it, the planner reads it."""

    running: bool = False
    numprocesses: int = 1
    generation: int = 0
    bounce: bool = False  # stop everything once, then run again
    rollout: Rollout | None = None

    def begin(self, rollout: Rollout) -> None:
        """Want every process replaced. One that runs already is overtaken by the new generation."""
        self.generation += 1
        self.rollout = rollout

    def undo(self) -> None:
        """Give the rollout up: what serves goes on serving."""
        self.rollout = Rollout(Mode.UNDO, ready_after=0.0)

    def stop(self) -> None:
        """Want nothing to run: it ends a restart or a reload under way, too."""
        self.running, self.bounce, self.rollout = False, False, None


def is_newcomer(wanted: Wanted, slot: Slot) -> bool:
    """Say whether the failure of what is in *slot* ends the rollout under way."""
    return (
        wanted.rollout is not None
        and wanted.rollout.mode is not Mode.UNDO
        and slot.generation == wanted.generation
        and slot.state in (State.STARTING, State.WAITING)
    )


def is_over(wanted: Wanted, workforce: Workforce, target: int) -> bool:
    """Say whether the rollout has nothing left to replace (or, undone, to take back)."""
    if wanted.rollout is None:
        return True
    settled = workforce.settled
    if wanted.rollout.mode is Mode.UNDO:
        return settled <= target
    busy = workforce.unproven + len(workforce.waiting) + workforce.stale + workforce.staying
    return busy == 0 and settled == target
