"""Restart pauses grow, are capped, and start anew after a process stayed up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus.core.backoff import CLEAN_EXIT_PAUSE, delay, failures_after, gives_up
from circus.model.specs import WatcherSpec

SPEC = WatcherSpec(name="web", backoff_min=0.5, backoff_max=8.0, backoff_reset=10.0)


@pytest.mark.parametrize(
    ("failures", "pause"), [(0, 0), (1, 0), (2, 0.5), (3, 1), (4, 2), (6, 8), (7, 8), (10**6, 8)]
)
def test_the_first_restart_is_immediate_and_the_pause_doubles_up_to_its_cap(failures, pause):
    assert delay(SPEC, failures, jitter=0.0) == pause


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_jitter_takes_at_most_half_away(failures, jitter):
    full = delay(SPEC, failures, 0.0)
    assert full / 2 <= delay(SPEC, failures, jitter) <= full <= SPEC.backoff_max


def test_a_process_that_stayed_up_starts_the_count_anew():
    assert failures_after(SPEC, 7, uptime=10.0) == 1
    assert failures_after(SPEC, 7, uptime=9.9) == 8


def test_short_jobs_that_end_well_are_held_back_less():
    assert delay(SPEC, 50, 0.0, clean=True) == CLEAN_EXIT_PAUSE


@pytest.mark.parametrize(
    ("max_retry", "attempts", "gives"),
    [(5, 4, False), (5, 5, True), (-1, 10**6, False), (0, 1, True)],
)
def test_max_retry_counts_failed_spawns_in_a_row(max_retry, attempts, gives):
    assert gives_up(WatcherSpec(name="a", max_retry=max_retry), attempts) is gives
