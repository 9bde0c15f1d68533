"""The difference of two configurations, and what it costs."""

from dataclasses import fields, replace

from circus.core.diff import ConfigDiff, cost_of, diff
from circus.model.options import Live
from circus.model.specs import ArbiterSpec, SocketSpec, WatcherSpec

WEB = WatcherSpec(name="Web", cmd="serve")
JOB = WatcherSpec(name="job", cmd="work")
BASE = ArbiterSpec(watchers=(WEB, JOB), sockets=(SocketSpec(name="web"),))


def test_equal_configurations_differ_in_nothing():
    assert diff(BASE, replace(BASE, source="elsewhere")) == ConfigDiff()


def test_names_are_compared_without_case():
    renamed = replace(BASE, watchers=(replace(WEB, name="WEB"), JOB))
    assert diff(BASE, renamed) == ConfigDiff()


def test_added_removed_and_changed_watchers_are_named():
    new = WatcherSpec(name="new", cmd="x")
    found = diff(BASE, replace(BASE, watchers=(new, replace(WEB, numprocesses=4))))
    assert found.added == (new,)
    assert found.removed == ("job",)
    (change,) = found.changed
    assert (change.name, change.values, change.cost) == ("Web", {"numprocesses": 4}, Live.NOTHING)


def test_the_dearest_change_decides():
    changed = replace(WEB, numprocesses=4, cmd="other", env={"A": "1"})
    (change,) = diff(BASE, replace(BASE, watchers=(changed, JOB))).changed
    assert change.cost is Live.ROLLING


def test_an_option_added_or_taken_away_counts_like_a_change():
    (added,) = diff(BASE, replace(BASE, watchers=(replace(WEB, max_age=60.0), JOB))).changed
    assert added.values == {"max_age": 60.0}


def test_global_options_are_named_and_restart_nobody():
    found = diff(BASE, replace(BASE, loglevel="debug"))
    assert found == ConfigDiff(restart_needed=("loglevel",))


def test_sockets_are_compared_by_name():
    assert diff(BASE, replace(BASE, sockets=(SocketSpec(name="WEB", port=1),))).sockets_differ


def test_every_field_of_a_watcher_has_a_cost():
    for field in fields(WatcherSpec):
        if field.name != "name":
            assert cost_of(field.name) in (Live.NOTHING, Live.NEXT_START, Live.ROLLING), field.name
