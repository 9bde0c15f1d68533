"""Requests and replies: which bytes are a request, and how a reply reads."""

import json

import pytest

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


def refused(*frames: bytes, limit: int = 1_000_000) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        decode_request(frames, limit)
    return caught.value


def test_a_request_has_a_command_properties_and_an_id():
    body = b'{"id": "x", "command": "incr", "properties": {"nb": 2}}'
    assert decode_request([body]) == Request("incr", {"nb": 2}, "x")


def test_blanks_around_it_unknown_keys_and_missing_properties_do_no_harm():
    body = b'\n {"command": "List", "msg_type": "call", "more": 1} \x0b'
    assert decode_request([body]) == Request("List", {})
    assert decode_request([b'{"command": "list", "properties": null}']) == Request("list", {})


def test_only_the_exact_word_cast_makes_a_cast():
    assert decode_request([b'{"command": "x", "msg_type": "cast"}']).cast
    assert not decode_request([b'{"command": "x", "msg_type": "CAST"}']).cast


def test_the_last_of_two_equal_keys_wins():
    assert decode_request([b'{"command": "a", "command": "b"}']).command == "b"


@pytest.mark.parametrize(
    "body", [b"", b" \n", b"{", b"frob", b"\xff", b"\xef\xbb\xbf{}", b"{}{}", b"1" * 5000]
)
def test_what_is_no_json_is_errno_1(body):
    error = refused(body)
    assert (error.reason, error.errno, error.id) == ("json invalid", 1, None)


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"list"'])
def test_json_that_is_no_object_is_errno_3(body):
    assert (refused(body).errno, refused(body).id) == (3, None)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("", "message invalid 'command' is missing"),
        (', "command": null', "message invalid 'command' is missing"),
        (', "command": 5', "'command' isn't a string"),
        (', "command": "x", "properties": []', "'properties' isn't a valid object"),
    ],
)
def test_an_unusable_object_is_errno_3_and_keeps_its_id(rest, reason):
    error = refused(f'{{"id": 7{rest}}}'.encode())
    assert (error.reason, error.errno, error.id, error.cast) == (reason, 3, 7, False)


def test_an_unusable_cast_is_known_as_a_cast():
    assert refused(b'{"msg_type": "cast"}').cast


def test_a_request_is_one_frame_and_its_id_is_found_in_the_last():
    error = refused(b"", b"x", b'{"id": 9}')
    assert (error.errno, error.id) == (3, 9)
    assert "3 frames" in error.reason
    assert refused().id is None
    assert refused(b"x", b"[1]").id is None


def test_a_request_beyond_the_limit_names_the_limit():
    error = refused(b'{"command": "' + b"x" * 100 + b'"}', limit=100)
    assert error.errno == 3
    assert "limit of 100 bytes" in error.reason


def test_nesting_beyond_64_levels_is_refused_however_deep():
    fits = b'{"command": "x", "id": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert decode_request([fits]).command == "x"
    over = b'{"command": "x", "id": ' + b"[" * 64 + b"]" * 64 + b"}"
    assert "64 levels" in refused(over).reason
    assert "64 levels" in refused(b"[" * 500_000 + b"]" * 500_000).reason
    assert refused(b'{"a":' * 150_000).errno in (1, 3)


def test_many_shallow_parts_are_not_deep():
    body = json.dumps({"command": "x", "properties": {"keys": [[] for _ in range(1000)]}})
    assert decode_request([body.encode()]).command == "x"


def test_a_success_begins_with_status_and_time_and_ends_with_the_id():
    assert ok_reply({"numwatchers": 6}, "X1", 17.5) == (
        b'{"status": "ok", "time": 17.5, "numwatchers": 6, "id": "X1"}'
    )
    assert ok_reply(None, None, 1.0) == b'{"status": "ok", "time": 1.0, "id": null}'


def test_a_payload_wins_over_the_envelope_but_not_over_the_id():
    assert ok_reply({"status": "active", "id": 5}, "a", 1.0) == (
        b'{"status": "active", "time": 1.0, "id": "a"}'
    )


def test_a_failure_never_carries_a_traceback():
    assert error_reply("program nope not found", 3, [1], 2.0) == (
        b'{"status": "error", "reason": "program nope not found", "tb": null, "time": 2.0, '
        b'"errno": 3, "id": [1]}'
    )


def test_replies_are_ascii_with_texts_for_keys_and_nan_as_it_came():
    assert ok_reply({"info": {5: "\u00fc\ud800"}}, float("nan"), 1.0) == (
        b'{"status": "ok", "time": 1.0, "info": {"5": "\\u00fc\\ud800"}, "id": NaN}'
    )


def test_a_request_is_written_as_it_is_read():
    body = encode_request("incr", {"nb": 1}, id="a", cast=True)
    assert decode_request([body]) == Request("incr", {"nb": 1}, "a", cast=True)


@pytest.mark.parametrize("body", [b"", b"[]", b"x"])
def test_a_reply_that_is_none_is_a_wire_error(body):
    with pytest.raises(WireError):
        decode_reply(body)


def test_a_reply_beyond_the_limit_is_a_wire_error():
    with pytest.raises(WireError, match="limit of 10 bytes"):
        decode_reply(b'{"a": "bcdefgh"}', limit=10)
