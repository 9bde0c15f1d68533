"""The states of a worker's slot and of a watcher, and the events that move a slot."""

from __future__ import annotations

from enum import Enum, StrEnum


class State(Enum):
    """Where one slot stands. A slot is a place for one worker process, numbered by its wid."""

    # Members are singletons: the identity is their hash, which Enum would make of their names.
    __hash__ = object.__hash__

    WAITING = "waiting"  # no process; one starts now or when its backoff ends
    STARTING = "starting"  # exec succeeded; not yet known to be good
    RUNNING = "running"
    STOPPING = "stopping"  # stop signal sent, the grace period runs
    SWEEPING = "sweeping"  # the process is gone, others of its tree are not: they were signalled
    KILLING = "killing"  # SIGKILL sent to the whole tree
    STUCK = "stuck"  # SIGKILL did not help (yet): what is left is named to whoever waits
    GONE = "gone"  # nothing is left


class Event(Enum):
    """What may happen to a slot."""

    __hash__ = object.__hash__

    SPAWN = "spawn"
    FAIL = "fail"  # the spawn failed
    READY = "ready"
    STOP = "stop"
    DEADLINE = "deadline"
    REAPED = "reaped"  # the process ended and nothing of its tree is left
    ORPHANED = "orphaned"  # the process ended, others of its tree live
    EMPTY = "empty"  # the last of the tree is gone
    DROP = "drop"  # a waiting slot is no longer wanted
    WAIT = "wait"  # an empty slot is wanted again


LIVE = frozenset({State.STARTING, State.RUNNING})
ENDING = frozenset({State.STOPPING, State.SWEEPING, State.KILLING, State.STUCK})


class WatcherState(StrEnum):
    """What `status` says of a watcher."""

    STOPPED = "stopped"
    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"
