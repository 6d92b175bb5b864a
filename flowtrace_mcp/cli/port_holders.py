"""Who holds a TCP port of this machine."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECT_LIMIT_S: Final = 1.0
_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"  # state column of /proc/net/tcp


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, as far as this user may look at it."""

    pid: int
    name: str

    def __str__(self) -> str:
        """Return how a person finds it."""
        return f"{self.name} (process {self.pid})"


def is_taken(host: str, port: int) -> bool:
    """Say whether something answers on a port."""
    try:
        with socket.create_connection((host, port), CONNECT_LIMIT_S):
            return True
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    """Say whether a process of that number runs, of whichever user."""
    if os.name == "nt":
        return True  # signal 0 would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def find_holder(port: int, proc: Path = _PROC) -> Process | None:
    """Return the process that listens on a port; None off Linux, or when it is another user's.

    Args:
        port: A TCP port.
        proc: Where the kernel shows processes.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    if not sockets:
        return None
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(one.readlink()) in sockets for one in _links(folder / "fd")):
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return Process(pid=int(folder.name), name=name)
    return None


def _links(folder: Path) -> Iterator[Path]:
    for one in folder.iterdir():
        if one.is_symlink():
            yield one


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
