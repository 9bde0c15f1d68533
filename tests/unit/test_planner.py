"""The planner: what is missing, what is too much, what is due."""

from math import inf

import pytest

from circus.core import outcome
from circus.core.planner import Drop, Forget, Kill, Plan, Report, Spawn, Stop, plan
from circus.core.rollout import Mode, Rollout, Wanted
from circus.core.status import Workforce
from circus.model.specs import WatcherSpec
from circus.model.states import Event

WEB = WatcherSpec(name="web", cmd="serve", numprocesses=3)


def workforce(spec=WEB, wanted=None, live=0, now=100.0):
    """Return slots 1 to *live*, each with a process as old as its number is low."""
    force = Workforce()
    wanted = wanted or Wanted(running=True, numprocesses=spec.numprocesses)
    for wid in range(1, live + 1):
        slot = force.open(wid, now)
        outcome.spawned(spec, wanted, force, slot, 1000 + wid, now=now, started=now, jitter=0.0)
    return force


def running(numprocesses=3, **more):
    return Wanted(running=True, numprocesses=numprocesses, **more)


def test_what_is_missing_is_spawned_in_the_lowest_free_slots():
    assert plan(WEB, running(), workforce(live=1), 100.0).actions == (Spawn(2), Spawn(3))


def test_a_watcher_that_has_what_is_wanted_is_left_alone():
    assert plan(WEB, running(), workforce(live=3), 100.0) == Plan((), inf, more=False)


def test_what_is_too_much_goes_oldest_first():
    step = plan(WEB, running(1), workforce(live=3), 100.0)
    assert step.actions == (Stop(1, leaving=True), Stop(2, leaving=True))


def test_a_stopped_watcher_stops_what_lives_and_drops_what_waits():
    force = workforce(live=2)
    waiting = force.open(3, 100.0)
    assert waiting.pid == 0
    step = plan(WEB, Wanted(), force, 100.0)
    assert step.actions == (Drop(3), Stop(1, leaving=False), Stop(2, leaving=False))


def test_a_worker_that_outlives_its_grace_period_is_killed_and_then_reported():
    force = workforce(live=1)
    force.move(force.slots[1], Event.STOP, 100.0, 130.0)
    assert plan(WEB, Wanted(), force, 129.9) == Plan((), 130.0, more=False)
    force.advance(130.0)
    assert plan(WEB, Wanted(), force, 130.0).actions == (Kill(1),)
    force.move(force.slots[1], Event.DEADLINE, 130.0, 133.0)
    assert plan(WEB, Wanted(), force, 130.0) == Plan((), 133.0, more=False)
    force.advance(133.0)
    assert plan(WEB, Wanted(), force, 133.0).actions == (Report(1),)
    force.move(force.slots[1], Event.DEADLINE, 133.0)
    assert plan(WEB, Wanted(), force, 200.0).actions == ()


def test_a_plan_is_cut_at_its_limit_and_says_so():
    step = plan(WEB, running(1000), Workforce(), 100.0, limit=10)
    assert step.actions == tuple(Spawn(wid) for wid in range(1, 11))
    assert step.more


def test_warmup_delay_spawns_one_by_one():
    slow = WatcherSpec(name="slow", cmd="x", warmup_delay=2.0)
    force = Workforce()
    assert plan(slow, running(2), force, 100.0).actions == (Spawn(1),)
    waits = plan(slow, running(2), force, 100.0, next_spawn_at=102.0)
    assert waits == Plan((), 102.0, more=False)
    assert plan(slow, running(2), force, 102.0, next_spawn_at=102.0).actions == (Spawn(1),)


def test_a_process_past_its_max_age_is_replaced_in_its_slot():
    old = WatcherSpec(name="old", cmd="x", max_age=60.0, max_age_variance=10.0)
    force = Workforce()
    outcome.spawned(
        old, running(1), force, force.open(1, 100.0), 7, now=100.0, started=0.0, jitter=0.5
    )
    assert plan(old, running(1), force, 100.0).wake_at == 165.0, "the variance is drawn once"
    force.advance(165.0)
    assert plan(old, running(1), force, 165.0).actions == (Stop(1, leaving=False),)


def test_a_singleton_never_has_two():
    single = WatcherSpec(name="single", cmd="x", singleton=True)
    assert plan(single, running(5), Workforce(), 100.0).actions == (Spawn(1),)


def test_places_of_processes_that_ended_for_good_are_not_filled():
    force = workforce(live=1)
    force.finished = 2
    assert plan(WEB, running(3), force, 100.0).actions == ()
    assert plan(WEB, running(1), force, 100.0).actions == (Forget(2),)


