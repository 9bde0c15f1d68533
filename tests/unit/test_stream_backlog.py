"""What a destination has not taken: bounded, whole lines, the oldest give way."""

from hypothesis import given
from hypothesis import strategies as st

from circus.stream.backlog import Backlog

ONE, TWO = (1, "stdout"), (2, "stderr")


def filled(limit, *pieces):
    backlog = Backlog(limit)
    for source, data in pieces:
        backlog.push(source, data)
    return backlog


def test_bytes_leave_in_the_order_they_came():
    backlog = filled(100, (ONE, b"one\n"), (TWO, b"two"))
    assert backlog.peek(100) == b"one\ntwo"
    assert backlog.peek(5) == b"one\nt"
    assert backlog.consume(5) == (TWO, True)
    assert backlog.peek(100) == b"wo"
    assert backlog.consume(2) == (TWO, True)
    assert backlog.size == 0


def test_consuming_a_whole_line_says_so():
    assert filled(100, (ONE, b"one\ntwo\n")).consume(4) == (ONE, False)


def test_within_the_limit_nothing_is_dropped():
    backlog = filled(8, (ONE, b"one\n"), (TWO, b"two\n"))
    backlog.trim()
    assert (backlog.size, backlog.dropped) == (8, 0)


def test_the_oldest_lines_give_way_whole():
    backlog = filled(10, (ONE, b"one\ntwo\nthree\n"), (TWO, b"four\n"))
    backlog.trim()
    assert backlog.peek(100) == b"four\n"  # of ONE's "three" a part would be left
    backlog = filled(12, (ONE, b"one\ntwo\nthree\n"), (TWO, b"four\n"))
    backlog.trim()
    assert backlog.peek(100) == b"three\nfour\n"
    assert (backlog.dropped, backlog.dropped_lines) == (8, 2)


def test_a_line_that_is_out_in_part_is_completed():
    backlog = filled(14, (ONE, b"begun\n" + b"x" * 8 + b"\n"), (TWO, b"y" * 6 + b"\n"))
    backlog.consume(3)
    backlog.trim()
    assert backlog.peek(100) == b"un\n" + b"y" * 6 + b"\n"
    assert backlog.dropped == 9
    assert backlog.consume(3) == (ONE, False)


def test_a_torn_line_that_would_fill_it_is_given_up():
    backlog = filled(10, (ONE, b"x" * 20 + b"\n"), (TWO, b"new\n"))
    backlog.consume(1)
    backlog.trim()
    assert backlog.peek(100) == b"new\n"


def test_clearing_counts_what_is_lost():
    backlog = filled(10, (ONE, b"a\nb\n"))
    backlog.clear()
    assert (backlog.size, backlog.dropped, backlog.dropped_lines) == (0, 4, 2)


@given(
    st.lists(
        st.tuples(st.sampled_from([ONE, TWO]), st.text("ab\n", max_size=12).map(str.encode))
        | st.integers(1, 10),
        max_size=40,
    ),
    st.integers(1, 40),
)
def test_nothing_is_lost_without_being_counted(script, limit):
    backlog = Backlog(limit)
    pushed = out = 0
    for step in script:
        if isinstance(step, int):
            count = min(step, backlog.size)
            if count:
                assert len(backlog.peek(count)) == count
                backlog.consume(count)
                out += count
        else:
            backlog.push(*step)
            pushed += len(step[1])
            backlog.trim()
            assert backlog.size <= limit
        assert backlog.size == len(backlog.peek(10**6)) if backlog.size else True
    assert pushed == out + backlog.size + backlog.dropped
