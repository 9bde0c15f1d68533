"""Draws the state machine of a slot, as Mermaid and as a table, from the table that runs it."""

from __future__ import annotations

from collections import defaultdict

from circus.core.machine import TRANSITIONS
from circus.model.states import LIVE, Event, State

PATH = "docs/reference/states.md"
HEAD = """\
# The states of a slot

A slot is a place for one worker process of a watcher, numbered by its `wid`. This page is generated
from the table that circusd runs (`circus/core/machine.py`); `make reference` writes it anew.

"""
MEANING = {
    State.WAITING: "no process; one starts now, or when its backoff ends",
    State.STARTING: "its program runs, and is not yet known to be good",
    State.RUNNING: "it stayed up long enough to count as good",
    State.STOPPING: "the stop signal was sent, the grace period runs",
    State.SWEEPING: "the process ended, but others of its tree live: they were signalled",
    State.KILLING: "SIGKILL was sent to the whole tree",
    State.STUCK: "SIGKILL did not end it yet; what is left is named to whoever waits",
    State.GONE: "nothing is left",
}


def edges() -> dict[tuple[State, State], list[Event]]:
    """Return the events that lead from one state to another, in the order of the table."""
    found: dict[tuple[State, State], list[Event]] = defaultdict(list)
    for (before, event), after in TRANSITIONS.items():
        found[before, after].append(event)
    return found


def mermaid() -> str:
    """Return the diagram; events that lead the same way share one arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.WAITING.name}"]
    order = {state: number for number, state in enumerate(State)}
    for (before, after), events in sorted(
        edges().items(), key=lambda item: (order[item[0][0]], order[item[0][1]])
    ):
        names = ", ".join(sorted(event.name for event in events))
        lines.append(f"    {before.name} --> {after.name}: {names}")
    lines.append(f"    {State.GONE.name} --> [*]")
    return "\n".join(lines)


def table() -> str:
    """Return the states with their meaning."""
    rows = ["| state | serves | meaning |", "| --- | --- | --- |"]
    rows += [
        f"| {state.name} | {'yes' if state in LIVE else 'no'} | {MEANING[state]} |"
        for state in State
    ]
    return "\n".join(rows)


def render() -> dict[str, str]:
    """Return the page by its path."""
    return {PATH: f"{HEAD}```mermaid\n{mermaid()}\n```\n\n{table()}\n"}
