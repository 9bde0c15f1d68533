"""What follows the end of a process, or a spawn that failed: come back when, or not at all."""

from __future__ import annotations

from math import inf

from circus.core.backoff import delay, failures_after, gives_up
from circus.core.planner import places
from circus.core.rollout import Mode, Wanted, is_newcomer
from circus.core.status import Slot, Workforce
from circus.model.specs import WatcherSpec
from circus.model.states import LIVE, Event, State


def spawned(
    spec: WatcherSpec,
    wanted: Wanted,
    workforce: Workforce,
    slot: Slot,
    pid: int,
    *,
    now: float,
    started: float,
    jitter: float,
) -> None:
    """A process started in *slot*. *jitter* (0 to 1) is its share of max_age_variance."""
    slot.pid, slot.started, slot.born, slot.tries = pid, started, now, 0
    slot.generation = wanted.generation
    slot.expires = now + spec.max_age + jitter * spec.max_age_variance if spec.max_age else inf
    proving = wanted.rollout is not None and wanted.rollout.ready_after > 0
    ready_at = now + wanted.rollout.ready_after if wanted.rollout and proving else inf
    workforce.move(slot, Event.SPAWN, now, ready_at)
    if not proving:
        workforce.set_ready(slot, now)


def spawn_failed(
    spec: WatcherSpec,
    wanted: Wanted,
    workforce: Workforce,
    slot: Slot,
    *,
    now: float,
    jitter: float,
) -> bool:
    """The spawn failed; say whether the watcher gives up after max_retry tries for one slot.

    It does where nothing of it runs: workers that serve are not taken away because a new one
    cannot be started.
    """
    slot.generation = wanted.generation
    if is_newcomer(wanted, slot):
        wanted.undo()
    slot.failures += 1
    slot.tries += 1
    workforce.move(slot, Event.FAIL, now, now + delay(spec, slot.failures, jitter))
    if gives_up(spec, slot.tries) and not workforce.live:
        wanted.stop()
        return True
    return False


def process_ended(
    spec: WatcherSpec,
    wanted: Wanted,
    workforce: Workforce,
    slot: Slot,
    *,
    clean: bool,
    leftovers: bool,
    now: float,
    jitter: float,
) -> None:
    """The process in *slot* ended; *leftovers*: others of its tree still live.

    *clean* says that it ended with status 0. A process that ended by itself may be held back
    before it comes again; one that was asked to end comes back at once.
    """
    if slot.state in LIVE:
        if is_newcomer(wanted, slot):
            wanted.undo()
        slot.failures = failures_after(spec, slot.failures, now - slot.born)
        slot.retry_at = now + delay(spec, slot.failures, jitter, clean=clean)
    else:
        slot.retry_at = now
    if leftovers:
        if slot.state in LIVE or slot.state is State.STOPPING:
            grace_ends = now + spec.graceful_timeout if slot.state in LIVE else slot.deadline
            workforce.move(slot, Event.ORPHANED, now, grace_ends)
    else:
        workforce.move(slot, Event.REAPED, now)
        _refill(spec, wanted, workforce, slot, now)


def tree_emptied(
    spec: WatcherSpec, wanted: Wanted, workforce: Workforce, slot: Slot, *, now: float
) -> None:
    """The last process that *slot*'s own one had left behind is gone."""
    workforce.move(slot, Event.EMPTY, now)
    _refill(spec, wanted, workforce, slot, now)


def _refill(
    spec: WatcherSpec, wanted: Wanted, workforce: Workforce, slot: Slot, now: float
) -> None:
    """Keep the emptied slot for another process where one is wanted there."""
    if not wanted.running or wanted.bounce or slot.leaving:
        return
    mode = wanted.rollout.mode if wanted.rollout is not None else None
    if mode is Mode.NEW_FIRST and slot.generation != wanted.generation:
        return  # its successor is another slot
    if not spec.respawn and mode is not Mode.OLD_FIRST:
        workforce.finished += 1
        return
    settled = workforce.settled - (workforce.stale if mode is Mode.NEW_FIRST else 0)
    if settled + workforce.staying < places(spec, wanted):
        workforce.come_back(slot, now, max(now, slot.retry_at))
