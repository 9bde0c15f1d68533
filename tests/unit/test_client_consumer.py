"""The consumer: an iterable of events."""

import threading

import pytest
import zmq

import circus.consumer
from circus.client import CircusConsumer


def endpoint(sock):
    return sock.last_endpoint.decode().rstrip("\0")


@pytest.fixture
def context():
    with zmq.Context() as made:
        yield made


@pytest.fixture
def publisher(context, short_path):
    with context.socket(zmq.XPUB) as sock:
        sock.linger = 0
        sock.bind(f"ipc://{short_path}/e.sock")
        yield sock


def subscribed(publisher, count=1):
    """Return the subscriptions as they arrive."""
    found = []
    for _ in range(count):
        assert publisher.poll(10_000)
        found.append(publisher.recv())
    return found


def test_it_yields_topics_and_messages(publisher):
    consumer = CircusConsumer(["watcher.web.", "stat"], endpoint=endpoint(publisher), timeout=0.05)
    assert set(subscribed(publisher, 2)) == {b"\x01watcher.web.", b"\x01stat"}
    publisher.send_multipart([b"watcher.api.stop", b"{}"])
    publisher.send_multipart([b"watcher.web.odd"])
    publisher.send_multipart([b"watcher.web.stop", b'{"time": 1}'])
    for topic, message in consumer:
        assert (topic, message) == (b"watcher.web.stop", b'{"time": 1}')
        break
    consumer.stop()
    assert consumer.pubsub_socket.closed
    assert consumer.context.closed


def test_a_context_that_was_passed_in_is_left_alone(publisher, context):
    with CircusConsumer([""], context, endpoint(publisher)) as consumer:
        assert subscribed(publisher) == [b"\x01"]
        assert consumer.topics == [""]
    assert consumer.pubsub_socket.closed
    assert not context.closed
    consumer.stop()


def test_stop_ends_a_silent_iteration(publisher):
    consumer = CircusConsumer([""], endpoint=endpoint(publisher), timeout=0.05)
    found = []
    thread = threading.Thread(target=lambda: found.extend(consumer))
    thread.start()
    subscribed(publisher)
    consumer.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert found == []


def test_programs_find_it_where_they_always_did():
    assert circus.consumer.CircusConsumer is CircusConsumer
