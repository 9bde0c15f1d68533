"""Documents and completions that are made from the code agree with the code."""

import pytest

from circus.core.machine import TRANSITIONS
from circus.model.states import State
from tools import generated, state_diagram


@pytest.mark.parametrize("generator", generated.GENERATORS)
def test_generated_files_are_current(generator):
    assert generated.stale(generator) == [], "run `make reference completions`"


def test_the_state_diagram_shows_every_transition():
    text = state_diagram.mermaid()
    for (before, event), after in TRANSITIONS.items():
        arrows = [line for line in text.splitlines() if f" {before.name} --> {after.name}:" in line]
        assert len(arrows) == 1
        assert event.name in arrows[0].split(": ")[1].split(", ")


def test_the_state_table_explains_every_state():
    assert set(state_diagram.MEANING) == set(State)
