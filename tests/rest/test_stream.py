"""The stream of changes: all of them, from any place, whoever made them, and for many who look."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import contextmanager

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest import stream
from flowtrace_mcp.rest.access import AccessPolicy
from flowtrace_mcp.rest.http_server import HttpServer
from flowtrace_mcp.rest.ports import listen_on
from flowtrace_mcp.rest.rest_app import rest_app
from flowtrace_mcp.services.live import changes_after
from flowtrace_mcp.services.post_spans import post_spans
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.storage.store import Store
from tests.rest.posted import post, span
from tests.waiting import wait_until

HOST = "127.0.0.1"
PATIENCE_S = 0.02


@contextmanager
def running(app):
    """Serve an app on a thread, as the listener does; yield its port and what ends it."""
    listening = listen_on(HOST, 0)
    port = listening.getsockname()[1]
    started, ended = threading.Event(), threading.Event()
    told = []

    async def serve():
        server, end = HttpServer(app, listening), asyncio.Event()
        told.append((asyncio.get_running_loop(), end))
        await server.start()
        started.set()
        await end.wait()
        await server.stop(PATIENCE_S)

    def run():
        asyncio.run(serve())
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(5)

    def stop():
        loop, end = told[0]
        if not ended.is_set():
            loop.call_soon_threadsafe(end.set)
        assert ended.wait(5)

    try:
        yield port, stop
    finally:
        stop()
        thread.join(5)


@pytest.fixture
def app(endpoints, pipeline):
    return rest_app(
        endpoints, pipeline, ListenerFacts, AccessPolicy(require_auth="false", token="")
    )


@pytest.fixture
def served(app):
    with running(app) as (port, stop):
        yield port, stop


class Watcher:
    """A client that reads events as they come."""

    def __init__(self, port, path="/api/v1/stream", **headers):
        self.connection = http.client.HTTPConnection(HOST, port, timeout=5)
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()

    def event(self):
        """Return the next event: kind, data and id."""
        found = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name] = value
        if "event" not in found:
            return self.event() if found else None
        return found["event"], json.loads(found["data"]), found.get("id")

    def until(self, kind):
        """Return the events up to the next of a kind, that one included."""
        events = [self.event()]
        while events[-1] is not None and events[-1][0] != kind:
            events.append(self.event())
        return events

    def close(self):
        self.connection.close()


@pytest.fixture
def watch(served):
    opened = []

    def open_one(path="/api/v1/stream", **headers):
        opened.append(Watcher(served[0], path, **headers))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def of_session(number, session="s-1", **more):
    return span(number, number, attributes={"session.id": session}, **more)


def test_a_span_is_told_with_its_trace_its_session_and_what_was_done_last(watch, client):
    watcher = watch()
    assert watcher.event()[:2] == ("ready", {"last": 0})
    post(client, of_session(1, status="error"))
    session, trace, seen = watcher.until("seen")
    assert (session[0], session[1]["session"], session[1]["totals"]["errors"]) == (
        "session",
        "s-1",
        1,
    )
    assert (trace[0], int(trace[1]["trace_id"], 16), trace[2]) == ("trace", 1, "1")
    assert trace[1]["latest"]["display"] == "step 1"
    assert trace[1]["latest"]["status"] == "error"
    assert (seen[1], seen[2]) == ({"last": 1}, "1")


def test_rows_are_those_of_the_lists(watch, client):
    watcher = watch()
    watcher.event()
    post(client, of_session(1))
    session, trace, _ = watcher.until("seen")
    assert session[1] == client.get("/api/v1/sessions").json()["items"][0]
    listed = client.get("/api/v1/traces").json()["items"][0]
    assert trace[1] == {**listed, "latest": trace[1]["latest"]}


@pytest.mark.parametrize("path", ["/api/v1/stream", "/api/v1/traces/stream"])
def test_who_comes_back_misses_nothing_and_gets_nothing_twice(watch, client, path):
    post(client, of_session(1))
    post(client, of_session(2))
    post(client, of_session(3))
    watcher = watch(path, **{"Last-Event-ID": "1"})
    assert watcher.event()[0] == "ready"
    told = [int(event[1]["trace_id"], 16) for event in watcher.until("seen") if event[0] == "trace"]
    assert told == [2, 3]


def test_a_trace_that_changed_often_is_told_once_with_its_last_state(watch, client):
    for number in (1, 2, 3):
        post(client, span(number, 7))
    watcher = watch("/api/v1/stream?after=0")
    traces = [event for event in watcher.until("seen") if event and event[0] == "trace"]
    assert [(event[1]["totals"]["spans"], event[2]) for event in traces] == [(3, "3")]


def test_many_changes_come_in_parts(watch, client, monkeypatch):
    monkeypatch.setattr("flowtrace_mcp.services.live.CHANGES_MOST", 2)
    for number in range(1, 6):
        post(client, of_session(number))
    watcher = watch("/api/v1/stream?after=0")
    parts = [watcher.until("seen") for _ in range(3)]
    told = [[int(e[1]["trace_id"], 16) for e in part if e[0] == "trace"] for part in parts]
    assert told == [[1, 2], [3, 4], [5]]


def test_spans_that_another_process_stores_are_told(watch, context, now_us):
    watcher = watch()
    watcher.event()
    other = Store(context.settings.db_path, now_us)
    try:
        post_spans(Pipeline(other, now_us), {"spans": [of_session(5)]})
    finally:
        other.close()
    assert "trace" in [event[0] for event in watcher.until("seen")]


def test_only_one_project_is_told_where_one_is_asked_for(watch, client, context):
    project = context.store.project_id("name:shop", "shop")
    context.store.spans.bind_session("s-1", project)
    watcher = watch("/api/v1/stream?after=0&project=shop")
    post(client, of_session(2, "s-2"))
    post(client, of_session(1, "s-1"))
    sessions = []
    while not sessions:
        sessions = [event for event in watcher.until("seen") if event[0] == "session"]
    assert [event[1]["session"] for event in sessions] == ["s-1"]


def test_a_restored_backup_begins_anew(watch, client, context):
    post(client, of_session(1))
    watcher = watch(**{"Last-Event-ID": "99"})
    assert [event[0] for event in watcher.until("reset")] == ["ready", "reset"]
    post(client, of_session(2))
    assert watcher.until("seen")[-1][2] == "2"


def test_a_place_that_is_no_number_is_passed_over(watch, client):
    post(client, of_session(1))
    assert watch(**{"Last-Event-ID": "x"}).event()[:2] == ("ready", {"last": 1})


def test_silence_is_broken_by_comments(watch, monkeypatch):
    monkeypatch.setattr(stream, "SILENCE_S", 0.01)
    watcher = watch()
    watcher.event()
    assert watcher.answer.readline() == b":\n"


def test_no_more_than_so_many_look_on(watch, monkeypatch):
    monkeypatch.setattr(stream, "CLIENTS_MOST", 1)
    watch().event()
    refused = watch()
    assert refused.answer.status == 503
    assert refused.answer.getheader("retry-after")


def test_the_end_of_the_server_ends_the_stream(served, watch):
    watcher = watch()
    watcher.event()
    served[1]()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        watcher.answer.read()


def status_of(port):
    watcher = Watcher(port)
    watcher.close()
    return watcher.answer.status


def test_a_client_that_takes_nothing_is_hung_up_on(served, monkeypatch):
    monkeypatch.setattr(stream, "CLIENTS_MOST", 1)
    monkeypatch.setattr(stream, "SLOW_LIMIT_S", 0.05)
    monkeypatch.setattr(stream, "LOOK_PERIOD_S", 0.0)
    monkeypatch.setattr(stream, "SILENCE_S", 0.0)
    monkeypatch.setattr(stream, "_SILENT", b":" * 1_000_000 + b"\n\n")
    with socket.create_connection((HOST, served[0])) as connection:
        connection.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: status_of(served[0]) == 200)


def test_a_number_is_never_given_twice_even_when_its_trace_is_gone(client, context):
    post(client, of_session(1))
    subject = {"session": "s-1"}
    assert client.post("/api/v1/admin/erase", json=subject).status_code == 200
    post(client, of_session(2, "s-2"))
    changed = changes_after(context, 1)
    assert (changed.last, [number for number, _ in changed.traces]) == (2, [2])
