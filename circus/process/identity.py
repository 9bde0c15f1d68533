"""Which user and groups a worker runs as: names and numbers become ids.

The steps that change nothing are left out, so that a circusd which is not root can run watchers
that name the user it already is.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from circus.model.errors import SpawnError
from circus.model.specs import WatcherSpec


@dataclass(frozen=True, slots=True)
class Identity:
    """What the child has to set; None leaves it as circusd's own."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who circusd is: effective ids and supplementary groups."""

    uid: int
    gid: int
    groups: frozenset[int]

    @classmethod
    def own(cls) -> Account:
        """Return the account that this process runs as."""
        return cls(os.geteuid(), os.getegid(), frozenset(os.getgroups()))


def resolve(spec: WatcherSpec, own: Account) -> Identity:
    """Return what a worker of *spec* has to become, given who we are.

    A uid without gid takes the user's primary group. The supplementary groups are those that the
    user would have after a login, plus the gid; they can only be set by root.
    Raises SpawnError for a user or group that does not exist.
    """
    if spec.uid is None and spec.gid is None:
        return Identity()
    user = None if spec.uid is None else _user(spec)
    uid = own.uid if spec.uid is None else _uid(spec, user)
    if spec.gid is not None:
        gid = _gid(spec)
    elif user is not None:
        gid = user.pw_gid
    else:
        raise SpawnError(
            f"watcher {spec.name}: uid = {spec.uid}: there is no such user, so its group is not "
            "known. Give the group, too, for example: gid = 1000"
        )
    groups = _groups(uid, gid, user)
    if (uid, gid, frozenset(groups)) == (own.uid, own.gid, own.groups | {own.gid}):
        return Identity()
    if own.uid != 0 and uid == own.uid:
        return Identity(gid=None if gid == own.gid else gid)
    return Identity(uid=uid, gid=gid, groups=groups)


def _user(spec: WatcherSpec) -> pwd.struct_passwd | None:
    """Return the entry of the user; None for a number without one."""
    assert spec.uid is not None
    try:
        return pwd.getpwuid(spec.uid) if isinstance(spec.uid, int) else pwd.getpwnam(spec.uid)
    except (KeyError, OverflowError):
        return None


def _uid(spec: WatcherSpec, user: pwd.struct_passwd | None) -> int:
    if user is not None:
        return user.pw_uid
    if isinstance(spec.uid, int):
        return _id(spec, "uid", spec.uid)
    raise SpawnError(
        f"watcher {spec.name}: uid = {spec.uid}: there is no such user. "
        "Create it, or give the name or number of one that exists"
    )


def _gid(spec: WatcherSpec) -> int:
    if isinstance(spec.gid, int):
        return _id(spec, "gid", spec.gid)
    try:
        return grp.getgrnam(str(spec.gid)).gr_gid
    except KeyError:
        raise SpawnError(
            f"watcher {spec.name}: gid = {spec.gid}: there is no such group. "
            "Create it, or give the name or number of one that exists"
        ) from None


def _id(spec: WatcherSpec, option: str, number: int) -> int:
    if not 0 <= number < 2**32 - 1:  # the last one means "leave it" to the kernel
        raise SpawnError(
            f"watcher {spec.name}: {option} = {number}: ids end at {2**32 - 2}. "
            "Give the name or number of one that exists"
        )
    return number


def _groups(uid: int, gid: int, user: pwd.struct_passwd | None) -> tuple[int, ...]:
    try:
        name = (user or pwd.getpwuid(uid)).pw_name
    except KeyError:
        return (gid,)
    return tuple(sorted(os.getgrouplist(name, gid)))
