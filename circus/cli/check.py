"""circusd --check: what would run, and what would be amiss on this machine."""

from __future__ import annotations

import os
from dataclasses import replace

from circus.client.endpoints import default_endpoint, default_pubsub_endpoint
from circus.config import Loaded
from circus.config.describe import describe
from circus.config.missing import missing_parts
from circus.model.errors import SpawnError
from circus.model.specs import ArbiterSpec, WatcherSpec
from circus.process.identity import Account, resolve


def check(loaded: Loaded) -> str:
    """Return what `circusd --check` prints: the plan, and every warning at its end.

    Users, groups and directories are looked up here and now: on the machine that circusd is to
    run on.
    """
    spec = loaded.spec
    warnings = (*loaded.warnings, *absences(spec), *missing_parts(spec))
    defaults = {"endpoint": default_endpoint(), "pubsub_endpoint": default_pubsub_endpoint()}
    return describe(replace(loaded, warnings=warnings), defaults)


def absences(spec: ArbiterSpec) -> list[str]:
    """Return what the watchers name and this machine does not have."""
    told = []
    if not spec.watchers:
        told.append("no watcher: circusd would run nothing until one is added (circusctl add)")
    own = Account.own()
    for watcher in spec.watchers:
        told += _absences_of(watcher, own)
    return told


def _absences_of(spec: WatcherSpec, own: Account) -> list[str]:
    told = []
    try:
        resolve(spec, own)
    except SpawnError as exc:
        told.append(str(exc))
    if spec.working_dir and not os.path.isdir(spec.working_dir):
        told.append(
            f"watcher {spec.name}: working_dir = {spec.working_dir}: there is no such directory. "
            "Create it, or correct the path"
        )
    return told
