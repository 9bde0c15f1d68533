"""The control endpoint over real ZeroMQ: framing, bounds, waiting, and clients that misbehave."""

import itertools
import json
import os
import pwd
import socket

import pytest
import zmq

from circus.control.api import Operation
from circus.control.dispatch import Waiting
from circus.control.pending import BROAD, Pending
from circus.wire.control import Request
from tests.control_support import refusal, rig, web_arbiter


@pytest.fixture
def control(short_path):
    with rig(web_arbiter(), f"ipc://{short_path}/c.sock") as made:
        yield made


def request(command, **props):
    return json.dumps({"command": command, "properties": props, "id": "i"}).encode()


# Framing


def test_a_dealer_gets_one_frame(control):
    client = control.client()
    client.send(request("list"))
    (body,) = control.receive(client)
    reply = json.loads(body)
    assert list(reply) == ["status", "time", "watchers", "id"]
    assert (reply["status"], reply["id"]) == ("ok", "i")


def test_a_req_client_is_answered_too(control):
    client = control.client(zmq.REQ)
    client.send(request("list"))
    (body,) = control.receive(client)
    assert json.loads(body)["watchers"] == ["beta two", "web"]


def test_a_dealer_that_sends_a_delimiter_gets_it_back(control):
    client = control.client()
    client.send_multipart([b"", request("list")])
    delimiter, body = control.receive(client)
    assert (delimiter, json.loads(body)["status"]) == (b"", "ok")


@pytest.mark.parametrize("frames", [2, 3, 9, 10, 100])
def test_other_frame_counts_are_refused(control, frames):
    client = control.client()
    reply = control.ask(client, *[b"x"] * (frames - 1), request("list"))
    assert (reply["errno"], reply["status"]) == (3, "error")
    assert control.call(client, "numwatchers")["numwatchers"] == 2


@pytest.mark.parametrize(
    ("body", "errno"),
    [(b"", 1), (b" ", 1), (b"{", 1), (b"[]", 3), (b"{}", 3), (b'{"command": 5}', 3)],
)
def test_what_is_no_request_is_answered_and_stalls_nobody(control, body, errno):
    client = control.client()
    client.send(body)
    client.send(request("numwatchers"))
    assert json.loads(control.receive(client)[0])["errno"] == errno
    assert json.loads(control.receive(client)[0])["numwatchers"] == 2


def test_a_cast_is_carried_out_and_never_answered(control):
    client = control.client()
    for message in ({"command": "stop"}, {"command": "frob"}, {}):
        client.send(json.dumps({**message, "msg_type": "cast"}).encode())
    waiting = {"command": "stop", "msg_type": "cast", "properties": {"waiting": True}}
    client.send(json.dumps(waiting).encode())
    assert control.call(client, "numwatchers")["numwatchers"] == 2
    assert control.arbiter.calls == [("stop", None), ("stop", None)]
    assert control.server.pending == 0


# Bounds


def test_a_request_beyond_the_limit_is_told_the_limit(control):
    client = control.client()
    reply = control.call(client, "list", name="x" * 1024 * 1024)
    assert reply["errno"] == 3
    assert "limit of 1048576 bytes" in reply["reason"]
    control.settle(client)


def test_a_huge_frame_costs_its_sender_the_connection(control):
    client = control.client()
    client.send(b"x" * (17 * 1024 * 1024))
    control.settle(control.client())
    assert control.server.received == 1


def test_a_deep_request_is_refused(control):
    client = control.client()
    reply = control.ask(client, b"[" * 500_000)
    assert (reply["errno"], reply["reason"]) == (3, "this request is nested deeper than 64 levels")
    control.settle(client)


def test_a_thousand_requests_in_a_row_are_answered_in_order(control):
    client = control.client()
    for number in range(1000):
        client.send(json.dumps({"command": "numwatchers", "id": number}).encode())
    for number in range(1000):
        assert json.loads(control.receive(client)[0])["id"] == number


def test_a_flood_does_not_hold_the_loop(control):
    """A turn ends while requests are left: timers run between them."""
    client = control.client()
    turns = []

    def tick():
        turns.append(control.server.received)
        if control.server.received < 1000:
            control.loop.call_soon(tick)

    control.loop.call_soon(tick)
    for _ in range(1000):
        client.send(request("numwatchers"))
    control.until(lambda: control.server.received == 1000)
    longest = max(after - before for before, after in itertools.pairwise(turns))
    assert longest <= 128


def test_a_client_that_never_reads_costs_only_itself(control):
    control.arbiter.sockets = [{"fd": 1, "name": "x" * 50_000}]
    deaf = control.client(SNDHWM=0, RCVHWM=1)
    for _ in range(3000):
        deaf.send(request("listsockets"))
    control.until(lambda: control.server.received == 3000)
    assert control.server.dropped > 0
    control.settle(control.client())


def test_an_answer_to_a_client_that_left_is_dropped(control):
    client = control.client()
    client.send(request("stop", waiting=True))
    control.until(lambda: control.server.pending)
    client.close()
    control.arbiter.finish({})
    other = control.client()

    def dropped():
        control.server.changed(["web"])
        if control.server.pending == 0 and control.server.dropped == 0:
            # The server had not heard yet that the client left: wait with another request.
            control.arbiter.result = None
            control.call(other, "stop")
        return control.server.pending == 0

    control.until(dropped)
    control.settle(other)


# Waiting


