"""With endpoint_owner, whatever a peer without circusd's rights asks: it gains none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus.control.authority import HIDDEN, Guard, Peer
from circus.control.commands import NAMES
from circus.control.dispatch import Dispatcher, Waiting
from circus.model.options import options_of
from circus.model.specs import HOOK_NAMES, WatcherSpec
from circus.wire.control import Request
from tests.control_support import FakeArbiter, FakeWatcher

OWNER, OWN = 1000, 5
USERS = {"alice": OWNER, "root": 0, "circus": OWN, "bob": 1001}


def resolve(account):
    return account if isinstance(account, int) else USERS.get(account)


GUARD = Guard(OWN, OWNER, OWNER, resolve, resolve)
SAME = ("uid", "gid", "hooks", "stdout_stream", "stderr_stream", "rlimits", "copy_env", "copy_path")


def make_arbiter():
    return FakeArbiter(
        FakeWatcher(WatcherSpec(name="daemon", cmd="serve", env={"KEY": "secret"})),
        FakeWatcher(WatcherSpec(name="root", cmd="serve", uid="root", env={"KEY": "secret"})),
        FakeWatcher(WatcherSpec(name="bob", cmd="serve", uid=1001, env={"KEY": "secret"})),
        FakeWatcher(WatcherSpec(name="own", cmd="serve", uid="alice", env={"KEY": "mine"})),
    )


def ask(arbiter, command, props, uid=OWNER):
    dispatcher = Dispatcher(arbiter, GUARD)
    reply = dispatcher.handle(Request(command, props), b"raw", Peer(uid))
    return {"status": "ok"} if isinstance(reply, Waiting) else json.loads(reply)


accounts = st.sampled_from([*USERS, *USERS.values(), "0", "1000", "nobody-at-all", None, True, 1.0])
scalars = st.sampled_from(["x", "a.b", "/x", 1, 0, 15, True, None])
values = (
    accounts
    | scalars
    | st.dictionaries(
        st.sampled_from(["class", "filename", "A", "PATH", *HOOK_NAMES]), scalars, max_size=3
    )
)
keys = st.sampled_from(
    [
        *options_of(WatcherSpec),
        *("env", "hooks", "rlimits", "stdout_stream", "stderr_stream", "retry_in", "UID", "extra"),
        *("hooks.before_start", "stdout_stream.class", "stderr_stream.filename", "rlimit_nofile"),
        *("rlimits.nofile", "name", "source"),
    ]
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["daemon", "ROOT", "bob", "own", "new", "*", "", 5]),
        "cmd": st.sampled_from(["id", "", 5]),
        "args": st.none() | st.text(max_size=3),
        "options": st.dictionaries(keys, values, max_size=3) | st.none() | st.just([]),
        "keys": st.lists(keys, max_size=3),
        "start": st.booleans(),
        "waiting": st.booleans(),
        "signum": st.sampled_from([15, "HUP"]),
        "uid": accounts,
    },
)


@given(st.sampled_from(NAMES), properties, st.sampled_from([OWNER, 1001, 65534, None]))
def test_no_command_gives_a_peer_more_rights(command, props, uid):
    arbiter = make_arbiter()
    before = {watcher.name: watcher.spec for watcher in arbiter.watchers()}
    ask(arbiter, command, props, uid)
    for watcher in arbiter.watchers():
        spec, old = watcher.spec, before.get(watcher.name)
        if old is None:  # it was added
            assert resolve(spec.uid) == OWNER
            assert spec.gid is None or resolve(spec.gid) == OWNER
            blank = WatcherSpec(name="x")
            assert all(getattr(spec, key) == getattr(blank, key) for key in SAME if key[1:] != "id")
            assert not spec.use_sockets
            continue
        assert all(getattr(spec, key) == getattr(old, key) for key in SAME)
        if watcher.name != "own":
            guarded = [key for key, option in options_of(WatcherSpec).items() if option.guarded]
            assert all(getattr(spec, key) == getattr(old, key) for key in [*guarded, "env"])


@given(properties, st.sampled_from(["options", "get"]))
def test_no_answer_shows_another_users_environment(props, command):
    props = {**props, "keys": ["env"]}
    reply = json.dumps(ask(make_arbiter(), command, props))
    assert "secret" not in reply


def test_the_owner_sees_and_changes_what_runs_as_the_owner():
    arbiter = make_arbiter()
    reply = ask(arbiter, "get", {"name": "own", "keys": ["env"]})
    assert reply["options"]["env"]["KEY"] == "mine"
    changes = {"cmd": "other", "env": {"A": "1"}, "working_dir": "/srv", "numprocesses": 3}
    assert ask(arbiter, "set", {"name": "own", "options": changes})["status"] == "ok"
    assert arbiter.watcher("own").spec.cmd == "other"


def test_the_owner_runs_the_watchers_of_others():
    arbiter = make_arbiter()
    for command in ("stop", "start", "restart", "reload", "incr", "kill"):
        assert ask(arbiter, command, {"name": "root"})["status"] == "ok"
    changes = {"numprocesses": 3, "max_retry": 1, "retry_in": 5}
    assert ask(arbiter, "set", {"name": "root", "options": changes})["status"] == "ok"


def test_environments_of_others_keep_their_names_only():
    reply = ask(make_arbiter(), "options", {"name": "root"})
    assert reply["options"]["env"] == {"HOME": HIDDEN, "KEY": HIDDEN}


@pytest.mark.parametrize("uid", [0, OWN])
def test_circusds_own_user_and_root_may_do_everything(uid):
    arbiter = make_arbiter()
    added = {"name": "n", "cmd": "id", "options": {"uid": "root", "copy_env": True}}
    assert ask(arbiter, "add", added, uid)["status"] == "ok"
    changed = {"name": "daemon", "options": {"uid": 0, "cmd": "id", "hooks.before_start": "a.b"}}
    assert ask(arbiter, "set", changed, uid)["status"] == "ok"
    env = ask(arbiter, "get", {"name": "root", "keys": ["env"]}, uid)["options"]["env"]
    assert env["KEY"] == "secret"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "uid does not match endpoint_owner"),
        ({"uid": "root"}, "uid does not match endpoint_owner"),
        ({"uid": 1000, "gid": 0}, "gid does not match endpoint_owner"),
        ({"uid": "alice", "hooks": {}}, "endpoint_owner may not set 'hooks'"),
        ({"uid": "alice", "copy_env": False}, "endpoint_owner may not set 'copy_env'"),
        ({"uid": "alice", "rlimit_core": None}, "endpoint_owner may not set 'rlimit_core'"),
        (
            {"uid": "alice", "stdout_stream": {"class": "StdoutStream"}},
            "endpoint_owner may not set 'stdout_stream'",
        ),
    ],
)
def test_what_the_owner_may_not_add(options, reason):
    reply = ask(make_arbiter(), "add", {"name": "n", "cmd": "id", "options": options})
    assert (reply["errno"], reply["reason"]) == (3, reason)


def test_what_the_owner_may_add():
    arbiter = make_arbiter()
    options = {"uid": OWNER, "gid": OWNER, "numprocesses": 2, "env": {"A": "1"}, "shell": True}
    reply = ask(arbiter, "add", {"name": "n", "cmd": "id", "options": options})
    assert reply["status"] == "ok"


def test_what_the_owner_may_not_set():
    arbiter = make_arbiter()
    for key, value in (("uid", 0), ("hooks.before_start", "a.b"), ("stdout_stream.class", "x")):
        reply = ask(arbiter, "set", {"name": "own", "options": {key: value}})
        assert reply["reason"] == f"endpoint_owner may not set '{key}'"
    reply = ask(arbiter, "set", {"name": "root", "options": {"cmd": "id"}})
    assert reply["reason"].startswith("endpoint_owner may not set 'cmd' of a watcher")
