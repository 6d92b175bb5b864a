"""Ports are locks, and their holders are told apart."""

import errno
import socket
import threading

import pytest

from flowtrace_mcp.rest import ports
from flowtrace_mcp.rest.ports import Holder, holder_of, listen_on

HOST = "127.0.0.1"


@pytest.fixture
def answering():
    """Serve fixed bytes to whoever connects, on a port of its own."""
    opened = []

    def serve(answer):
        server = socket.create_server((HOST, 0))
        opened.append(server)

        def run():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return server.getsockname()[1]

    yield serve
    for server in opened:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def http(body):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def test_a_port_is_taken_by_the_first_who_listens():
    with listen_on(HOST, 0) as first:
        port = first.getsockname()[1]
        assert listen_on(HOST, port) is None
    with listen_on(HOST, port) as again:
        assert again.getsockname()[1] == port


def test_ipv6_is_listened_on_by_its_address():
    with listen_on("::1", 0) as listening:
        assert listening.family is socket.AF_INET6


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(OSError, match="assign") as caught:
        listen_on("192.0.2.1", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize(
    ("answer", "holder"),
    [
        (http(b'{"data_folder_id": "mine"}'), Holder.OURS),
        (http(b'{"data_folder_id": "other"}'), Holder.FOREIGN),
        (http(b"[]"), Holder.FOREIGN),
        (http(b"hello"), Holder.FOREIGN),
        (b"SSH-2.0-OpenSSH\r\n", Holder.FOREIGN),
        (b"", Holder.SILENT),
    ],
)
def test_a_holder_is_told_by_what_it_answers(answering, answer, holder):
    assert holder_of(HOST, answering(answer), "mine") is holder


def test_a_holder_that_keeps_silent_may_be_just_starting(monkeypatch):
    monkeypatch.setattr(ports, "HEALTH_LIMIT_S", 0.05)
    with socket.create_server((HOST, 0)) as server:
        assert holder_of(HOST, server.getsockname()[1], "mine") is Holder.SILENT


def test_a_port_that_nobody_holds_any_more_is_silent():
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    assert holder_of(HOST, port, "mine") is Holder.SILENT
