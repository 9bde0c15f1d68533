"""The ini dialect: comments, continuation, who wins, and what a bad line says."""

import pytest

from circus.config.ini import IniReader
from circus.config.sections import Report
from circus.model.errors import ConfigError


def read(*texts: str) -> tuple[dict[str, dict[str, str]], Report]:
    """Read texts as a.ini, b.ini, ... and return the values of each section by its title."""
    report = Report()
    reader = IniReader(report)
    for name, text in zip("abc", texts, strict=False):
        reader.read(text, f"{name}.ini")
    return {section.title: dict(section.values) for section in reader.sections()}, report


def values(body: str) -> dict[str, str]:
    sections, report = read(f"[watcher:web]\n{body}")
    report.check()
    return sections["[watcher:web]"]


def problems(text: str) -> tuple[str, ...]:
    _, report = read(text)
    with pytest.raises(ConfigError) as caught:
        report.check()
    return caught.value.problems


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("cmd = sleep 60", "sleep 60"),
        ("cmd: sleep 60", "sleep 60"),
        ("cmd=a:b=c", "a:b=c"),
        ("cmd:a=b", "a=b"),
        ("cmd =", ""),
        ('cmd = ""', ""),
        ('cmd = "a b"', '"a b"'),
        ("cmd = x ; why", "x"),
        ("cmd = x\t; why", "x"),
        ("cmd = ; why", ""),
        ("cmd = a;b ; c", "a;b ; c"),
        ("cmd = a;b", "a;b"),
        ("cmd = x # no comment", "x # no comment"),
        ("cmd = 100% %(x)s", "100% %(x)s"),
        ("cmd =   padded \t", "padded"),
    ],
)
def test_an_option_is_divided_at_the_first_delimiter_and_trimmed(line, value):
    assert values(line) == {"cmd": value}


@pytest.mark.parametrize("line", ["# cmd = x", "; cmd = x", "rem cmd = x", "REM", "rem", "", "  "])
def test_comments_and_blank_lines_say_nothing(line):
    assert values(f"{line}\nargs = y") == {"args": "y"}


def test_a_name_that_begins_with_rem_is_no_comment():
    assert values("remote = x") == {"remote": "x"}


def test_option_names_keep_their_case():
    assert values("Cmd = x\ncmd = y") == {"Cmd": "x", "cmd": "y"}


def test_an_indented_line_continues_the_value_also_after_a_comment_or_blank_line():
    assert values("args = a\n  b ; c\n\n# why\n\td") == {"args": "a\nb ; c\nd"}
    assert values("args =\n  a\n  b") == {"args": "a\nb"}


def test_a_continuation_that_looks_like_something_else_is_taken_with_a_warning():
    for text in ("# a comment", "; a comment", "numprocesses = 4", "[watcher:b]"):
        sections, report = read(f"[watcher:web]\ncmd = x\n  {text}\n")
        assert sections["[watcher:web]"] == {"cmd": f"x\n{text}"}
        assert report.warnings == (
            (
                f"a.ini:3: [watcher:web] cmd: this indented line continues the value: '{text}'. "
                f"Remove the blanks before it if it is meant to stand alone"
            ),
        )
    _, report = read("[watcher:web]\ncmd = x\n  --bind=0:80\n  bind=0\n")
    assert report.warnings == ()


def test_the_first_definition_wins_in_one_file_and_across_files():
    sections, report = read(
        "[watcher:web]\ncmd = first\n[env]\nA = 1\n[watcher:web]\ncmd = second\n more\nargs = x",
        "[watcher:web]\nargs = y\nuid = z\n",
    )
    assert sections["[watcher:web]"] == {"cmd": "first", "args": "x", "uid": "z"}
    assert report.warnings == (
        (
            "a.ini:6: [watcher:web] cmd: ignored, it is already set at a.ini:2 and the first one "
            "counts. Remove one of the two"
        ),
        (
            "b.ini:2: [watcher:web] args: ignored, it is already set at a.ini:8 and the first one "
            "counts. Remove one of the two"
        ),
    )


def test_sections_come_in_the_order_of_their_first_appearance():
    sections, _ = read("[env:b]\nA=1\n[env:a]\nA=1\n[env:b]\nB=1\n")
    assert list(sections) == ["[env:b]", "[env:a]"]


def test_default_supplies_options_to_all_sections():
    sections, _ = read(
        "[watcher:a]\ncmd = x\n[DEFAULT]\nuid = nobody\ncmd = y\n[watcher:b]\nuid = root\n[env]\n"
    )
    assert sections == {
        "[watcher:a]": {"cmd": "x", "uid": "nobody"},
        "[watcher:b]": {"uid": "root", "cmd": "y"},
        "[env]": {"uid": "nobody", "cmd": "y"},
    }


