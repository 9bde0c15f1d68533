"""200 random commands and kills, interleaved, none waited for: all are taken, and it settles."""

import json
import os
import random
import re
import signal
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from tests.system.daemon import DEADLINE, wait_for

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
ROUNDS = 200
ENDED = re.compile(r"was killed by SIG|exited with code 0")


class Model:
    """What was commanded last, as a reader of the commands would understand it."""

    def __init__(self):
        self.running = dict.fromkeys(NAMES, True)
        self.wanted = dict.fromkeys(NAMES, 2)

    def command(self, chance):
        """Draw a request, note what it commands, and return (command, properties)."""
        name = chance.choice(NAMES)
        action = chance.choice(
            [
                "start",
                "stop",
                "restart",
                "reload",
                "sequential",
                "incr",
                "decr",
                "set",
                "kill",
                "signal",
                "status",
                "stats",
            ]
        )
        if action in ("start", "restart", "reload", "sequential"):
            self.running[name] = True
        elif action == "stop":
            self.running[name] = False
        elif action == "incr":
            self.wanted[name] += 1
        elif action == "decr":
            self.wanted[name] = max(0, self.wanted[name] - 1)
        elif action == "set":
            self.wanted[name] = chance.randrange(5)
            return "set", {"name": name, "options": {"numprocesses": self.wanted[name]}}
        elif action == "signal":
            return "signal", {"name": name, "signum": chance.choice(["usr1", "term", "kill"])}
        if action == "sequential":
            return "reload", {"name": name, "sequential": True}
        return action, {"name": name}


@pytest.mark.parametrize("backend", ["compiled", "pure"])
@pytest.mark.parametrize("seed", [1, 2])
def test_200_interleaved_commands_and_kills_end_in_the_commanded_state(circusd, seed, backend):
    chance = random.Random(seed)
    text = "".join(
        f'[watcher.{name}]\ncmd = "sleep 60"\ncopy_env = true\nnumprocesses = 2\n'
        f"graceful_timeout = {0.3 if name == 'delta' else 5}\nready_after = 0.05\n"
        "backoff_max = 0.2\n"
        for name in NAMES
    )
    # One obeys slowly, one not at all: their stops overlap with everything that follows.
    text = text.replace(
        '[watcher.gamma]\ncmd = "sleep 60"',
        '[watcher.gamma]\ncmd = "sh -c \'trap \\"sleep 0.05; exit 0\\" TERM; '
        "while :; do sleep 0.02; done'\"",
    ).replace(
        '[watcher.delta]\ncmd = "sleep 60"',
        '[watcher.delta]\ncmd = "sh -c \'trap \\"\\" TERM; while :; do sleep 0.02; done\'"',
    )
    daemon = circusd(text, pure=backend == "pure")
    for name in NAMES:
        daemon.wait_pids(name, 2)
    model, sent, answered = Model(), {}, {}
    dealer = daemon.socket()

    def read(block=0):
        while dealer.poll(block):
            reply = json.loads(dealer.recv())
            answered[reply["id"]] = reply

    for _ in range(ROUNDS):
        if chance.random() < 0.25:
            family = daemon.family()
            if family:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(family), signal.SIGKILL)
        command, properties = model.command(chance)
        identity = uuid.uuid4().hex
        waiting = chance.random() < 0.3 and command not in ("status", "stats", "signal")
        sent[identity] = (command, properties, waiting)
        request = {
            "id": identity,
            "command": command,
            "properties": {**properties, "waiting": True} if waiting else properties,
        }
        dealer.send(json.dumps(request).encode(), zmq.NOBLOCK)
        if chance.random() < 0.3:
            read(chance.randrange(10))

    def all_answered():
        read(5)
        return set(sent) == set(answered)

    wait_for(all_answered, "an answer to every request", 40)
    for identity, (command, properties, waiting) in sent.items():
        reply = answered[identity]
        # Only what was waited for may fail, and only because the storm ended its newcomer.
        assert reply["status"] != "error" or (waiting and ENDED.search(reply["reason"])), (
            command,
            properties,
            reply,
        )
    dealer.close()

    def settled():
        return all(
            daemon.status(name) == ("active" if model.running[name] else "stopped")
            and len(daemon.pids(name)) == (model.wanted[name] if model.running[name] else 0)
            and daemon.call("numprocesses", name=name)["numprocesses"]
            == (model.wanted[name] if model.running[name] else 0)
            for name in NAMES
        )

    wait_for(settled, f"the commanded state {vars(model)}; log:\n{daemon.log()[-3000:]}", DEADLINE)
    managed = {pid for name in NAMES for pid in daemon.pids(name)}
    strays = [pid for pid in daemon.family() if pid not in managed and not has_parent(pid, managed)]
    assert not strays, "a process that nobody manages"
    for name in NAMES:
        wids = wait_for(lambda name=name: all_wids(daemon, name), "a record of every worker")
        assert len(set(wids)) == len(wids), "one process a slot"
    for name in NAMES:
        assert daemon.call("options", name=name)["options"]["numprocesses"] == model.wanted[name]


def all_wids(daemon, name):
    """The wids of all workers, or None while one that obeyed a late signal is being replaced."""
    records = daemon.ok("stats", name=name)["info"].values()
    if all(isinstance(record, dict) for record in records):
        return [record["wid"] for record in records] or [0]
    return None


def has_parent(pid, managed):
    """Say whether *pid* is a child of one of *managed* (the sleep of a shell's loop), or gone."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[1]) in managed
    return True
