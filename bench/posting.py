"""Posting span requests from a thread until told to stop, counting what was acknowledged."""

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Posting:
    """What a posting thread has done so far."""

    acknowledged: list[int] = field(default_factory=list)  # indexes of bodies answered with 200
    stop: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0.0


@contextmanager
def posting(port: int, bodies: Sequence[bytes]) -> Iterator[Posting]:
    """Post the bodies in order, at full speed, on one connection."""
    state = Posting()
    thread = threading.Thread(target=_post, args=[port, bodies, state], daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        thread.join(30)


def _post(port: int, bodies: Sequence[bytes], state: Posting) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        for index, body in enumerate(bodies):
            if state.stop.is_set():
                return
            connection.request("POST", "/v1/traces", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                state.acknowledged.append(index)
    except (OSError, http.client.HTTPException):
        return  # the server is gone, as it was asked to be
    finally:
        connection.close()
