"""Listening sockets, and who holds a port that we cannot have."""

import errno
import http.client
import json
import os
import socket
from enum import Enum
from typing import Final

BACKLOG: Final = 1024
FALLBACK_PORTS: Final = 20  # how far above the wished port we look for a free one
HEALTH_LIMIT_S: Final = 0.5
_HEALTH_LIMIT_BYTES: Final = 64 * 1024
_TAKEN: Final = frozenset((errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)))


class Holder(Enum):
    """Who answers on a port."""

    OURS = "a process with the same data folder"
    FOREIGN = "another program"
    SILENT = "nobody yet: it may be one of ours that is just starting"


def listen_on(host: str, port: int) -> socket.socket | None:
    """Return a listening socket, or None when the port is taken.

    Listening at once is what makes a port a lock: two sockets that are only bound with
    SO_REUSEADDR can share it.

    Raises:
        OSError: The address is not one of this machine, or the port is reserved.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the same option would let others steal the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        if error.errno in _TAKEN:
            return None
        raise
    return listening


def holder_of(host: str, port: int, data_folder_id: str) -> Holder:
    """Return who answers ``/health`` on a taken port."""
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_LIMIT_S)
    try:
        connection.request("GET", "/health")
        told = json.loads(connection.getresponse().read(_HEALTH_LIMIT_BYTES))
    except (TimeoutError, ConnectionError):
        return Holder.SILENT
    except (OSError, http.client.HTTPException, ValueError):
        return Holder.FOREIGN
    finally:
        connection.close()
    is_ours = isinstance(told, dict) and told.get("data_folder_id") == data_folder_id
    return Holder.OURS if is_ours else Holder.FOREIGN
