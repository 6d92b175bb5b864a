"""One process of a data folder listens; the others follow it and take over."""

import http.client
import json
import os
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from flowtrace_mcp.errors import SettingsError
from flowtrace_mcp.ingest.otlp_grpc import OtlpGrpc
from flowtrace_mcp.rest import listener as listener_module
from flowtrace_mcp.rest import ports
from flowtrace_mcp.rest.access import AccessPolicy, grpc_admission
from flowtrace_mcp.rest.listener import Doors, Listener
from flowtrace_mcp.services.loopback import LISTENER_FILE
from flowtrace_mcp.settings import Settings
from tests.waiting import wait_until

HOST = "127.0.0.1"
FOLDER_ID = "this-folder"
TAKEOVER_LIMIT_S = 2.0


async def health(scope, receive, send):
    """Answer every request with the id of the folder."""
    del receive
    body = json.dumps({"data_folder_id": FOLDER_ID}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class StubGrpc:
    """Holds a port and nothing else."""

    def __init__(self, address):
        listening = ports.listen_on(*address)
        if listening is None:
            raise OSError("taken")
        self._listening = listening
        self.port = listening.getsockname()[1]

    def stop(self):
        self._listening.close()


DOORS = Doors(rest=health, otlp_http=health, otlp_grpc=StubGrpc)


def free_port():
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make listeners of one data folder; all are stopped in the end."""
    monkeypatch.setattr(ports, "HEALTH_LIMIT_S", 4.0)  # a busy machine is not a silent program
    made = []

    def make_listener(doors=DOORS, folder_id=FOLDER_ID, **options):
        settings = Settings(
            home=tmp_path,
            db_path=tmp_path / "flowtrace.db",
            **{"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0} | options,
        )
        made.append(Listener(settings, folder_id, lambda: doors, lambda: 1))
        return made[-1]

    yield make_listener
    for one in made:
        one.stop()
        if one._thread is not None:
            one._thread.join(5)


@contextmanager
def foreign(port=0):
    """Hold a port as another program does, which answers with its own page."""
    server = socket.create_server((HOST, port))

    def run():
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def is_served(port):
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())["data_folder_id"] == FOLDER_ID
    except (OSError, ValueError):
        return False
    finally:
        connection.close()


def owner_state(listener):
    """Start, and wait: a foreign program slow to answer counts as one of ours for a while."""
    listener.start()
    wait_until(lambda: listener.state().is_owner, 20.0)
    return listener.state()


def test_the_first_one_serves_all_three_ports_and_tells_them(make, tmp_path):
    one = make()
    one.start()
    state = one.state()
    assert state.is_owner
    assert state.problems == ()
    assert is_served(state.rest_port)
    assert is_served(state.otlp_http_port)
    assert state.otlp_grpc_port
    told = json.loads((tmp_path / LISTENER_FILE).read_text())
    assert told["ports"] == {
        "rest": state.rest_port,
        "otlp_http": state.otlp_http_port,
        "otlp_grpc": state.otlp_grpc_port,
    }
    assert (tmp_path / LISTENER_FILE).stat().st_mode & 0o777 == 0o600


def test_no_port_is_said_to_be_taken_before_it_was_tried(make, tmp_path):
    told = []

    def look(address):
        told.append(json.loads((tmp_path / LISTENER_FILE).read_text()))
        return StubGrpc(address)

    one = make(doors=Doors(rest=health, otlp_http=health, otlp_grpc=look))
    one.start()

    assert told[0]["ports"] == {"rest": one.state().rest_port, "otlp_http": None, "otlp_grpc": None}
    assert told[0]["problems"] == []


def test_the_second_follows_and_takes_over_within_two_seconds(make):
    fixed = {"port": free_port(), "otlp_http_port": free_port(), "otlp_grpc_port": free_port()}
    first, second = make(**fixed), make(**fixed)
    first.start()
    second.start()
    followed = second.state()
    assert not followed.is_owner
    assert followed.rest_port == first.state().rest_port
    assert followed.otlp_http_port == first.state().otlp_http_port
    assert followed.otlp_grpc_port == first.state().otlp_grpc_port
    assert followed.owner_pid == first.state().owner_pid
    first.stop()
    wait_until(lambda: second.state().is_owner, TAKEOVER_LIMIT_S)
    assert is_served(fixed["port"])
    wait_until(lambda: second.state().otlp_grpc_port == fixed["otlp_grpc_port"])
    assert not first.state().is_owner


def test_one_follows_another_that_has_any_free_port(make):
    first, second = make(), make()
    first.start()
    second.start()
    assert not second.state().is_owner
    assert second.state().rest_port == first.state().rest_port
    first.stop()
    wait_until(lambda: second.state().is_owner, TAKEOVER_LIMIT_S)


def test_a_foreign_rest_port_moves_us_to_the_next_free_one(make):
    with foreign() as port:
        one = make(port=port)
        state = owner_state(one)
        assert port < state.rest_port <= port + ports.FALLBACK_PORTS
        assert is_served(state.rest_port)
        assert str(port) in state.problems[0]


def test_one_that_had_to_move_is_followed_where_it_is(make):
    with foreign() as port:
        first, second = make(port=port), make(port=port)
        owner_state(first)
        second.start()
        assert not second.state().is_owner
        assert second.state().rest_port == first.state().rest_port


def test_the_wished_port_is_taken_back_once_it_is_free(make):
    with foreign() as port:
        first = make(port=port)
        moved_to = owner_state(first).rest_port
        first.stop()
        first._thread.join(5)
    second = make(port=port)
    second.start()
    assert second.state().rest_port == port != moved_to


def test_a_foreign_otlp_port_is_reported_and_served_nowhere_else(make):
    with foreign() as http_port, foreign() as grpc_port:
        one = make(otlp_http_port=http_port, otlp_grpc_port=grpc_port)
        one.start()
        state = one.state()
        assert state.is_owner
        assert (state.otlp_http_port, state.otlp_grpc_port) == (None, None)
        assert "FLOWTRACE_OTLP_HTTP_PORT" in state.problems[0]
        assert "FLOWTRACE_OTLP_GRPC_PORT" in state.problems[1]


def test_one_that_follows_tells_what_the_owner_could_not_have(make):
    with foreign() as http_port:
        first, second = make(otlp_http_port=http_port), make(otlp_http_port=http_port)
        first.start()
        second.start()
        assert not second.state().is_owner
        assert second.state().problems == first.state().problems != ()


def test_an_otlp_port_is_opened_once_it_is_free(make):
    with foreign() as http_port, foreign() as grpc_port:
        one = make(otlp_http_port=http_port, otlp_grpc_port=grpc_port)
        one.start()
    wait_until(lambda: one.state().problems == ())
    assert one.state().otlp_http_port == http_port
    assert one.state().otlp_grpc_port == grpc_port
    assert is_served(http_port)


def test_a_grpc_port_lost_at_the_last_moment_is_reported(make):
    def lose(address):
        raise OSError(f"port {address[1]} is taken")

    one = make(doors=Doors(rest=health, otlp_http=health, otlp_grpc=lose))
    one.start()
    assert one.state().otlp_grpc_port is None
    assert len(one.state().problems) == 1


def test_off_listens_nowhere(make):
    one = make(listener="off")
    one.start()
    one.stop()
    assert one.state().rest_port is None


def test_required_serves_or_refuses_to_start(make):
    with foreign() as port:
        with pytest.raises(SettingsError) as caught:
            make(port=port, listener="required").start()
        assert str(port) in caught.value.what
        assert "FLOWTRACE_PORT" in caught.value.mend
    one = make(port=port, listener="required")
    one.start()
    assert one.state().rest_port == port


def test_required_refuses_to_follow(make):
    port = free_port()
    make(port=port).start()
    with pytest.raises(SettingsError, match="another process of this Flowtrace"):
        make(port=port, listener="required").start()


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_an_address_that_is_not_ours_is_a_problem_or_refused(make, mode):
    one = make(host="192.0.2.1", listener=mode)
    if mode == "required":
        with pytest.raises(SettingsError, match=r"192\.0\.2\.1"):
            one.start()
    else:
        one.start()
        wait_until(lambda: one.state().problems)
        assert "192.0.2.1" in one.state().problems[0]
        assert not one.state().is_owner


def test_a_silent_holder_is_waited_for_before_it_counts_as_foreign(make, monkeypatch):
    monkeypatch.setattr(ports, "HEALTH_LIMIT_S", 0.02)
    monkeypatch.setattr(listener_module, "LOOK_PERIOD_S", 0.02)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        one = make(port=port)
        one.start()
        assert not one.state().is_owner
        wait_until(lambda: one.state().is_owner)
        assert one.state().rest_port > port


def test_an_owner_that_lives_and_is_slow_to_answer_is_not_left(make, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "HEALTH_LIMIT_S", 0.02)
    monkeypatch.setattr(listener_module, "LOOK_PERIOD_S", 0.02)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        told = {"pid": os.getpid(), "ports": {"rest": port}}
        (tmp_path / LISTENER_FILE).write_text(json.dumps(told))
        one = make(port=port)
        one.start()
        wait_until(lambda: one._silences.get(port, 0) > 3 * listener_module.SILENCES_LIMIT)
        assert not one.state().is_owner
        (tmp_path / LISTENER_FILE).write_text(json.dumps(told | {"pid": 2**22 + 1}))
        wait_until(lambda: one.state().is_owner)
        assert one.state().rest_port > port


def test_every_port_near_the_wished_one_taken_is_a_problem(make, monkeypatch):
    monkeypatch.setattr(listener_module, "FALLBACK_PORTS", 0)
    with foreign() as port:
        one = make(port=port)
        one.start()
        wait_until(lambda: one.state().problems)
        assert "above it" in one.state().problems[0]


def test_another_data_folder_on_the_port_is_foreign(make):
    port = free_port()
    make(port=port).start()
    other = make(port=port, folder_id="another-folder")
    other.start()
    wait_until(lambda: other.state().is_owner)
    assert other.state().rest_port > port


def test_a_file_that_cannot_be_written_is_a_problem_and_no_end(make, tmp_path):
    (tmp_path / LISTENER_FILE).mkdir()
    one = make()
    one.start()
    assert one.state().is_owner
    assert "cannot be told" in one.state().problems[-1]
    assert is_served(one.state().rest_port)


@pytest.mark.parametrize("text", ["", "{}", '{"pid": "x", "ports": {}}', "[]"])
def test_a_file_that_says_nothing_is_passed_over(make, tmp_path, text):
    (tmp_path / LISTENER_FILE).write_text(text)
    one = make()
    one.start()
    assert one.state().is_owner


def test_a_port_told_by_a_dead_owner_is_used_again(make, tmp_path):
    port = free_port()
    (tmp_path / LISTENER_FILE).write_text(json.dumps({"pid": 1, "ports": {"rest": port}}))
    one = make()
    one.start()
    assert one.state().rest_port == port


def test_a_failure_of_the_thread_is_logged_and_tried_again(make, caplog, monkeypatch):
    monkeypatch.setattr(listener_module, "LOOK_PERIOD_S", 0.02)
    failures = [RuntimeError("once")]

    def now_us():
        if failures:
            raise failures.pop()
        return 1

    one = make()
    one._now_us = now_us
    one.start()
    wait_until(lambda: one.state().is_owner)
    assert "the listener failed" in caplog.text


def test_stopping_twice_or_before_the_start_is_harmless(make):
    one = make()
    one.stop()
    two = make()
    two.start()
    two.stop()
    two._thread.join(5)
    two.stop()
    assert not two.state().is_owner


def test_a_real_grpc_server_is_opened_on_its_port_and_ended(make, tmp_path):
    policy = AccessPolicy(require_auth="false", token="")

    def open_grpc(address):
        return OtlpGrpc(
            pipeline=_NoPipeline(), address=address, limit_bytes=1024, admit=grpc_admission(policy)
        )

    one = make(doors=Doors(rest=health, otlp_http=health, otlp_grpc=open_grpc))
    one.start()
    port = one.state().otlp_grpc_port
    with socket.create_connection((HOST, port), timeout=5):
        pass
    one.stop()
    one._thread.join(5)
    ports.listen_on(HOST, port).close()


class _NoPipeline:
    traces = logs = metrics = None
