"""The HTTP server on a socket of its own: it serves, keeps connections, and ends at once."""

import asyncio
import http.client
import threading
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from flowtrace_mcp.rest import http_server
from flowtrace_mcp.rest.http_server import HttpServer
from flowtrace_mcp.rest.ports import listen_on
from tests.waiting import wait_until

HOST = "127.0.0.1"
PATIENCE_S = 0.02


async def hello(request):
    del request
    return PlainTextResponse("hello")


@contextmanager
def running(app):
    """Serve an app on a loop of its own; yield the server, its loop and what ends it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(5)

    server = HttpServer(app, listen_on(HOST, 0))
    try:
        call(server.start())
        yield server, call
    finally:
        call(server.stop(PATIENCE_S))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture
def app():
    return Starlette(routes=[Route("/", hello)])


def ask(connection):
    connection.request("GET", "/")
    answer = connection.getresponse()
    return answer.status, answer.read(), answer


def test_one_connection_serves_many_requests_with_a_date(app):
    with running(app) as (server, _):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        first = ask(connection)
        assert first[:2] == (200, b"hello")
        used = connection.sock
        assert ask(connection)[:2] == (200, b"hello")
        assert connection.sock is used
        assert first[2].getheader("date").endswith("GMT")
        assert first[2].getheader("server") is None
        connection.close()


def test_the_end_hangs_up_on_idle_connections_and_frees_the_port(app):
    with running(app) as (server, call):
        port = server.port
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        ask(connection)
        call(server.stop(PATIENCE_S))
        listen_on(HOST, port).close()
        assert connection.sock.recv(1) == b""
        connection.close()


def test_the_end_does_not_wait_for_a_request_that_takes_too_long():
    began = threading.Event()

    async def stuck(request):
        began.set()
        await asyncio.sleep(3600)

    with running(Starlette(routes=[Route("/", stuck)])) as (server, call):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        connection.request("GET", "/")
        assert began.wait(5)
        call(server.stop(PATIENCE_S))
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
        connection.close()


def test_a_request_under_way_is_answered_before_the_end():
    began, go_on = threading.Event(), threading.Event()

    async def slow(request):
        began.set()
        await asyncio.to_thread(go_on.wait, 5)
        return PlainTextResponse("done")

    with running(Starlette(routes=[Route("/", slow)])) as (server, call):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        connection.request("GET", "/")
        assert began.wait(5)
        ending = threading.Thread(target=call, args=[server.stop(5.0)])
        ending.start()
        wait_until(lambda: not server._server.is_serving())
        go_on.set()
        assert connection.getresponse().read() == b"done"
        connection.close()
        ending.join(5)


def test_a_server_that_never_began_still_frees_its_socket(app):
    listening = listen_on(HOST, 0)
    server = HttpServer(app, listening)
    asyncio.run(server.stop(PATIENCE_S))
    assert listening.fileno() == -1


def test_a_peer_of_another_user_is_refused_before_it_asks(app, monkeypatch):
    monkeypatch.setattr(http_server, "is_refused", lambda own, peer: peer.port != own.port)
    with running(app) as (server, _):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        connection.connect()
        answer = http.client.HTTPResponse(connection.sock)
        answer.begin()
        assert answer.status == 403
        assert b"no_access" in answer.read()
        connection.close()
