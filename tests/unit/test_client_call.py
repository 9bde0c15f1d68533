"""The client: one request, its answer, one deadline."""

import json
import threading
import time

import pytest
import zmq

from circus.client import CallError, CircusClient, NotRunning, cast_message, make_json, make_message
from circus.client.errors import absence
from tests.control_support import rig, running, web_arbiter


@pytest.fixture
def control(short_path):
    with rig(web_arbiter(), f"ipc://{short_path}/c.sock") as made, running(made):
        yield made


@pytest.fixture
def client(control):
    with CircusClient(endpoint=control.server.endpoint, timeout=10) as made:
        yield made


def endpoint(sock):
    return sock.last_endpoint.decode().rstrip("\0")


@pytest.fixture
def router(short_path):
    """A server that the test plays itself."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as sock:
        sock.linger = 0
        sock.bind(f"ipc://{short_path}/r.sock")
        yield sock


def answer(router, *replies):
    """Answer the next request with each of *replies*, functions of its id."""
    assert router.poll(10_000)
    identity, body = router.recv_multipart()
    call_id = json.loads(body)["id"]
    for reply in replies:
        router.send_multipart([identity, reply(call_id)])


def answering(router, *replies):
    thread = threading.Thread(target=answer, args=(router, *replies))
    thread.start()
    return thread


def test_a_call_returns_the_reply(client):
    message = {"command": "list", "properties": {}}
    reply = client.call(message)
    assert reply["watchers"] == ["beta two", "web"]
    assert reply["id"] == message["id"], "the id is added to the message itself"
    assert len(message["id"]) == 32


def test_properties_are_optional(client):
    assert client.call({"command": "list"})["status"] == "ok"


def test_send_message_builds_the_request(client):
    assert client.send_message("numprocesses", name="Web")["numprocesses"] == 2


def test_an_error_reply_is_returned_and_not_raised(client):
    assert client.send_message("status", name="nope")["errno"] == 3


def test_nobody_answers_in_time(short_path):
    with CircusClient(endpoint=f"ipc://{short_path}/none.sock", timeout=0.05) as client:
        with pytest.raises(CallError) as caught:
            client.send_message("list")
        assert str(caught.value) == "Timed out."


def test_a_circusd_that_binds_later_answers(short_path):
    """Programs start circusd and call it at once."""
    endpoint = f"ipc://{short_path}/c.sock"
    with CircusClient(endpoint=endpoint, timeout=10) as client:
        replies = []
        call = threading.Thread(target=lambda: replies.append(client.send_message("list")))
        call.start()
        with rig(web_arbiter(), endpoint) as made, running(made):
            call.join(10)
        assert replies[0]["status"] == "ok"


def test_answers_to_earlier_calls_are_skipped(router):
    late, fine = b'{"status": "late", "id": "another"}', '{{"status": "ok", "id": "{}"}}'
    with CircusClient(endpoint=endpoint(router), timeout=10) as client:
        thread = answering(router, lambda _: late, lambda id: fine.format(id).encode())
        assert client.send_message("x")["status"] == "ok"
        thread.join()


def test_skipped_answers_do_not_prolong_the_call(router):
    """A flood of strange answers ends with the call's own deadline."""
    stop = threading.Event()

    def flood():
        assert router.poll(10_000)
        identity, _ = router.recv_multipart()
        while not stop.wait(0.01):
            router.send_multipart([identity, b'{"id": "another"}'])

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with CircusClient(endpoint=endpoint(router), timeout=0.2) as client:
            began = time.monotonic()
            with pytest.raises(CallError, match=r"^Timed out\.$"):
                client.send_message("x")
            assert time.monotonic() - began < 5
    finally:
        stop.set()
        thread.join()


def test_an_answer_without_an_id_is_an_answer(router):
    """circusd could not read the id of what was no request."""
    with CircusClient(endpoint=endpoint(router), timeout=10) as client:
        thread = answering(router, lambda _: b'{"status": "error", "id": null}')
        assert client.send_message("x")["status"] == "error"
        thread.join()


@pytest.mark.parametrize("body", [b"", b"[]", b"rubbish", b"\xff"])
def test_an_answer_that_is_no_reply_is_an_error(router, body):
    with CircusClient(endpoint=endpoint(router), timeout=10) as client:
        thread = answering(router, lambda _: body)
        with pytest.raises(CallError, match="no reply"):
            client.send_message("x")
        thread.join()


def test_threads_may_share_a_client(client):
    names, found = ["Web", "beta two"] * 10, {}

    def ask(number):
        found[number] = client.send_message("numprocesses", name=names[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [found[number]["watcher_name"] for number in range(len(names))] == names


def test_a_probe_tells_at_once_that_nobody_listens(short_path):
    endpoint = f"ipc://{short_path}/none.sock"
    with CircusClient(endpoint=endpoint, timeout=30, probe=True) as client:
        began = time.monotonic()
        with pytest.raises(NotRunning) as caught:
            client.send_message("list")
        assert time.monotonic() - began < 1
    assert str(caught.value) == (
        f"circusd is not running at {endpoint} (or its socket file was removed): start it with "
        "circusd FILE, or name another endpoint with --endpoint"
    )


@pytest.mark.parametrize("endpoint", ["ipc:///no/such/place/c", "tcp://127.0.0.1:1", "ipc://{0}"])
def test_no_file_was_removed_where_there_is_no_place_for_one_or_it_is_there(endpoint, short_path):
    stale = short_path / "stale"
    stale.touch()
    assert "removed" not in absence(endpoint.format(stale))


def test_a_probe_does_not_disturb_who_listens(control):
    with CircusClient(endpoint=control.server.endpoint, probe=True, timeout=10) as client:
        for _ in range(3):
            assert client.send_message("list")["status"] == "ok"


def test_a_client_is_stopped_more_than_once(client):
    client.stop()
    client.stop()
    with pytest.raises(CallError):
        client.send_message("list")


def test_what_is_no_request_is_refused_before_it_is_sent(client):
    with pytest.raises(DeprecationWarning):
        client.call('{"command": "list"}')
    with pytest.raises(CallError, match="no JSON"):
        client.call({"command": object()})


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp://", "udp://x"])
def test_an_endpoint_that_is_none_is_an_error(endpoint):
    with pytest.raises(CallError, match="cannot connect"):
        CircusClient(endpoint=endpoint)


def test_messages_as_programs_write_them():
    assert make_message("incr", name="a") == {"command": "incr", "properties": {"name": "a"}}
    assert cast_message("stop") == {"msg_type": "cast", "command": "stop", "properties": {}}
    assert json.loads(make_json("stop", name="a")) == make_message("stop", name="a")
