"""Whatever happens, in whatever order: never too many, and it settles."""

from dataclasses import replace
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from circus.core import outcome
from circus.core.planner import Drop, Forget, Kill, Report, Spawn, Stop, places, plan
from circus.core.rollout import Mode, Rollout, Wanted, is_over
from circus.core.status import Workforce
from circus.model.specs import WatcherSpec
from circus.model.states import ENDING, LIVE, Event, State


class World:
    """A kernel of our own: it starts, signals and ends processes, and keeps the clock."""

    def __init__(self, spec):
        self.spec = spec
        self.wanted = Wanted(numprocesses=spec.numprocesses)
        self.workforce = Workforce()
        self.now = 1000.0
        self.pids = iter(range(1, 10**9))
        self.processes = {}  # pid -> wid
        self.trees = {}  # wid -> processes left behind
        self.broken = False  # every spawn fails
        self.next_spawn_at = -inf

    def apply(self, action):
        workforce, now = self.workforce, self.now
        match action:
            case Spawn(wid):
                slot = workforce.slots.get(wid) or workforce.open(wid, now)
                assert slot.state is State.WAITING, "a second process in one slot"
                assert wid not in self.processes.values()
                self.next_spawn_at = now + self.spec.warmup_delay
                if self.broken:
                    outcome.spawn_failed(
                        self.spec,
                        self.wanted,
                        workforce,
                        slot,
                        now=now,
                        jitter=0.5,
                    )
                else:
                    pid = next(self.pids)
                    self.processes[pid] = wid
                    outcome.spawned(
                        self.spec,
                        self.wanted,
                        workforce,
                        slot,
                        pid,
                        now=now,
                        started=now,
                        jitter=0.5,
                    )
            case Stop(wid, leaving):
                slot = workforce.slots[wid]
                self.check_that_it_may_go(slot)
                slot.leaving = leaving
                workforce.move(slot, Event.STOP, now, now + self.spec.graceful_timeout)
            case Kill(wid):
                workforce.move(workforce.slots[wid], Event.DEADLINE, now, now + 2.0)
            case Report(wid):
                workforce.move(workforce.slots[wid], Event.DEADLINE, now)
            case Drop(wid):
                workforce.move(workforce.slots[wid], Event.DROP, now)
            case Forget(count):
                workforce.finished -= count

    def check_that_it_may_go(self, slot):
        """A rollout, or taking it back, leaves at least as many proven ones as are wanted."""
        wanted = self.wanted
        if wanted.running and not wanted.bounce and wanted.rollout is not None:
            proven = len(self.workforce.live) - len(self.workforce.starting)
            if wanted.rollout.mode is not Mode.OLD_FIRST and slot.state is State.RUNNING:
                assert proven > places(self.spec, wanted)

    def settle(self):
        """Plan and apply until nothing is left to do now."""
        for _ in range(200):
            self.workforce.advance(self.now)
            if self.wanted.bounce and not self.workforce.slots:
                self.wanted.bounce = False
            if is_over(self.wanted, self.workforce, places(self.spec, self.wanted)):
                self.wanted.rollout = None
            if (
                self.workforce.finished
                and not self.workforce.slots
                and not self.spec.respawn
                and self.wanted.running
            ):
                self.wanted.stop()
                self.workforce.finished = 0
            step = plan(
                self.spec,
                self.wanted,
                self.workforce,
                self.now,
                next_spawn_at=self.next_spawn_at,
                limit=7,
            )
            if not step.actions and not step.more:
                return step.wake_at
            for action in step.actions:
                self.apply(action)
        raise AssertionError("the plan never ends")

    def end(self, pid, *, clean, leftovers):
        wid = self.processes.pop(pid)
        slot = self.workforce.slots[wid]
        if leftovers:
            self.trees[wid] = slot
        outcome.process_ended(
            self.spec,
            self.wanted,
            self.workforce,
            slot,
            clean=clean,
            leftovers=leftovers,
            now=self.now,
            jitter=0.5,
        )

    def empty(self, wid):
        slot = self.trees.pop(wid)
        outcome.tree_emptied(self.spec, self.wanted, self.workforce, slot, now=self.now)


