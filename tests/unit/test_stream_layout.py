"""How lines look where they end up."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus.stream import layout
from circus.stream.chunk import CONTINUES, GOES_ON, Chunk

NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)


def at_noon(chunk):
    return NOON


def chunk(data, part=0):
    return Chunk(data, pid=7, wid=3, name="stderr", part=part)


def parsed(out):
    return [json.loads(line) for line in out.splitlines()]


def test_raw_leaves_the_bytes_alone():
    assert layout.raw(chunk(b"\x00\xffno newline")) == b"\x00\xffno newline"


def test_text_ends_the_last_line():
    assert layout.text(chunk(b"a\nb\n")) == b"a\nb\n"
    assert layout.text(chunk(b"a\nb")) == b"a\nb\n"
    assert layout.text(chunk(b"\n\n")) == b"\n\n"


def test_each_line_gets_the_time_and_the_pid():
    lay = layout.stamped("%H:%M", at_noon)
    assert lay(chunk(b"a\n\nb")) == b"12:00 [7] | a\n12:00 [7] | \n12:00 [7] | b\n"


def test_pieces_of_an_overlong_line_show_where_it_was_cut():
    lay = layout.stamped("%H:%M", at_noon)
    assert lay(chunk(b"begin", GOES_ON)) == b"12:00 [7] | begin [...]\n"
    assert lay(chunk(b"middle", CONTINUES | GOES_ON)) == b"12:00 [7] | [...] middle [...]\n"
    assert lay(chunk(b"end\n", CONTINUES)) == b"12:00 [7] | [...] end\n"


def test_json_says_who_wrote_what_and_when():
    lay = layout.json_lines('we"b', at_noon)
    assert parsed(lay(chunk("a\nß\tb\n".encode()))) == [
        {
            "time": "2024-02-29T12:00:00.123Z",
            "watcher": 'we"b',
            "wid": 3,
            "pid": 7,
            "stream": "stderr",
            "message": message,
        }
        for message in ("a", "ß\tb")
    ]


def test_bytes_that_are_no_text_are_shown_as_such():
    (told,) = parsed(layout.json_lines("w", at_noon)(chunk(b"a\xffb\n")))
    assert told["message"] == "a\ufffdb"


def test_json_of_the_worker_is_merged():
    line = b'{"level": "warning", "message": "hot", "deep": {"x": [1, null]}}\n'
    (told,) = parsed(layout.json_lines("w", at_noon)(chunk(line)))
    assert told["message"] == "hot"
    assert told["level"] == "warning"
    assert told["deep"] == {"x": [1, None]}
    assert told["time"] == "2024-02-29T12:00:00.123Z"


def test_its_own_time_stays_but_who_it_is_is_for_us_to_say():
    (told,) = parsed(
        layout.json_lines("w", at_noon)(chunk(b'{"time": 5, "pid": 1, "watcher": "root"}\n'))
    )
    assert told == {"time": 5, "watcher": "w", "wid": 3, "pid": 7, "stream": "stderr"}


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1',
        b"{}x",
        b"[1]",
        b'{"a":' * 5000,
        b'{"a": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_what_is_no_usable_json_object_is_a_message(line):
    (told,) = parsed(layout.json_lines("w", at_noon)(chunk(line + b"\n")))
    assert told["message"] == line.decode()


def test_pieces_are_marked_in_json():
    lay = layout.json_lines("w", at_noon)
    told = [parsed(lay(chunk(b'{"a"', part)))[0]["part"] for part in (2, 3, 1)]
    assert told == ["first", "middle", "last"]


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_lines_in_are_lines_out(lines):
    data = b"".join(line + b"\n" for line in lines)
    assert layout.text(chunk(data)) == data
    stamped = layout.stamped("T", at_noon)(chunk(data))
    assert stamped.split(b"\n")[:-1] == [b"T [7] | " + line for line in lines]
    told = layout.json_lines("w", at_noon)(chunk(data)).decode().split("\n")[:-1]
    assert len(told) == len(lines)
    for line, shown in zip(lines, map(json.loads, told), strict=True):
        assert shown["watcher"] == "w"
        if not line.startswith(b"{"):
            assert shown["message"] == line.decode("utf-8", "replace")
