"""The loop: timers, descriptors, calls from elsewhere, signals, and its own lag."""

import os
import signal
import socket
import threading

import pytest

from circus.loop.lag import Lag
from circus.loop.loop import Loop
from circus.loop.poller import SelectorPoller
from circus.loop.signals import SignalWatch
from circus.loop.timers import Timers


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_timers_run_in_order_of_deadline_and_equal_ones_in_order_of_arming():
    timers, ran = Timers(), []
    for name, at in [("c", 3.0), ("a", 1.0), ("b1", 2.0), ("b2", 2.0)]:
        timers.arm(at, lambda name=name: ran.append(name))
    for timer in timers.due(2.5):
        timer.callback()
    assert ran == ["a", "b1", "b2"]
    assert timers.next_deadline() == 3.0


def test_a_cancelled_timer_costs_nothing_and_does_not_wake_anybody():
    timers = Timers()
    timers.arm(1.0, lambda: None).cancel()
    assert timers.next_deadline() == float("inf")
    assert timers.due(5.0) == []


def test_cancelled_timers_do_not_pile_up():
    timers = Timers()
    for number in range(10_000):
        timers.arm(1e9 + number, lambda: None).cancel()
    assert len(timers._heap) < 1000


def test_a_timer_armed_by_a_timer_waits_for_the_next_turn(loop):
    ran = []
    loop.call_later(0, lambda: (ran.append(1), loop.call_later(0, lambda: ran.append(2))))
    loop.run_once(1)
    assert ran == [1]
    loop.run_once(1)
    assert ran == [1, 2]


def test_a_readable_descriptor_is_handled_until_it_is_unwatched(loop):
    ours, theirs = socket.socketpair()
    got = []
    with ours, theirs:
        loop.watch(ours.fileno(), lambda fd, mask: got.append(os.read(fd, 10)))
        theirs.send(b"x")
        loop.run_once(1)
        loop.unwatch(ours.fileno())
        theirs.send(b"y")
        loop.run_once(0)
    assert got == [b"x"]


def test_one_turn_handles_a_bounded_number_of_descriptors(loop):
    pipes = [os.pipe() for _ in range(300)]
    handled = []
    for read_end, write_end in pipes:
        os.write(write_end, b"x")
        loop.watch(read_end, lambda fd, mask: handled.append(fd))
    loop.run_once(0)
    assert len(handled) == 64
    for _ in range(4):
        loop.run_once(0)
    assert set(handled) == {read_end for read_end, _ in pipes}, "nobody starves"
    for read_end, write_end in pipes:
        loop.unwatch(read_end)
        os.close(read_end)
        os.close(write_end)


def test_a_handler_unwatched_by_an_earlier_one_is_not_called(loop):
    first, second = os.pipe(), os.pipe()
    called = []

    def handler(fd, mask):
        called.append(fd)
        loop.unwatch(first[0])
        loop.unwatch(second[0])

    for read_end, write_end in (first, second):
        os.write(write_end, b"x")
        loop.watch(read_end, handler)
    loop.run_once(0)
    assert len(called) == 1
    for fd in (*first, *second):
        os.close(fd)


def test_a_call_from_another_thread_ends_the_wait(loop):
    ran = []
    thread = threading.Timer(
        0.01, lambda: loop.call_threadsafe(lambda: (ran.append(1), loop.stop()))
    )
    thread.start()
    loop.run()
    thread.join()
    assert ran == [1]


def test_a_callback_that_raises_is_logged_and_the_loop_goes_on(loop, caplog):
    def broken():
        raise RuntimeError("boom")

    ran = []
    loop.call_soon(broken)
    loop.call_soon(lambda: ran.append(1))
    loop.run_once(0)
    assert ran == [1]
    assert loop.errors == 1
    assert "boom" in caplog.text


def test_signals_arrive_in_the_loop_and_the_old_handlers_come_back(loop):
    before = signal.getsignal(signal.SIGUSR1)
    got = []
    watch = SignalWatch(loop, {signal.SIGUSR1: lambda: got.append("usr1")})
    assert watch.install()
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_once(1)
    loop.run_once(0)
    watch.restore()
    assert got
    assert signal.getsignal(signal.SIGUSR1) == before


def test_outside_the_main_thread_signals_are_left_alone(loop):
    said = []
    thread = threading.Thread(
        target=lambda: said.append(SignalWatch(loop, {signal.SIGUSR1: print}).install())
    )
    thread.start()
    thread.join()
    assert said == [False]


def test_the_lag_tells_quantiles_of_the_turns():
    lag = Lag()
    for _ in range(99):
        lag.record(0.00005)
    lag.record(0.5)
    told = lag.summary()
    assert told["turns"] == 100
    assert told["p50_ms"] == 0.1
    assert told["max_ms"] == 500.0


def test_the_portable_poller_does_the_same(loop):
    poller = SelectorPoller()
    read_end, write_end = os.pipe()
    poller.register(read_end, 1)
    assert poller.poll(0, 10) == []
    os.write(write_end, b"x")
    assert poller.poll(1, 10) == [(read_end, 1)]
    poller.unregister(read_end)
    poller.close()
    os.close(read_end)
    os.close(write_end)
