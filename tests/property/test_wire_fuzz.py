"""Whatever bytes arrive: a request, or a BadRequest; and what is written can be read."""

import json

from hypothesis import given
from hypothesis import strategies as st

from circus.model.errors import WireError
from circus.wire.control import (
    BadRequest,
    Request,
    decode_reply,
    decode_request,
    encode_request,
    error_reply,
    ok_reply,
)
from circus.wire.events import decode_event, encode_event

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
objects = st.dictionaries(st.text(max_size=8), values, max_size=5)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "command": values,
        "properties": values,
        "id": values,
        "msg_type": st.sampled_from(["cast", "call"]) | values,
    },
)


def outcome(frames: list[bytes]) -> Request | BadRequest:
    try:
        return decode_request(frames, limit=500)
    except BadRequest as exc:
        found = exc
    json.dumps(found.id)
    assert found.errno in (1, 3)
    assert found.reason
    return found


@given(st.lists(st.binary(max_size=600), max_size=4))
def test_any_bytes_are_a_request_or_a_bad_request(frames):
    outcome(frames)


@given(envelopes, st.data())
def test_any_object_even_damaged_is_a_request_or_a_bad_request(envelope, data):
    body = json.dumps(envelope).encode()
    outcome([body])
    at = data.draw(st.integers(0, len(body)))
    outcome([body[:at] + data.draw(st.binary(max_size=3)) + body[at + 1 :]])


@given(st.integers(0, 3000), st.sampled_from(["[", '{"a":', '[{"b":']), st.booleans())
def test_any_depth_is_survived(depth, opening, closed):
    closing = {"[": "]", '{"a":': "}", '[{"b":': "}]"}[opening]
    text = opening * depth + "1" + (closing * depth if closed else "")
    try:
        decode_request([text.encode()], limit=1_000_000)
    except BadRequest:
        pass


@given(st.text(), objects, values, st.booleans())
def test_a_request_comes_back_as_it_was_written(command, properties, id, cast):
    body = encode_request(command, properties, id=id, cast=cast)
    assert decode_request([body], limit=len(body)) == Request(command, properties, id, cast)


@given(objects, values)
def test_a_reply_has_its_id_and_its_payload(payload, id):
    reply = decode_reply(ok_reply(payload, id, 1.5))
    assert reply["id"] == id
    assert reply.items() >= {k: v for k, v in payload.items() if k != "id"}.items()
    assert next(iter(reply)) == "status"
    assert list(reply)[-1] == "id"


@given(st.text(), st.integers(0, 6), values)
def test_an_error_comes_back_as_it_was_written(reason, errno, id):
    reply = decode_reply(error_reply(reason, errno, id, 1.5))
    assert (reply["reason"], reply["errno"], reply["id"]) == (reason, errno, id)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), objects)
def test_an_event_comes_back_as_it_was_written(topic, body):
    if "\\" not in topic:
        assert decode_event(encode_event(topic, body)) == (topic, body)


@given(st.lists(st.binary(max_size=100), max_size=3))
def test_any_frames_are_an_event_or_a_wire_error(frames):
    try:
        decode_event(frames)
    except WireError:
        pass
