"""On Linux a loopback peer of another user is told apart."""

import os
import socket
import sys

import pytest

from flowtrace_mcp.rest import peers
from flowtrace_mcp.rest.peers import (
    Address,
    grpc_address,
    is_other_user,
    is_refused,
    read_socket_table,
    socket_user,
)

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TAIL = "00000000:00000000 00:00000000 00000000"
SERVER, CLIENT = Address("127.0.0.1", 9600), Address("127.0.0.1", 51000)
SERVER_6, CLIENT_6 = Address("::1", 9600), Address("::1", 51000)


def in_hex(host):
    """Return an address as the kernel writes it on a little-endian machine."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def row(local, remote, uid, inode=99):
    ends = " ".join(f"{in_hex(end.host)}:{end.port:04X}" for end in (local, remote))
    return f"   1: {ends} 01 {TAIL} {uid:>5}        0 {inode} 1 0000000000000000 20 4 30 10 -1\n"


def table(*rows):
    return HEAD + "".join(rows)


def test_the_user_of_a_socket_is_read_from_its_row():
    text = table(row(SERVER, CLIENT, 1000), row(CLIENT, SERVER, 1001))
    assert socket_user(text, SERVER, CLIENT) == 1000
    assert socket_user(text, CLIENT, SERVER) == 1001
    assert socket_user(text, CLIENT, Address("127.0.0.1", 9601)) is None


def test_ipv6_and_mapped_ipv4_rows_are_read():
    mapped = [Address(f"::ffff:{end.host}", end.port) for end in (CLIENT, SERVER)]
    text = table(row(CLIENT_6, SERVER_6, 1001), row(*mapped, 1002))
    assert socket_user(text, CLIENT_6, SERVER_6) == 1001
    assert socket_user(text, CLIENT, SERVER) == 1002


def test_a_socket_that_nobody_holds_has_no_user():
    assert socket_user(table(row(CLIENT, SERVER, 0, inode=0)), CLIENT, SERVER) is None


def test_a_table_cut_short_is_read_as_far_as_it_goes():
    text = table(row(CLIENT, SERVER, 1001)).rstrip("\n")
    assert socket_user(text, CLIENT, SERVER) == 1001
    assert socket_user(text[: text.index(TAIL)], CLIENT, SERVER) is None


@pytest.mark.parametrize(("uid", "is_other"), [(1000, False), (1001, True), (0, True)])
def test_a_peer_is_other_when_its_user_is_not_ours(uid, is_other):
    text = table(row(SERVER, CLIENT, 1000), row(CLIENT, SERVER, uid))
    assert is_other_user(SERVER, CLIENT, 1000, text) is is_other


def test_a_peer_that_is_in_no_table_may_be_anybody():
    assert is_other_user(SERVER, CLIENT, 1000, table(row(SERVER, CLIENT, 1000)))


def test_a_table_without_our_own_end_tells_nothing():
    assert not is_other_user(SERVER, CLIENT, 1000, table(row(CLIENT, SERVER, 1001)))
    assert not is_other_user(SERVER, CLIENT, 1000, "")


@pytest.mark.parametrize("host", ["192.0.2.7", "not-an-address"])
def test_peers_from_elsewhere_are_not_looked_up(host):
    text = table(row(SERVER, CLIENT, 1000))
    assert not is_other_user(SERVER, Address(host, 51000), 1000, text)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_real_peer_of_our_own_is_let_in(monkeypatch):
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname()):
        accepted, address = server.accept()
        with accepted:
            own, peer = Address(*accepted.getsockname()), Address(*address)
            assert socket_user(read_socket_table(), peer, own) == os.geteuid()
            assert not is_refused(own, peer)
            monkeypatch.setattr(os, "geteuid", lambda: 54321)
            assert is_refused(own, peer)


def test_elsewhere_every_user_may_come_in(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(peers, "read_socket_table", lambda: table(row(SERVER, CLIENT, 54321)))
    assert not is_refused(SERVER, CLIENT)


def test_no_table_reads_as_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "_TABLES", (tmp_path / "none",))
    assert read_socket_table() == ""


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ipv4:127.0.0.1:4711", Address("127.0.0.1", 4711)),
        ("ipv6:%5B::1%5D:4711", Address("::1", 4711)),
        ("ipv6:[::1]:4711", Address("::1", 4711)),
        ("unix:/tmp/x", None),
        ("ipv4:127.0.0.1:none", None),
        ("", None),
    ],
)
def test_peers_are_read_as_grpc_writes_them(written, address):
    assert grpc_address(written) == address
