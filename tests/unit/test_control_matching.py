"""Which watchers a pattern means."""

import pytest

from circus.control.matching import match_names
from circus.model.errors import MessageError

NAMES = ["Alpha", "beta two", "we.ird_name:x", "[ox]"]


@pytest.mark.parametrize(
    ("pattern", "mode", "found"),
    [
        ("alpha", "glob", ["Alpha"]),
        ("A*", "glob", ["Alpha"]),
        ("lph", "glob", []),
        ("*", "glob", NAMES),
        ("?lph[!x]", "glob", ["Alpha"]),
        ("[ab]*", "glob", ["Alpha", "beta two"]),
        ("ALPHA", "simple", ["Alpha"]),
        ("a*", "simple", []),
        ("[ox]", "simple", ["[ox]"]),
        ("al", "regex", ["Alpha"]),
        ("lph", "regex", []),
        ("AL.*", "regex", ["Alpha"]),
        (r"beta\Wtwo", "regex", ["beta two"]),
        (r"beta\wtwo", "regex", []),
        (r"[\S]+:", "regex", ["we.ird_name:x"]),
        ("", "regex", NAMES),
        ("", "glob", []),
    ],
)
def test_a_pattern_means_names(pattern, mode, found):
    assert match_names(pattern, NAMES, mode) == found


@pytest.mark.parametrize("mode", ["GLOB", "", "fnmatch"])
def test_the_mode_is_case_sensitive(mode):
    with pytest.raises(MessageError, match=f"unknown match method {mode}"):
        match_names("x", NAMES, mode)


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "a{99999999999999999999}", "*"])
def test_an_invalid_regex_says_why(pattern):
    with pytest.raises(MessageError, match="invalid regex"):
        match_names(pattern, NAMES, "regex")


@pytest.mark.parametrize("mode", ["glob", "regex"])
def test_a_pattern_is_bounded(mode):
    with pytest.raises(MessageError, match="at most 256 characters"):
        match_names("x" * 257, NAMES, mode)


def test_stars_cost_no_exponential_time():
    assert match_names("*a" * 100 + "b", ["a" * 200], "glob") == []