class TestReload:
    """New before old: a newcomer that proved good lets one old worker go."""

    def begin(self, mode, batch=inf):
        wanted, force = running(2), workforce(live=2)
        wanted.begin(Rollout(mode, ready_after=1.0, batch=batch))
        force.raise_generation(wanted.generation)
        return wanted, force

    def spawn(self, wanted, force, wid, now):
        slot = force.slots.get(wid) or force.open(wid, now)
        outcome.spawned(WEB, wanted, force, slot, 2000 + wid, now=now, started=now, jitter=0.0)

    def test_newcomers_start_beside_the_old(self):
        wanted, force = self.begin(Mode.NEW_FIRST)
        assert plan(WEB, wanted, force, 200.0).actions == (Spawn(3), Spawn(4))

    def test_an_old_one_goes_only_when_a_newcomer_is_proven(self):
        wanted, force = self.begin(Mode.NEW_FIRST)
        self.spawn(wanted, force, 3, 200.0)
        self.spawn(wanted, force, 4, 200.5)
        assert plan(WEB, wanted, force, 200.5) == Plan((), 201.0, more=False)
        force.advance(201.0)
        assert plan(WEB, wanted, force, 201.0).actions == (Stop(1, leaving=True),)

    def test_a_newcomer_that_fails_is_taken_back_and_the_old_stay(self):
        wanted, force = self.begin(Mode.NEW_FIRST)
        self.spawn(wanted, force, 3, 200.0)
        self.spawn(wanted, force, 4, 200.0)
        outcome.process_ended(
            WEB, wanted, force, force.slots[3],
            clean=False, leftovers=False, now=200.2, jitter=0.0,
        )  # fmt: skip
        assert wanted.rollout is not None
        assert wanted.rollout.mode is Mode.UNDO
        assert plan(WEB, wanted, force, 200.2).actions == (Stop(4, leaving=True),)

    def test_newcomers_that_a_second_reload_overtook_go_before_those_that_serve(self):
        wanted, force = self.begin(Mode.NEW_FIRST)
        self.spawn(wanted, force, 3, 200.0)
        self.spawn(wanted, force, 4, 200.0)
        wanted.begin(Rollout(Mode.NEW_FIRST, ready_after=1.0))
        force.raise_generation(wanted.generation)
        step = plan(WEB, wanted, force, 200.1)
        assert step.actions == (
            Stop(3, leaving=True),
            Stop(4, leaving=True),
            Spawn(5),
            Spawn(6),
        )

    def test_fewer_wanted_during_a_reload_takes_the_unproven_first(self):
        wanted, force = self.begin(Mode.NEW_FIRST)
        self.spawn(wanted, force, 3, 200.0)
        force.advance(201.0)
        self.spawn(wanted, force, 4, 201.0)
        wanted.numprocesses = 1
        step = plan(WEB, wanted, force, 201.0)
        assert step.actions == (
            Stop(1, leaving=True),
            Stop(2, leaving=True),
            Stop(4, leaving=True),
        )

    def test_sequential_takes_one_away_and_waits_for_its_successor(self):
        wanted, force = self.begin(Mode.OLD_FIRST, batch=1)
        assert plan(WEB, wanted, force, 200.0).actions == (Stop(1, leaving=False),)
        force.move(force.slots[1], Event.STOP, 200.0, 230.0)
        assert plan(WEB, wanted, force, 200.0).actions == ()
        outcome.process_ended(
            WEB, wanted, force, force.slots[1],
            clean=True, leftovers=False, now=200.1, jitter=0.0,
        )  # fmt: skip
        assert plan(WEB, wanted, force, 200.1).actions == (Spawn(1),)
        self.spawn(wanted, force, 1, 200.1)
        assert plan(WEB, wanted, force, 200.2).actions == ()
        force.advance(201.1)
        assert plan(WEB, wanted, force, 201.1).actions == (Stop(2, leaving=False),)


@pytest.mark.parametrize("live", [10, 5000])
def test_one_death_among_many_is_planned_without_looking_at_the_others(live):
    """The plan for one missing worker does not iterate over those that live."""
    spec = WatcherSpec(name="many", cmd="x", numprocesses=live)
    wanted = running(live)
    force = workforce(spec, wanted, live=live)

    class Untouchable(dict):
        def __iter__(self):
            raise AssertionError("the plan looked at every live worker")

        values = items = __iter__

    slot = force.slots[live // 2]
    outcome.process_ended(
        spec, wanted, force, slot, clean=False, leftovers=False, now=200.0, jitter=0.0
    )
    force.live = Untouchable(force.live)
    assert plan(spec, wanted, force, 200.0).actions == (Spawn(live // 2),)
