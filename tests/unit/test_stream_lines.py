"""Lines of one pipe: whole, in order, and nothing is lost however the bytes are cut."""

from hypothesis import given
from hypothesis import strategies as st

from circus.stream.chunk import CONTINUES, GOES_ON
from circus.stream.lines import LineAssembler, boundary


def test_lines_come_when_they_are_whole():
    lines = LineAssembler()
    assert lines.feed(b"one\ntw") == [(b"one\n", 0)]
    assert lines.held == 2
    assert lines.feed(b"o") == []
    assert lines.feed(b"\nthree\nfour\n") == [(b"two\n", 0), (b"three\nfour\n", 0)]
    assert lines.held == 0


def test_many_lines_of_one_read_stay_together():
    assert LineAssembler().feed(b"a\nb\nc\n") == [(b"a\nb\nc\n", 0)]


def test_what_was_written_last_without_a_newline_comes_at_the_end():
    lines = LineAssembler()
    lines.feed(b"Traceback: boom")
    assert lines.finish() == [(b"Traceback: boom", 0)]
    assert lines.finish() == []


def test_an_overlong_line_comes_in_marked_pieces():
    lines = LineAssembler(16)
    assert lines.feed(b"x" * 40) == [
        (b"x" * 16, GOES_ON),
        (b"x" * 16, CONTINUES | GOES_ON),
    ]
    assert lines.feed(b"end\nnext\n") == [(b"x" * 8 + b"end\n", CONTINUES), (b"next\n", 0)]


def test_an_overlong_line_between_others_is_cut_alone():
    runs = LineAssembler(16).feed(b"a\n" + b"x" * 20 + b"\nb\n")
    assert runs == [(b"a\n", 0), (b"x" * 16, GOES_ON), (b"xxxx\n", CONTINUES), (b"b\n", 0)]


def test_an_overlong_line_that_never_ends_ends_with_its_worker():
    lines = LineAssembler(16)
    lines.feed(b"x" * 20)
    assert lines.finish() == [(b"xxxx", CONTINUES)]
    assert lines.feed(b"new\n") == [(b"new\n", 0)]


def test_a_character_is_never_cut():
    euro = "€".encode()
    runs = LineAssembler(16).feed(euro * 10)
    assert [piece.decode() for piece, _ in runs] == ["€" * 5]  # 15 bytes: a sixth does not fit


def test_bytes_that_are_no_text_are_cut_at_the_limit():
    assert boundary(b"\x80" * 40, 16) == 16
    assert boundary("aaaaaaaaaaaaaa😀".encode(), 16) == 14


chunks = st.lists(
    st.binary(max_size=60)
    | st.text("aé€😀\n", max_size=30).map(str.encode)
    | st.just(b"\n")
    | st.just(b"x" * 50),
    max_size=20,
)


@given(chunks, st.integers(16, 64))
def test_bytes_in_are_bytes_out_and_no_more_is_held_than_allowed(script, limit):
    lines = LineAssembler(limit)
    runs = []
    for data in script:
        runs += lines.feed(data)
        assert lines.held <= limit
    runs += lines.finish()
    assert b"".join(piece for piece, _ in runs) == b"".join(script)


@given(st.text("aé€😀\n", max_size=200), st.data())
def test_pieces_fit_together_and_each_is_text(text, data):
    """Marks say where a line was cut, and every piece can be read on its own."""
    raw = text.encode()
    lines, runs, start = LineAssembler(data.draw(st.integers(16, 40))), [], 0
    while start < len(raw):
        size = data.draw(st.integers(1, 50))
        runs += lines.feed(raw[start : start + size])
        start += size
    runs += lines.finish()
    goes_on = False
    for piece, part in runs:
        piece.decode()
        assert bool(part & CONTINUES) == goes_on
        goes_on = bool(part & GOES_ON)
        if goes_on:
            assert b"\n" not in piece
        elif piece is not runs[-1][0]:
            assert piece.endswith(b"\n")
