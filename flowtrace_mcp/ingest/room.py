"""How much of what was sent may be in memory at once; safe to use from any thread."""

import threading
from types import TracebackType

from flowtrace_mcp.errors import BusyError


class Room:
    """Counts requests under way and the bytes that they hold.

    Whoever unpacks a body holds ``unpacking``: a body that proves too large gives its bytes back
    before the next one asks for them.

    Args:
        limit_requests: At most so many.
        limit_bytes: At most so many, together.
    """

    def __init__(self, limit_requests: int, limit_bytes: int) -> None:
        self._limit_requests = limit_requests
        self._limit_bytes = limit_bytes
        self._requests = 0
        self._bytes = 0
        self._lock = threading.Lock()
        self.unpacking = threading.Lock()

    def enter(self) -> "Stay":
        """Count one more request, which ends with the ``with`` block of what is returned.

        Raises:
            BusyError: There are too many.
        """
        with self._lock:
            if self._requests >= self._limit_requests:
                raise _busy(f"{self._limit_requests} requests are under way")
            self._requests += 1
        return Stay(self)

    def take(self, size_bytes: int) -> None:
        """Count bytes in.

        Raises:
            BusyError: There is no room for them.
        """
        with self._lock:
            if self._bytes + size_bytes > self._limit_bytes:
                raise _busy(f"bodies of {self._limit_bytes} bytes are under way")
            self._bytes += size_bytes

    def leave(self, size_bytes: int) -> None:
        """Count one request and its bytes out."""
        with self._lock:
            self._requests -= 1
            self._bytes -= size_bytes


class Stay:
    """One request under way; its bytes are given back with it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def __enter__(self) -> "Stay":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._room.leave(self._bytes)

    def take(self, size_bytes: int) -> None:
        """Count bytes of this request, packed ones and unpacked ones.

        Raises:
            BusyError: There is no room for them.
        """
        self._room.take(size_bytes)
        self._bytes += size_bytes


def _busy(why: str) -> BusyError:
    return BusyError("too much at once", why=why, mend="send again after a pause")
