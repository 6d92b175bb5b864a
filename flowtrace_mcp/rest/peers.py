"""Which user of this machine is at the other end of a loopback connection.

Linux tells in its socket table; elsewhere every user of the machine may come in.
"""

import ipaddress
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from flowtrace_mcp.errors import AccessError
from flowtrace_mcp.rest.socket_diag import find_socket_user

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_UID_COLUMN: Final = 7
_INODE_COLUMN: Final = 9
_NO_INODE: Final = "0"  # of a socket that nobody holds any more; its user reads 0 then


class Address(NamedTuple):
    """One end of a connection."""

    host: str
    port: int


def socket_user(table: str, local: Address, remote: Address) -> int | None:
    """Return the user id that holds a socket, None when the table does not say.

    Args:
        table: Text of ``/proc/net/tcp`` and ``/proc/net/tcp6``.
        local: The socket's own end.
        remote: Its other end.
    """
    for end, other in zip(_written(local), _written(remote), strict=True):
        at = table.find(f" {end} {other} ")
        if at < 0:
            continue
        columns = table[table.rfind("\n", 0, at) + 1 : _line_end(table, at)].split()
        if len(columns) > _INODE_COLUMN and columns[_INODE_COLUMN] != _NO_INODE:
            return int(columns[_UID_COLUMN])
    return None


def is_other_user(own: Address, peer: Address, own_uid: int, table: str) -> bool:
    """Say whether a loopback peer belongs to another user, or hides whose it is.

    A peer that hung up at once is in no table any more; it could have been anybody. A table
    that does not even know our own end tells nothing.
    """
    if not _is_loopback(peer.host) or socket_user(table, own, peer) is None:
        return False
    return socket_user(table, peer, own) != own_uid


def is_refused(own: Address, peer: Address) -> bool:
    """Say whether a peer of this process must go: on Linux, when another user is behind it."""
    if sys.platform != "linux" or not _is_loopback(peer.host):
        return False
    with suppress(OSError, ValueError):
        if find_socket_user(own, peer) is not None:  # else the kernel has no answers for us
            return find_socket_user(peer, own) != os.geteuid()
    return is_other_user(own, peer, os.geteuid(), read_socket_table())


def other_user() -> AccessError:
    """Return the error for a caller that belongs to another user."""
    return AccessError(
        "another user of this machine may not ask",
        why="this server answers the user who started it",
        mend="start a Flowtrace of your own",
    )


def read_socket_table() -> str:
    """Return the kernel's table of TCP sockets, "" where there is none."""
    texts = []
    for path in _TABLES:
        with suppress(OSError):
            texts.append(path.read_text(encoding="ascii"))
    return "".join(texts)


def grpc_address(written: str) -> Address | None:
    """Return the address of a peer as gRPC writes it, ``ipv4:127.0.0.1:4711``."""
    family, _, rest = unquote(written).partition(":")
    host, _, port = rest.rpartition(":")
    if family not in ("ipv4", "ipv6") or not port.isdigit():
        return None
    return Address(host.strip("[]"), int(port))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _written(address: Address) -> tuple[str, ...]:
    """Return an address as the tables write it: in IPv4, and mapped into IPv6.

    Each 32-bit word is in hex as the machine holds it.
    """
    ip = ipaddress.ip_address(address.host.partition("%")[0])
    packed = [ip.packed]
    if ip.version == 4:
        packed.append(ipaddress.ip_address(f"::ffff:{ip}").packed)
    return tuple(
        "".join(
            f"{int.from_bytes(data[at : at + 4], sys.byteorder):08X}"
            for at in range(0, len(data), 4)
        )
        + f":{address.port:04X}"
        for data in packed
    )


def _line_end(table: str, at: int) -> int:
    end = table.find("\n", at)
    return len(table) if end < 0 else end
