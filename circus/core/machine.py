"""The state machine of a slot: a table, and the one function that reads it."""

from __future__ import annotations

from itertools import product
from typing import Final

from circus.model.errors import InvalidTransition
from circus.model.states import ENDING, LIVE, Event, State

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.WAITING, Event.SPAWN): State.STARTING,
    (State.WAITING, Event.FAIL): State.WAITING,
    (State.WAITING, Event.DROP): State.GONE,
    (State.STARTING, Event.READY): State.RUNNING,
    (State.STARTING, Event.STOP): State.STOPPING,
    (State.RUNNING, Event.STOP): State.STOPPING,
    # The process ended by itself and left others behind: they are asked to stop, too.
    (State.STARTING, Event.ORPHANED): State.SWEEPING,
    (State.RUNNING, Event.ORPHANED): State.SWEEPING,
    (State.STOPPING, Event.ORPHANED): State.SWEEPING,
    (State.KILLING, Event.ORPHANED): State.KILLING,
    (State.STUCK, Event.ORPHANED): State.STUCK,
    (State.STOPPING, Event.DEADLINE): State.KILLING,
    (State.SWEEPING, Event.DEADLINE): State.KILLING,
    (State.KILLING, Event.DEADLINE): State.STUCK,
    **{(state, Event.REAPED): State.GONE for state in (*LIVE, *ENDING - {State.SWEEPING})},
    **{(state, Event.EMPTY): State.GONE for state in ENDING - {State.STOPPING}},
    (State.GONE, Event.WAIT): State.WAITING,
}
"""(state, event) -> the state that follows."""

IGNORED: Final[frozenset[tuple[State, Event]]] = frozenset(
    # Races, on record: the news came after the slot had moved on.
    {*product(ENDING, (Event.READY, Event.STOP)), (State.RUNNING, Event.READY)}
)


def step(state: State, event: Event) -> State:
    """Return the state that follows *event* in *state*; raise InvalidTransition if none can."""
    following = TRANSITIONS.get((state, event))
    if following is not None:
        return following
    if (state, event) in IGNORED:
        return state
    raise InvalidTransition(f"{event.name} cannot happen to a {state.name} slot")