class Supervision(RuleBasedStateMachine):
    """Random commands, deaths and time; every rule ends in a settled plan."""

    @initialize(
        numprocesses=st.integers(0, 6),
        respawn=st.booleans(),
        max_age=st.sampled_from([0.0, 50.0]),
        warmup=st.sampled_from([0.0, 1.0]),
        max_retry=st.sampled_from([-1, 3]),
        singleton=st.booleans(),
    )
    def begin(self, numprocesses, respawn, max_age, warmup, max_retry, singleton):
        self.world = World(
            WatcherSpec(
                name="web",
                cmd="x",
                numprocesses=1 if singleton else numprocesses,
                respawn=respawn,
                max_age=max_age,
                warmup_delay=warmup,
                max_retry=max_retry,
                singleton=singleton,
            )
        )

    @rule()
    def start(self):
        if not self.world.wanted.running:
            self.world.workforce.finished = 0
        self.world.wanted.running = True
        self.world.settle()

    @rule()
    def stop(self):
        self.world.wanted.stop()
        self.world.settle()

    @precondition(lambda self: self.world.wanted.running)
    @rule()
    def restart(self):
        self.world.wanted.bounce, self.world.wanted.rollout = True, None
        self.world.settle()

    @precondition(lambda self: self.world.wanted.running)
    @rule(old_first=st.booleans())
    def reload(self, old_first):
        mode = Mode.OLD_FIRST if old_first or self.world.spec.singleton else Mode.NEW_FIRST
        self.world.wanted.begin(
            Rollout(mode, ready_after=1.0, batch=1 if mode is Mode.OLD_FIRST else inf)
        )
        self.world.workforce.raise_generation(self.world.wanted.generation)
        self.world.workforce.finished = 0
        self.world.workforce.retry_now(self.world.now)
        self.world.settle()

    @rule(count=st.integers(0, 8))
    def scale(self, count):
        self.world.wanted.numprocesses = count
        self.world.settle()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 31.0, 100.0]))
    def tick(self, seconds):
        self.world.now += seconds
        self.world.settle()

    @rule(broken=st.booleans())
    def break_the_command(self, broken):
        self.world.broken = broken

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data(), clean=st.booleans(), leftovers=st.booleans())
    def die(self, data, clean, leftovers):
        pid = data.draw(st.sampled_from(sorted(self.world.processes)))
        self.world.end(pid, clean=clean, leftovers=leftovers)
        self.world.settle()

    @precondition(lambda self: self.world.trees)
    @rule(data=st.data())
    def tree_ends(self, data):
        self.world.empty(data.draw(st.sampled_from(sorted(self.world.trees))))
        self.world.settle()

    @invariant()
    def never_more_than_wanted(self):
        if not hasattr(self, "world"):
            return
        workforce, wanted = self.world.workforce, self.world.wanted
        target = places(self.world.spec, wanted) if wanted.running and not wanted.bounce else 0
        if wanted.rollout is not None and wanted.rollout.mode is Mode.NEW_FIRST:
            assert workforce.fresh + len(workforce.waiting) <= target
        elif wanted.rollout is None or wanted.rollout.mode is Mode.OLD_FIRST:
            held = len(workforce.live) + len(workforce.waiting) + workforce.finished
            assert held <= target

    @invariant()
    def the_indexes_tell_the_truth(self):
        if not hasattr(self, "world"):
            return
        force = self.world.workforce
        slots = force.slots.values()
        assert set(force.live) == {s.wid for s in slots if s.state in LIVE}
        assert set(force.waiting) == {s.wid for s in slots if s.state is State.WAITING}
        assert set(force.ending) == {s.wid for s in slots if s.state in ENDING}
        assert set(force.starting) == {s.wid for s in slots if s.state is State.STARTING}
        assert force.leaving == sum(s.leaving for s in force.ending.values())
        assert force.fresh == sum(s.generation == force.generation for s in force.live.values())
        assert force.unproven == sum(
            s.generation == force.generation for s in force.starting.values()
        )
        generations = [s.generation for s in force.live.values()]
        assert generations == sorted(generations), "live is in the order of age"
        assert not set(force.free_wids(3)) & set(force.slots)

    def teardown(self):
        """Whatever went before: with a working command, time and obedient processes it settles."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.broken = False
        for _ in range(60):
            world.now += 40.0
            world.settle()
            for wid in list(world.trees):
                world.empty(wid)
            for pid, wid in list(world.processes.items()):
                if world.workforce.slots[wid].state in ENDING:
                    world.end(pid, clean=False, leftovers=False)
            world.settle()
        workforce, wanted = world.workforce, world.wanted
        assert wanted.rollout is None
        assert not wanted.bounce
        target = places(world.spec, wanted) if wanted.running else 0
        if world.spec.max_age == 0:
            assert len(workforce.live) + workforce.finished == target
            assert not workforce.waiting
            assert not workforce.ending


Supervision.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestSupervision = Supervision.TestCase


def test_a_spec_change_of_numprocesses_does_not_touch_wanted():
    world = World(WatcherSpec(name="a", numprocesses=2))
    world.spec = replace(world.spec, numprocesses=5)
    assert world.wanted.numprocesses == 2
