"""Linux is asked about one socket, and says whose it is."""

import os
import socket
import sys
from contextlib import contextmanager

import pytest

from flowtrace_mcp.rest import peers
from flowtrace_mcp.rest.peers import Address, is_refused
from flowtrace_mcp.rest.socket_diag import find_socket_user
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@contextmanager
def connected(family, host):
    with socket.socket(family) as server, socket.socket(family) as client:
        server.bind((host, 0))
        server.listen()
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            yield accepted.getsockname()[:2], accepted.getpeername()[:2], client


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_both_ends_of_a_connection_are_found(family, host):
    with connected(family, host) as (own, peer, _):
        assert find_socket_user(own, peer) == os.geteuid()
        assert find_socket_user(peer, own) == os.geteuid()


def test_a_connection_that_is_not_there_has_no_user():
    with connected(socket.AF_INET, "127.0.0.1") as (own, peer, _):
        assert find_socket_user(own, (peer[0], 1)) is None


def test_a_peer_that_hung_up_has_no_user():
    with connected(socket.AF_INET, "127.0.0.1") as (own, peer, client):
        client.close()
        wait_until(lambda: find_socket_user(peer, own) is None)
        assert is_refused(Address(*own), Address(*peer))


def test_the_table_is_read_where_the_kernel_does_not_answer(monkeypatch):
    def refuse(local, remote):
        raise PermissionError

    with connected(socket.AF_INET, "127.0.0.1") as (own, peer, _):
        monkeypatch.setattr(peers, "find_socket_user", refuse)
        assert not is_refused(Address(*own), Address(*peer))
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        assert is_refused(Address(*own), Address(*peer))
