"""The state machine of a slot."""

from itertools import product

import pytest

from circus.core.machine import IGNORED, TRANSITIONS, step
from circus.model.errors import InvalidTransition
from circus.model.states import Event, State

PAIRS = set(product(State, Event))


def test_no_pair_is_both_a_transition_and_ignored():
    assert not set(TRANSITIONS) & IGNORED


@pytest.mark.parametrize(("state", "event"), sorted(PAIRS, key=str))
def test_every_pair_moves_is_ignored_or_is_refused(state, event):
    if (state, event) in TRANSITIONS:
        assert step(state, event) is TRANSITIONS[state, event]
    elif (state, event) in IGNORED:
        assert step(state, event) is state
    else:
        with pytest.raises(
            InvalidTransition, match=f"{event.name} cannot happen to a {state.name}"
        ):
            step(state, event)


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS.values()) == set(State)
    assert {before for before, _ in TRANSITIONS} == set(State)


def test_after_sigkill_only_the_end_can_follow():
    leads_to = {after for (before, _), after in TRANSITIONS.items() if before is State.KILLING}
    assert leads_to == {State.KILLING, State.STUCK, State.GONE}
