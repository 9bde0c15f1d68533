"""What `circusd --check` prints, and the option reference."""

from circus.config import loads
from circus.config.describe import describe, reference
from circus.model.options import options_of
from circus.model.specs import ArbiterSpec, PluginSpec, SocketSpec, WatcherSpec

CONFIG = """
[circus]
statsd = yes
umask = 022
[env]
A = 1
[socket:web]
host = ::1
family = AF_INET6
port = 80
so_reuseport = yes
[socket:unix]
path = /run/s
umask = 077
[plugin:flap]
use = circus.plugins.flapping.Flapping
window = 3
attempts = 2
[watcher:api]
cmd = serve
    --many words
numprocesses = 3
use_sockets = 1
uid = 33
gid = www
copy_env = 1
stdout_stream.filename = /var/log/api.log
stderr_stream.class = StdoutStream
[watcher:db]
cmd = db
priority = 5
working_dir = /srv/db
autostart = no
close_child_stdout = yes
close_child_stderr = yes
[watcher:lazy]
cmd = lazy
on_demand = yes
stdin_socket = unix
shell_args = x
"""
PRINTED = """\
circus.ini: 3 watchers, 2 sockets, 1 plugin; 1 warning

endpoint         (default)
pubsub_endpoint  (default)
statsd           true
umask            022

Sockets
  NAME  ADDRESS   TYPE         BACKLOG  NOTES
  web   [::1]:80  SOCK_STREAM  2048     so_reuseport
  unix  /run/s    SOCK_STREAM  2048     umask 077

Watchers, in start order
  NAME  COUNT            USER    DIRECTORY  ENV     OUTPUT                                                      COMMAND
  db    1 (not started)  -       /srv/db    1       /dev/null                                                   db
  api   3                33:www  -          1+copy  /var/log/api.log (not written), StdoutStream (not written)  serve --many words
  lazy  on demand        -       -          1       -                                                           lazy

Plugins
  NAME  CLASS                             OPTIONS
  flap  circus.plugins.flapping.Flapping  attempts, window

1 warning
  circus.ini:40: [watcher:lazy] shell_args: has no effect without shell = true
"""  # noqa: E501


def test_a_check_shows_what_would_run():
    assert describe(loads(CONFIG)) == PRINTED


def test_an_empty_configuration_is_no_problem():
    assert describe(loads("")) == (
        "circus.ini: 0 watchers, 0 sockets, 0 plugins; no problem found\n\n"
        "endpoint         (default)\npubsub_endpoint  (default)\n"
    )


def test_the_endpoints_used_by_default_are_shown_where_they_are_known():
    text = describe(loads(""), {"endpoint": "ipc:///run/c", "pubsub_endpoint": "ipc:///run/e"})
    assert "endpoint         ipc:///run/c (default)\n" in text
    assert "pubsub_endpoint  ipc:///run/e (default)\n" in text


def test_a_list_of_arguments_is_shown_as_a_shell_would_take_it():
    text = '[watcher.w]\ncmd = "echo"\nargs = ["a  b", "$HOME", "c"]\n'
    assert "  echo 'a  b' '$HOME' c\n" in describe(loads(text, "circus.toml"))


def test_values_of_the_environment_are_not_printed():
    assert "hunter2" not in describe(loads("[env]\nPASSWORD = hunter2\n[watcher:a]\ncmd = x\n"))


def test_the_reference_has_one_row_per_option():
    text = reference()
    for spec in (ArbiterSpec, WatcherSpec, SocketSpec, PluginSpec):
        for name, option in options_of(spec).items():
            rows = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
            assert any(option.help in row for row in rows), name


def test_the_reference_is_markdown_whose_tables_are_whole():
    cells = 0
    for line in reference().splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells, line
        else:
            cells = 0


def test_the_reference_shows_values_as_they_are_written():
    text = reference()
    assert "| `stop_signal` | signal | `SIGTERM` |" in text
    assert "| `graceful_timeout` | seconds | `30` |" in text
    assert "| `uid` 🔒 | user or group |  |" in text
    assert "| `loglevel` | `critical`, `error`, `warning`, `info`, `debug` | `info` |" in text
