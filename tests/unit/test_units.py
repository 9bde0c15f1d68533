"""Numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus.model.units import (
    bytes2human,
    human2bytes,
    signal_name,
    to_bool,
    to_octal,
    to_signum,
)


@pytest.mark.parametrize("text", ["15", "TERM", "SIGTERM", "sigterm", " term ", 15])
def test_a_signal_may_be_a_number_or_a_name(text):
    assert to_signum(text) == 15


def test_real_time_signals_count_from_sigrtmin():
    assert to_signum("SIGRTMIN+2") == to_signum("RTMIN") + 2


@pytest.mark.parametrize(
    "text", ["", "SIGNOPE", "0", "65", "-1", "TERM x", "SIG_IGN", 0, True, None]
)
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(ValueError, match="not a signal"):
        to_signum(text)


@given(st.integers(1, 64))
def test_every_signal_can_be_read_back_from_its_name(signum):
    assert to_signum(signal_name(signum)) == signum


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("ON", True), (" 1 ", True), ("no", False), ("Off", False)]
)
def test_booleans_are_words(text, value):
    assert to_bool(text) is value


@pytest.mark.parametrize("text", ["", "2", "maybe", 1, None])
def test_what_is_no_boolean_is_refused(text):
    with pytest.raises(ValueError, match="not a boolean"):
        to_bool(text)


@pytest.mark.parametrize(("text", "mode"), [("022", 0o22), ("0o77", 0o77), ("7", 7), (18, 0o22)])
def test_modes_are_octal(text, mode):
    assert to_octal(text) == mode


@pytest.mark.parametrize("text", ["8", "abc", "-1", "10000", 0o10000])
def test_what_is_no_mode_is_refused(text):
    with pytest.raises(ValueError, match="not an octal"):
        to_octal(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (1023, "1023B"), (1536, "1.50K"), (10240, "10.00K"), (13904118, "13.26M")],
)
def test_sizes_have_a_unit(size, text):
    assert bytes2human(size) == text


@given(st.integers(0, 2**70))
def test_a_size_survives_within_its_decimals(size):
    back = human2bytes(bytes2human(size))
    assert abs(back - size) <= max(1, size * 0.006)


def test_a_size_without_a_unit_is_refused():
    assert human2bytes("10 kilo") == 10240
    with pytest.raises(ValueError, match="not a size with a unit"):
        human2bytes("512")