def test_nothing_is_added_to_a_section_that_was_not_written():
    assert "__name__" not in values("cmd = x")


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("[watcher:web]", "[watcher:web]"),
        ("[watcher:a b.c]", "[watcher:a b.c]"),
        ("[env:web[12], a*]", "[env:web[12], a*]"),
        ("[watcher:web] ; see [1]", "[watcher:web]"),
        ("[watcher:web] # see [1]", "[watcher:web]"),
    ],
)
def test_section_headers(header, title):
    sections, report = read(f"{header}\ncmd = x\n")
    assert list(sections) == [title]
    assert report.warnings == ()


def test_an_empty_watcher_or_plugin_is_skipped_with_a_warning_an_empty_socket_is_not():
    sections, report = read("[watcher:a]\n[plugin:b]\n[socket:c]\n")
    assert list(sections) == ["[socket:c]"]
    assert report.warnings == (
        "a.ini:1: [watcher:a]: no options, ignored",
        "a.ini:2: [plugin:b]: no options, ignored",
    )


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("[wacher:web]", " Did you mean [watcher:web]?"),
        ("[Watcher:web]", " Did you mean [watcher:web]?"),
        ("[circsu]", " Did you mean [circus]?"),
        ("[watcher]", " Write for example: [watcher:web]"),
        ("[loggers]", ""),
        ("[watcher.web]", " An ini file says [watcher:web]; or call the file a.toml"),
        ("[watcher.web.env]", " An ini file says [env:web]; or call the file a.toml"),
        ('[env."web,api"]', " An ini file says [env:web,api]; or call the file a.toml"),
    ],
)
def test_unknown_sections_are_ignored_with_a_warning(header, hint):
    sections, report = read(f"{header}\ncmd = x\n")
    assert sections == {}
    assert report.warnings == (f"a.ini:1: {header}: not a section of circusd, ignored.{hint}",)


def test_all_bad_lines_are_told_at_once():
    assert problems(
        "cmd = x\nargs = y\n[watcher:web]\ncmd sleep\n= 4\n[watcher:\n[]\n[watcher:]\n"
    ) == (
        (
            "a.ini:1: 'cmd = x' stands before the first section. "
            "Write a section header above it, for example: [watcher:web]"
        ),
        (
            "a.ini:4: 'cmd sleep': no = after the name. Write for example: numprocesses = 4, "
            "or begin the line with # to make it a comment"
        ),
        (
            "a.ini:5: '= 4': no name. Write for example: numprocesses = 4, "
            "or begin the line with # to make it a comment"
        ),
        "a.ini:6: '[watcher:': not a section header. Write for example: [watcher:web]",
        "a.ini:7: '[]': not a section header. Write for example: [watcher:web]",
        "a.ini:8: [watcher:]: no name. Write for example: [watcher:web]",
    )


def test_right_after_a_header_there_is_no_value_to_continue():
    assert problems("[watcher:web]\n  # why\ncmd = x") == (
        (
            "a.ini:2: [watcher:web]: an indented line continues a value, and there is none: "
            "'# why'. Remove the blanks before it"
        ),
    )
    sections, report = read("[watcher:web]\n  cmd = x\n  args = y\nuid = z\n")
    assert sections["[watcher:web]"] == {"uid": "z"}
    assert report.warnings == (
        (
            "a.ini:2: [watcher:web]: ignored an indented option right after the header: 'cmd = x'. "
            "Remove the blanks before it"
        ),
    )


def test_line_endings_of_any_system_count_as_one():
    for end in ("\n", "\r\n", "\r"):
        sections, _ = read(f"[watcher:web]{end}cmd = x{end} y{end}")
        assert sections["[watcher:web]"] == {"cmd": "x\ny"}


def test_only_line_endings_end_a_line():
    assert values("cmd = a\x0bb\u2028c\x85d") == {"cmd": "a\x0bb\u2028c\x85d"}


def test_each_option_knows_its_file_and_line():
    report = Report()
    reader = IniReader(report)
    reader.read("[DEFAULT]\nuid = x\n\n[watcher:web]\ncmd = x\n", "a.ini")
    reader.read("\n\n[watcher:web]\nargs = x\n", "b.ini")
    (section,) = reader.sections()
    assert [section.at(key) for key in ("", "cmd", "args", "uid")] == [
        "a.ini:4: [watcher:web]",
        "a.ini:5: [watcher:web] cmd",
        "b.ini:4: [watcher:web] args",
        "a.ini:2: [DEFAULT] uid",
    ]
