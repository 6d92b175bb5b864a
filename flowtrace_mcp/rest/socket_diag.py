"""Whose a TCP socket of this machine is, asked of Linux about that one socket.

Reading the whole table in ``/proc/net/tcp`` takes 8 ms on a machine with 700 sockets; this takes
0.03 ms. The messages are those of ``sock_diag(7)``.
"""

import ipaddress
import socket
import struct
from typing import Final

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_ANY_STATE: Final = 0xFFFFFFFF
_NO_COOKIE: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_QUESTION: Final = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_PORTS: Final = struct.Struct("!HH")
_PLACE: Final = struct.Struct("=III")  # interface, cookie in two halves
_USER: Final = struct.Struct("=II")  # user id, inode
_USER_AT: Final = _HEADER.size + 4 + 48 + 12
_STATE_AT: Final = _HEADER.size + 1
_LISTENING: Final = 10
_ANSWER_BYTES: Final = 8192
_LIMIT_S: Final = 0.05


def find_socket_user(local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """Return the user id that holds a socket.

    Args:
        local: Address and port of the socket's own end.
        remote: Those of its other end.

    Returns:
        None when no such socket is held by anybody, or the kernel does not say.

    Raises:
        OSError: The kernel cannot be asked.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(_LIMIT_S)
        asking.sendto(_question(local, remote), (0, 0))
        answer = asking.recv(_ANSWER_BYTES)
    if len(answer) < _USER_AT + _USER.size or _HEADER.unpack_from(answer)[1] != (
        _SOCK_DIAG_BY_FAMILY
    ):
        return None
    if answer[_STATE_AT] == _LISTENING:  # what the kernel falls back to when there is no connection
        return None
    user, inode = _USER.unpack_from(answer, _USER_AT)
    return int(user) if inode else None


def _question(local: tuple[str, int], remote: tuple[str, int]) -> bytes:
    ends = [ipaddress.ip_address(host.partition("%")[0]) for host, _ in (local, remote)]
    family = socket.AF_INET if ends[0].version == 4 else socket.AF_INET6
    body = b"".join(
        (
            _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE),
            _PORTS.pack(local[1], remote[1]),
            *(end.packed.ljust(16, b"\0") for end in ends),
            _PLACE.pack(0, _NO_COOKIE, _NO_COOKIE),
        )
    )
    head = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    return head + body
