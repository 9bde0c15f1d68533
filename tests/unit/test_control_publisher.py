"""Events over real ZeroMQ: made for those who listen, and only for them."""

import json
import os

import pytest
import zmq

from circus.control.publisher import EventPublisher
from circus.model.errors import SocketError
from tests.control_support import Rig, web_arbiter


class Events(Rig):
    """A publisher on a loop that the test turns by hand."""

    def __init__(self, endpoint, **settings):
        super().__init__(web_arbiter(), endpoint)
        self.made = []
        self.publisher = EventPublisher(
            self.loop, context=self.context, endpoint=endpoint, **settings
        )

    def publish(self, topic, **body):
        def make():
            self.made.append(topic)
            return body

        self.publisher.publish(topic, make)

    def subscriber(self, *topics, **options):
        sock = self.socket(zmq.SUB)
        for name, value in options.items():
            sock.setsockopt(getattr(zmq, name), value)
        sock.connect(self.publisher.endpoint)
        for topic in topics:
            sock.setsockopt(zmq.SUBSCRIBE, topic.encode())
            self.until(lambda topic=topic: self.publisher.subscribed(topic))
        return sock

    def close(self):
        self.publisher.close()
        super().close()


@pytest.fixture
def events(short_path):
    made = Events(f"ipc://{short_path}/e.sock", high_water_mark=100)
    made.publisher.open()
    yield made
    made.close()


def test_an_event_arrives_as_topic_and_json(events):
    subscriber = events.subscriber("watcher.")
    events.publish("watcher.web.spawn", process_pid=7)
    topic, body = events.receive(subscriber)
    assert (topic, json.loads(body)) == (b"watcher.web.spawn", {"process_pid": 7})


def test_nobody_listens_nothing_is_made(events):
    events.publish("watcher.web.spawn")
    assert events.made == []
    assert events.publisher.published == 0


def test_other_topics_are_not_made(events):
    subscriber = events.subscriber("watcher.web.", "stat")
    for topic in ("watcher.api.spawn", "watcher.web", "sta", "", "watcher.web.stop", "stat.web"):
        events.publish(topic)
    assert events.made == ["watcher.web.stop", "stat.web"]
    assert [events.receive(subscriber)[0] for _ in range(2)] == [b"watcher.web.stop", b"stat.web"]


def test_an_empty_subscription_wants_all(events):
    subscriber = events.subscriber("")
    events.publish("x")
    assert events.receive(subscriber)[0] == b"x"


def test_the_last_to_unsubscribe_ends_it(events):
    first, second = events.subscriber("a"), events.subscriber("a", "b")
    first.setsockopt(zmq.UNSUBSCRIBE, b"a")
    second.setsockopt(zmq.UNSUBSCRIBE, b"b")
    events.until(lambda: not events.publisher.subscribed("b"))
    assert events.publisher.subscribed("a")
    second.close()
    events.until(lambda: not events.publisher.subscribed("a"))
    events.publish("a")
    assert events.made == []


def test_a_subscription_is_noticed_amid_a_storm(events):
    """Sending may swallow the edge that tells of a newcomer."""
    first = events.subscriber("a")
    late = events.socket(zmq.SUB)
    late.connect(events.publisher.endpoint)
    late.setsockopt(zmq.SUBSCRIBE, b"b")

    def storm():
        events.publish("a")
        first.recv_multipart()
        return events.publisher.subscribed("b")

    events.until(storm)


def test_a_subscriber_that_does_not_read_loses_events_alone(events):
    deaf = events.subscriber("a", RCVHWM=1, RCVBUF=4096)
    keen = events.subscriber("a", "keen", RCVHWM=0)
    total = 3000
    got = 0
    for number in range(total):
        events.publish("a", filler="x" * 2000, number=number)
        while keen.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            keen.recv_multipart()
            got += 1
        if number - got > 5:
            events.receive(keen)
            got += 1
    while got < total:
        events.receive(keen)
        got += 1
    assert events.publisher.published == total
    assert events.publisher.overflows > 0
    assert deaf.getsockopt(zmq.EVENTS) & zmq.POLLIN


def test_messages_that_are_no_subscriptions_are_ignored(events):
    client = events.socket(zmq.XSUB)
    client.connect(events.publisher.endpoint)
    client.send(b"\x05rubbish")
    client.send(b"\x01a")
    events.until(lambda: events.publisher.subscribed("a"))
    assert not events.publisher.subscribed("rubbish")


def test_more_topics_than_are_remembered_mean_all(events, monkeypatch):
    monkeypatch.setattr("circus.control.publisher.MAX_TOPICS", 3)
    events.subscriber("a", "b", "c", "d")
    assert events.publisher.subscribed("anything")


def test_before_open_and_after_close_nothing_is_published(events):
    subscriber = events.subscriber("a")
    events.publisher.close()
    events.publisher.close()
    events.publish("a")
    assert events.made == []
    assert not os.path.exists(events.publisher.endpoint.removeprefix("ipc://"))
    subscriber.close()


def test_an_endpoint_in_use_is_said(events):
    other = EventPublisher(events.loop, context=events.context, endpoint=events.publisher.endpoint)
    with pytest.raises(SocketError, match=r"event endpoint .* in use"):
        other.open()
