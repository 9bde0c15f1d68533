"""Events and stats: two frames, and topics whose names may hold dots."""

import pytest

from circus.model.errors import WireError
from circus.wire.events import (
    decode_event,
    encode_event,
    split_event_topic,
    split_stats_topic,
)


def test_an_event_is_a_topic_and_json():
    assert encode_event("watcher.web.spawn", {"process_pid": 7, "time": 1.5}) == (
        b"watcher.web.spawn",
        b'{"process_pid": 7, "time": 1.5}',
    )


@pytest.mark.parametrize("topic", ["watcher.we.ird_name:x.spawn", "watcher.\u00fc.stop", ""])
def test_what_is_encoded_comes_back(topic):
    assert decode_event(encode_event(topic, {"time": 1.0})) == (topic, {"time": 1.0})


@pytest.mark.parametrize("frames", [[], [b"t"], [b"t", b"{}", b""], [b"t", b"[]"], [b"t", b"x"]])
def test_other_frames_are_no_event(frames):
    with pytest.raises(WireError):
        decode_event(frames)


def test_an_event_topic_names_watcher_and_action():
    assert split_event_topic("watcher.web.spawn") == ("web", "spawn")
    assert split_event_topic("watcher.we.ird_name:x.stop") == ("we.ird_name:x", "stop")


@pytest.mark.parametrize("topic", ["", "watcher.", "watcher.web", "watcher..x", "stat.web.1"])
def test_other_topics_are_no_event_topics(topic):
    with pytest.raises(WireError):
        split_event_topic(topic)


def test_a_stats_topic_names_group_and_number():
    assert split_stats_topic("stat.web") == ("web", None)
    assert split_stats_topic("stat.web.12") == ("web", "12")
    assert split_stats_topic("stat.a.b.12") == ("a.b", "12")
    assert split_stats_topic("stat.a.b") == ("a.b", None)
    with pytest.raises(WireError):
        split_stats_topic("watcher.web.start")
