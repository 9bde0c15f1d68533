"""Names and numbers of users and groups, and which steps they need."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from circus.model.errors import SpawnError
from circus.model.specs import WatcherSpec
from circus.process.identity import Account, Identity, resolve

ROOT = Account(0, 0, frozenset({0}))
ALICE = Account(1000, 1000, frozenset({1000, 27}))


@pytest.fixture(autouse=True)
def _accounts(monkeypatch):
    """A world with root, alice (groups alice, sudo) and web (groups www, log)."""
    users = {
        name: pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))
        for name, uid, gid in [("root", 0, 0), ("alice", 1000, 1000), ("web", 33, 330)]
    }
    groups = {"root": 0, "alice": 1000, "sudo": 27, "www": 330, "log": 4}
    member = {"root": {0}, "alice": {1000, 27}, "web": {330, 4}}
    by_uid = {user.pw_uid: user for user in users.values()}
    monkeypatch.setattr(pwd, "getpwnam", users.__getitem__)
    monkeypatch.setattr(pwd, "getpwuid", by_uid.__getitem__)
    monkeypatch.setattr(
        grp, "getgrnam", lambda name: grp.struct_group((name, "x", groups[name], []))
    )
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, *(member[name] - {gid})])


def identity(own, uid=None, gid=None) -> Identity:
    return resolve(WatcherSpec(name="web", uid=uid, gid=gid), own)


@pytest.mark.parametrize("own", [ROOT, ALICE])
def test_nothing_asked_nothing_done(own):
    assert identity(own) == Identity()


@pytest.mark.parametrize("uid", ["web", 33])
def test_a_user_brings_its_groups_along(uid):
    assert identity(ROOT, uid) == Identity(33, 330, (4, 330))


@pytest.mark.parametrize("gid", ["alice", 1000])
def test_a_group_takes_the_place_of_the_primary_one(gid):
    assert identity(ROOT, "web", gid) == Identity(33, 1000, (4, 330, 1000))


def test_a_group_alone_leaves_the_user():
    assert identity(ROOT, gid="www") == Identity(0, 330, (0, 330))


def test_a_user_by_a_number_without_a_name_needs_a_group():
    assert identity(ROOT, 4321, 4322) == Identity(4321, 4322, (4322,))
    with pytest.raises(SpawnError, match=r"uid = 4321: there is no such user.*Give the group"):
        identity(ROOT, 4321)


@pytest.mark.parametrize(
    ("own", "uid", "gid"),
    [(ROOT, "root", None), (ROOT, 0, 0), (ALICE, "alice", None), (ALICE, 1000, "alice")],
)
def test_becoming_who_we_are_takes_no_step(own, uid, gid):
    assert identity(own, uid, gid) == Identity()


def test_root_sheds_groups_that_its_login_would_not_have():
    assert identity(Account(0, 0, frozenset({0, 4})), "root") == Identity(0, 0, (0,))


def test_without_root_only_the_group_is_tried_for_our_own_user():
    """setgroups would be refused, and the other user's group may be one of ours."""
    assert identity(ALICE, "alice", "sudo") == Identity(gid=27)
    assert identity(Account(1000, 1000, frozenset()), "alice") == Identity()


def test_without_root_another_user_is_tried_all_the_same():
    """Capabilities may allow it; the kernel will tell."""
    assert identity(ALICE, "web") == Identity(33, 330, (4, 330))


@pytest.mark.parametrize(
    ("uid", "gid", "message"),
    [
        ("nosuch", None, "watcher web: uid = nosuch: there is no such user. Create it, or give"),
        ("web", "nosuch", "watcher web: gid = nosuch: there is no such group. Create it, or give"),
        (2**32 - 1, 0, "watcher web: uid = 4294967295: ids end at 4294967294. Give"),
        (33, 2**40, "watcher web: gid = 1099511627776: ids end at 4294967294. Give"),
    ],
)
def test_who_does_not_exist_is_told(uid, gid, message):
    with pytest.raises(SpawnError) as raised:
        identity(ROOT, uid, gid)
    assert str(raised.value).startswith(message)


def test_our_own_account_is_that_of_this_process():
    assert Account.own() == Account(os.geteuid(), os.getegid(), frozenset(os.getgroups()))
