"""The planner: what brings a watcher closer to what is wanted.

Theory of operation. A watcher has places: its live slots, those that wait for their next process,
those whose process is ending but will be replaced in the same slot (not *leaving*), and the places
of processes that ended for good (respawn = false). Missing places are opened, surplus ones given
up. A process that is being stopped because it is surplus, or because a rollout has replaced it, is
leaving: it no longer has a place, and nobody waits for it.

plan() only reads. It looks at the indexes of Workforce, so that it costs what it plans, and it is
asked again after its actions were applied: `more` says that it stopped at *limit*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from math import inf

from circus.core.rollout import Mode, Rollout, Wanted
from circus.core.status import Workforce
from circus.model.specs import WatcherSpec
from circus.model.states import State


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process in this slot, opening it where it is free."""

    wid: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Send the stop signal. *leaving*: the slot's place is given up."""

    wid: int
    leaving: bool


@dataclass(frozen=True, slots=True)
class Kill:
    """The grace is over: SIGKILL to the whole tree."""

    wid: int


@dataclass(frozen=True, slots=True)
class Report:
    """SIGKILL did not end it in time: say so, go on waiting."""

    wid: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a slot that has no process."""

    wid: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Give up *count* places of processes that ended for good."""

    count: int


Action = Spawn | Stop | Kill | Report | Drop | Forget


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and when to ask again even if nothing happens."""

    actions: tuple[Action, ...] = ()
    wake_at: float = inf
    more: bool = False


def plan(
    spec: WatcherSpec,
    wanted: Wanted,
    workforce: Workforce,
    now: float,
    *,
    next_spawn_at: float = -inf,
    limit: int = 256,
) -> Plan:
    """Return at most *limit* actions that bring *workforce* closer to *wanted*.

    *workforce* was advanced to *now*. Before *next_spawn_at* nothing is spawned (warmup_delay);
    with a warmup_delay one process at a time is.
    """
    actions = list(islice(_actions(spec, wanted, workforce, spawning=next_spawn_at <= now), limit))
    if spec.warmup_delay > 0:
        actions = _only_first_spawn(actions)
    wake_at = workforce.next_deadline()
    if now < next_spawn_at < wake_at and wanted.running and not wanted.bounce:
        wake_at = next_spawn_at
    return Plan(tuple(actions), wake_at, more=len(actions) >= limit)


def places(spec: WatcherSpec, wanted: Wanted) -> int:
    """Return how many processes the watcher is to have while it runs."""
    return min(wanted.numprocesses, 1) if spec.singleton else wanted.numprocesses


def _only_first_spawn(actions: list[Action]) -> list[Action]:
    first = next((action for action in actions if isinstance(action, Spawn)), None)
    return [action for action in actions if not isinstance(action, Spawn) or action is first]


def _actions(
    spec: WatcherSpec, wanted: Wanted, workforce: Workforce, *, spawning: bool
) -> Iterator[Action]:
    for slot in workforce.overdue.values():
        if slot.state is State.KILLING:
            yield Report(slot.wid)
        elif slot.state is not State.STUCK:
            yield Kill(slot.wid)
    if not wanted.running or wanted.bounce:
        yield from (Drop(wid) for wid in workforce.waiting)
        yield from (Stop(wid, leaving=False) for wid in workforce.live)
        if workforce.finished:
            yield Forget(workforce.finished)
        return
    target = places(spec, wanted)
    if wanted.rollout is None:
        yield from _keep(workforce, target, spawning)
    elif wanted.rollout.mode is Mode.NEW_FIRST:
        yield from _new_first(wanted, wanted.rollout, workforce, target, spawning)
    elif wanted.rollout.mode is Mode.UNDO:
        yield from _undo(workforce, target)
    else:
        yield from _old_first(wanted.rollout, workforce, target, spawning)


def _keep(workforce: Workforce, target: int, spawning: bool) -> Iterator[Action]:
    """Fill missing places, give surplus ones up, replace the expired."""
    settled = workforce.settled
    surplus = settled - target
    if surplus > 0:
        yield from _give_up(workforce, surplus)
        return
    yield from (Stop(wid, leaving=False) for wid in workforce.expired)
    if spawning:
        missing = max(0, target - settled - workforce.staying)
        yield from _in_turn(workforce.due, workforce.free_wids(missing))


def _in_turn(due: Iterable[int], missing: Iterable[int]) -> Iterator[Action]:
    """Spawn in places that wait and in new ones by turns: neither can starve the other."""
    for pair in zip_longest(due, missing):
        yield from (Spawn(wid) for wid in pair if wid is not None)


def _give_up(workforce: Workforce, surplus: int) -> Iterator[Action]:
    """Give places up: first those without a process, then the oldest processes."""
    forgotten = min(surplus, workforce.finished)
    if forgotten:
        yield Forget(forgotten)
    surplus -= forgotten
    dropped = min(surplus, len(workforce.waiting))
    yield from (Drop(wid) for wid in islice(workforce.waiting, dropped))
    yield from (Stop(wid, leaving=True) for wid in islice(workforce.live, surplus - dropped))


def _new_first(
    wanted: Wanted, rollout: Rollout, workforce: Workforce, target: int, spawning: bool
) -> Iterator[Action]:
    """Start newcomers beside the old; each newcomer that proved good lets one old process go."""
    good = workforce.fresh - workforce.unproven
    too_many_old = workforce.stale - max(0, target - good)
    if too_many_old > 0:
        yield from _stop_stale(wanted, workforce, too_many_old)
    newcomers = workforce.fresh + len(workforce.waiting)
    if newcomers > target:
        surplus = newcomers - target
        dropped = min(surplus, len(workforce.waiting))
        yield from (Drop(wid) for wid in islice(workforce.waiting, dropped))
        yield from _stop_newest(workforce, min(surplus - dropped, workforce.fresh))
    elif spawning:
        yield from (Spawn(wid) for wid in workforce.due)
        room = rollout.batch - workforce.unproven - len(workforce.waiting)
        count = int(min(target - newcomers, max(0, room)))
        yield from (Spawn(wid) for wid in workforce.free_wids(count))


def _stop_stale(wanted: Wanted, workforce: Workforce, count: int) -> Iterator[Action]:
    """Newcomers of a rollout that this one has overtaken go first: they never proved good."""
    overtaken = [
        wid
        for wid, slot in islice(workforce.starting.items(), count)
        if slot.generation != wanted.generation
    ]
    yield from (Stop(wid, leaving=True) for wid in overtaken)
    proven = (wid for wid in workforce.live if wid not in workforce.starting)
    yield from (Stop(wid, leaving=True) for wid in islice(proven, count - len(overtaken)))


def _stop_newest(workforce: Workforce, count: int) -> Iterator[Action]:
    """What is not proven goes before what serves."""
    unproven = list(islice(reversed(workforce.starting), count))
    yield from (Stop(wid, leaving=True) for wid in unproven)
    proven = (wid for wid in reversed(workforce.live) if wid not in workforce.starting)
    yield from (Stop(wid, leaving=True) for wid in islice(proven, count - len(unproven)))


def _old_first(
    rollout: Rollout, workforce: Workforce, target: int, spawning: bool
) -> Iterator[Action]:
    """Take one old process away, wait until its successor proved good, and so on."""
    settled = workforce.settled
    if settled > target:
        yield from _give_up(workforce, settled - target)
        return
    missing = max(0, target - settled - workforce.staying)
    if spawning:
        yield from (Spawn(wid) for wid in workforce.due)
        yield from (Spawn(wid) for wid in workforce.free_wids(missing))
    out_of_service = workforce.staying + len(workforce.waiting) + len(workforce.starting) + missing
    room = rollout.batch - out_of_service
    if room > 0:
        count = int(min(room, workforce.stale))
        yield from (Stop(wid, leaving=False) for wid in islice(workforce.live, count))


def _undo(workforce: Workforce, target: int) -> Iterator[Action]:
    """A newcomer failed: give up what is not proven; what serves stays."""
    surplus = workforce.settled - target
    if surplus > 0:
        dropped = min(surplus, len(workforce.waiting))
        yield from (Drop(wid) for wid in islice(workforce.waiting, dropped))
        unproven = min(len(workforce.starting), surplus - dropped)
        forgotten = min(surplus - dropped - unproven, workforce.finished)
        if forgotten:
            yield Forget(forgotten)
        yield from _stop_newest(workforce, surplus - dropped - forgotten)
