"""Watchers start by priority, with a pause, and nobody holds up the others for long."""

from circus.core.order import StartQueue, by_priority
from circus.model.specs import WatcherSpec


def test_higher_priority_comes_first_and_equals_keep_their_order():
    specs = [WatcherSpec(name=n, priority=p) for n, p in [("a", 0), ("b", 5), ("c", 0), ("d", 5)]]
    assert [spec.name for spec in by_priority(specs)] == ["b", "d", "a", "c"]


def test_the_next_one_waits_for_the_release_of_the_one_before_it_and_for_the_pause():
    queue = StartQueue()
    queue.add(["a", "b"], pause=2.0)
    assert queue.take(0.0) == "a"
    assert queue.take(0.0) is None, "a was not released"
    queue.release("a", 1.0)
    assert queue.wake_at() == 3.0
    assert queue.take(2.9) is None
    assert queue.take(3.0) == "b"


def test_a_watcher_told_to_stop_is_not_started_and_holds_up_nobody():
    queue = StartQueue()
    queue.add(["a", "b", "c"], pause=0.0)
    assert queue.take(0.0) == "a"
    queue.discard(["a", "b"])
    assert "b" not in queue
    assert queue.take(0.0) == "c"


def test_queued_twice_is_started_once():
    queue = StartQueue()
    queue.add(["a"], pause=0.0)
    queue.add(["a", "b"], pause=0.0)
    assert len(queue) == 2
