"""Included files: found beside the main one, read once, and never able to override it."""

import pytest

from circus.config import load, loads
from circus.model.errors import ConfigError

INI = {"conf.d/a.ini": "[watcher:a]\ncmd = a\n", "conf.d/b.ini": "[watcher:b]\ncmd = b\n"}


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(loaded):
    return [watcher.name for watcher in loaded.spec.watchers]


@pytest.mark.parametrize(
    "option",
    [
        "include = conf.d/*.ini",
        "include = conf.d/b.ini\n    conf.d/a.ini",
        "include_dir = conf.d",
        "include = conf.d/a.ini conf.d/*.ini\ninclude_dir = conf.d",
        "include = $(circus.env.WHERE)/*.ini",
        "include = ((circus.env.OWN))/*.ini\n[env]\nOWN = conf.d",
    ],
)
def test_files_are_found_relative_to_the_main_one(tmp_path, option):
    write(tmp_path, INI | {"circus.ini": f"[circus]\n{option}\n"})
    loaded = load(tmp_path / "circus.ini", environ={"WHERE": "conf.d"})
    assert names(loaded) == ["a", "b"]
    assert loaded.warnings == ()
    assert loaded.spec.source == str(tmp_path / "circus.ini")
    assert set(loaded.files) == {str(tmp_path / name) for name in ("circus.ini", *INI)}
    assert loaded.files[0] == loaded.spec.source


def test_an_included_file_adds_and_never_overrides(tmp_path):
    write(
        tmp_path,
        {
            "circus.ini": "[circus]\ninclude = more.ini\n[watcher:a]\ncmd = main\n",
            "more.ini": "[watcher:a]\ncmd = other\nuid = me\n",
        },
    )
    loaded = load(tmp_path / "circus.ini")
    (watcher,) = loaded.spec.watchers
    assert (watcher.cmd, watcher.uid) == ("main", "me")
    (warning,) = loaded.warnings
    assert warning.startswith(f"{tmp_path}/more.ini:2: [watcher:a] cmd: ignored, it is already set")
    assert f"{tmp_path}/circus.ini:4" in warning


def test_a_pattern_that_matches_nothing_is_doubtful(tmp_path):
    write(tmp_path, {"circus.ini": "[circus]\n\ninclude = no/*.ini\n"})
    assert load(tmp_path / "circus.ini").warnings == (
        (
            f"{tmp_path}/circus.ini:3: [circus] include: {tmp_path}/no/*.ini matches no file. "
            "Correct or remove it"
        ),
    )


def test_a_file_that_matches_its_own_pattern_is_read_once(tmp_path):
    write(tmp_path, {"circus.ini": "[circus]\ninclude = *.ini\n[watcher:a]\ncmd = x\n"})
    assert load(tmp_path / "circus.ini").warnings == ()


def test_includes_of_included_files_are_not_followed(tmp_path):
    write(
        tmp_path,
        {
            "circus.ini": "[circus]\ninclude = a.ini\n",
            "a.ini": "[circus]\ninclude_dir = deeper\n[watcher:a]\ncmd = a\n",
            "deeper/b.ini": "[watcher:b]\ncmd = b\n",
        },
    )
    loaded = load(tmp_path / "circus.ini")
    assert names(loaded) == ["a"]
    assert len(loaded.warnings) == 1
    assert "followed in the main file only" in loaded.warnings[0]


def test_toml_files_include_toml_files(tmp_path):
    write(
        tmp_path,
        {
            "circus.toml": '[circus]\ninclude = ["more.toml"]\ninclude_dir = "conf.d"\n'
            '[watcher.a]\ncmd = "x"\n',
            "more.toml": '[env]\nA = "1"\n[watcher.a]\nuid = "me"\n',
            "conf.d/b.toml": '[watcher.b]\ncmd = "b"\n',
            "conf.d/c.ini": "[watcher:c]\ncmd = c\n",
        },
    )
    loaded = load(tmp_path / "circus.toml")
    assert [(w.name, w.uid, w.env) for w in loaded.spec.watchers] == [
        ("a", "me", {"A": "1"}),
        ("b", None, {"A": "1"}),
    ]


def test_two_toml_files_may_not_set_the_same_key(tmp_path):
    write(
        tmp_path,
        {
            "circus.toml": '[circus]\ninclude = "more.toml"\n[watcher.a]\ncmd = "x"\n',
            "more.toml": '[watcher.a]\ncmd = "y"\n',
        },
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "circus.toml")
    assert caught.value.problems == (
        (
            f"{tmp_path}/more.toml:2: [watcher.a] cmd: already set at {tmp_path}/circus.toml:4. "
            "Remove one of the two"
        ),
    )


def test_problems_of_all_files_are_told_at_once(tmp_path):
    write(
        tmp_path,
        {
            "circus.ini": "[circus]\ninclude = a.ini sub bad.ini b.toml\numask = 9\n",
            "a.ini": "[watcher:a]\ncmd = a\nuid 3\n",
            "bad.ini": "",
            "b.toml": "",
            "sub/x": "",
        },
    )
    (tmp_path / "bad.ini").write_bytes(b"[watcher:\xff]\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "circus.ini")
    told = "\n".join(caught.value.problems)
    for part in (
        f"{tmp_path}/a.ini:3: 'uid 3': no = after the name",
        f"{tmp_path}/sub: cannot read it: Is a directory",
        f"{tmp_path}/bad.ini: cannot read it: not UTF-8 text (byte 9)",
        f"{tmp_path}/b.toml: cannot be included by {tmp_path}/circus.ini",
        f"{tmp_path}/circus.ini:3: [circus] umask = 9",
    ):
        assert part in told
    assert len(caught.value.problems) == 5


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "no.ini")
    assert str(caught.value) == (
        f"{tmp_path}/no.ini: cannot read it: No such file or directory. "
        "Give the path of a configuration file"
    )
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_a_huge_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("circus.config.files.MAX_FILE", 10)
    write(tmp_path, {"circus.ini": "# 8 bytes", "big.ini": "# 12 bytes.."})
    load(tmp_path / "circus.ini")
    with pytest.raises(ConfigError, match=r"big.ini: cannot read it: longer than 10 bytes"):
        load(tmp_path / "big.ini")


def test_a_byte_order_mark_is_no_text_before_the_first_section(tmp_path):
    (tmp_path / "circus.ini").write_bytes(b"\xef\xbb\xbf[watcher:a]\r\ncmd = x\r\n")
    assert names(load(tmp_path / "circus.ini")) == ["a"]


def test_reading_is_injected():
    files = {"etc/conf.d/a.ini": "[watcher:a]\ncmd = a\n"}
    loaded = loads(
        "[circus]\ninclude_dir = conf.d\n",
        "etc/circus.ini",
        read=files.__getitem__,
        glob=lambda pattern: [name for name in files if pattern == "etc/conf.d/*.ini"],
    )
    assert names(loaded) == ["a"]
    assert loaded.files == ("etc/circus.ini", "etc/conf.d/a.ini")


def test_without_files_a_text_includes_nothing():
    loaded = loads("[circus]\ninclude = a.ini\n")
    assert loaded.warnings == (
        "circus.ini:2: [circus] include: a.ini matches no file. Correct or remove it",
    )