def test_a_waiting_request_is_answered_when_its_watcher_changed(control):
    client = control.client()
    client.send(request("stop", name="web", waiting=True))
    control.until(lambda: control.server.pending == 1)
    control.arbiter.finish({"info": None})
    control.server.changed(["beta two"])
    control.settle(control.client())
    assert control.server.pending == 1, "nobody asked: another watcher changed"
    control.server.changed(["web"])
    reply = json.loads(control.receive(client)[0])
    assert (reply["status"], reply["info"], reply["id"]) == ("ok", None, "i")
    assert control.server.pending == 0


def test_other_requests_are_answered_meanwhile(control):
    client = control.client()
    client.send(request("stop", waiting=True))
    control.until(lambda: control.server.pending == 1)
    assert control.call(client, "numwatchers")["numwatchers"] == 2


def test_a_failed_operation_is_answered(control):
    client = control.client()
    client.send(request("stop", waiting=True))
    control.until(lambda: control.server.pending == 1)
    control.arbiter.finish(refusal("pid 7 cannot be killed"))
    control.server.changed(["web"])
    reply = json.loads(control.receive(client)[0])
    assert (reply["errno"], reply["reason"]) == (5, "pid 7 cannot be killed")


def test_at_its_deadline_an_operation_says_what_is_missing(control):
    control.arbiter.patience = 0.01
    client = control.client()
    reply = control.call(client, "stop", waiting=True)
    assert (reply["errno"], reply["reason"]) == (5, "pid 7 is left")
    assert control.server.pending == 0


def test_no_more_than_a_bounded_number_of_requests_wait(short_path):
    with rig(web_arbiter(), f"ipc://{short_path}/c.sock", max_pending=2) as control:
        client = control.client()
        for _ in range(3):
            client.send(request("stop", waiting=True))
        reply = json.loads(control.receive(client)[0])
        assert reply["errno"] == 5
        assert "2 requests wait already" in reply["reason"]
        control.arbiter.finish({})
        control.server.changed(["web"])
        assert json.loads(control.receive(client)[0])["status"] == "ok"
        assert json.loads(control.receive(client)[0])["status"] == "ok"


def test_who_still_waits_at_the_end_is_told(control):
    client = control.client()
    client.send(request("stop", waiting=True))
    control.until(lambda: control.server.pending == 1)
    control.server.close(linger=5)
    reply = json.loads(control.receive(client)[0])
    assert (reply["errno"], reply["reason"]) == (5, "circusd ends: pid 7 is left")


def test_a_quit_is_answered_by_the_close_that_it_causes(control):
    client = control.client()
    client.send(request("quit", waiting=True))
    control.until(lambda: control.server.pending == 1)
    control.arbiter.finish({})
    control.server.changed(["web"])
    control.server.close(linger=5)
    assert json.loads(control.receive(client)[0])["status"] == "ok"


def waiting_for(*names):
    operation = Operation(frozenset(names), lambda: None, lambda: "", 0.0)
    return Waiting(Request("stop", {}), operation)


def test_only_those_are_asked_whose_watchers_changed():
    pending = Pending(10)
    web, many = waiting_for("web"), waiting_for(*(f"w{number}" for number in range(BROAD + 1)))
    first = pending.add([b"a"], web)
    second = pending.add([b"b"], many)
    assert not pending.mark({"api"})
    assert pending.mark({"web", "api"})
    assert (pending.next_marked(), pending.next_marked()) == (first, None)
    assert pending.mark({"w7"})
    assert pending.get(second) == ([b"b"], many)
    pending.remove(second)
    pending.remove(second)
    assert pending.next_marked() is None
    pending.remove(first)
    assert len(pending) == 0
    assert not pending.mark({"web"})


# The peer


def test_libzmq_tells_who_an_ipc_client_is_even_if_it_says_otherwise(control, short_path):
    """A client cannot give itself another Peer-Address in its handshake."""
    name = b"Peer-Address"
    value = b"localhost:12345:0:1"
    lie = bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
    ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER" + lie
    router = control.socket(zmq.ROUTER)
    router.bind(f"ipc://{short_path}/peer.sock")
    with socket.socket(socket.AF_UNIX) as liar:
        liar.settimeout(5)
        liar.connect(f"{short_path}/peer.sock")
        liar.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16 + 32))
        greeting = b""
        while len(greeting) < 64:
            greeting += liar.recv(64 - len(greeting))
        liar.sendall(bytes([4, len(ready)]) + ready + b"\x00\x02{}")
        assert router.poll(5000)
        frame = router.recv_multipart(copy=False)[-1]
        uid = frame.get("Peer-Address").split(":")[1]
    assert int(uid) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_the_endpoint_owner_is_known_by_its_uid(short_path):
    """Another user was let in: it may ask, but not gain rights; the kernel tells who it is."""
    os.chmod(short_path, 0o755)
    endpoint = f"ipc://{short_path}/d/c.sock"
    with rig(web_arbiter(), endpoint, endpoint_owner="nobody") as control:
        cmd = {"name": "web", "options": {"cmd": "id"}}
        own = control.client()
        assert control.call(own, "set", **cmd)["status"] == "ok"
        try:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
            client = control.client()
            assert control.call(client, "stop")["status"] == "ok"
            refused = control.call(client, "set", **cmd)
            environment = control.call(client, "get", name="web", keys=["env"])
        finally:
            os.seteuid(0)
        assert refused["reason"].startswith("endpoint_owner may not set 'cmd'")
        assert environment["options"]["env"]["PORT"] == "(hidden)"


def test_over_tcp_nobody_is_known():
    with rig(web_arbiter(), "tcp://127.0.0.1:*", endpoint_owner="nobody") as control:
        client = control.client()
        assert control.call(client, "list")["status"] == "ok"
        refused = control.call(client, "set", name="web", options={"uid": 0})
        assert refused["reason"] == "endpoint_owner may not set 'uid'"
