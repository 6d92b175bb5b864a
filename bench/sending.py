"""Sending requests from a process of its own over raw sockets, so that the sender costs little."""

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_ANSWER_BYTES = 65_536
_FORK = multiprocessing.get_context("fork")  # the bodies are there already
_TICKS_PER_S = 100


@dataclass
class Sent:
    """What came of sending some bodies."""

    took_s: float
    times_ms: list[float]  # of each request


class Sender:
    """A process that sends once it is told to.

    Args:
        port: Of the receiver.
        bodies: What to send, as it stands; called in the process, for those who make them there.
        connections: So many, each with a share of the bodies.
        media_type: Of the bodies.
        period_s: Between the starts of two requests of one connection; 0 = without a pause.
    """

    def __init__(
        self,
        port: int,
        bodies: Callable[[int], Iterator[bytes]],
        *,
        connections: int = 1,
        media_type: str = PROTOBUF,
        period_s: float = 0.0,
    ) -> None:
        self._own, theirs = _FORK.Pipe()
        work = (theirs, port, bodies, connections, media_type, period_s)
        self._process = _FORK.Process(target=_serve, args=work, daemon=True)
        self._process.start()

    def start(self) -> None:
        """Begin to send."""
        self._own.send(None)

    @property
    def is_done(self) -> bool:
        """Say whether all was sent."""
        return self._own.poll()

    def result(self) -> Sent:
        """Wait for the end; raises when a request was not taken."""
        found = self._own.recv()
        self._process.join(10)
        assert isinstance(found, Sent), found
        return found

    def end(self) -> None:
        """Stop sending in the middle."""
        self._process.terminate()
        self._process.join(10)


def share_of(bodies: Sequence[bytes], connections: int) -> Callable[[int], Iterator[bytes]]:
    """Return what gives each connection its share."""
    return lambda number: iter(bodies[number::connections])


def send(
    port: int, bodies: Sequence[bytes], *, connections: int = 1, media_type: str = PROTOBUF
) -> Sent:
    """Send bodies without a pause and wait for all answers."""
    shares = share_of(bodies, connections)
    sender = Sender(port, shares, connections=connections, media_type=media_type)
    sender.start()
    return sender.result()


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _serve(
    pipe: Connection,
    port: int,
    bodies: Callable[[int], Iterator[bytes]],
    connections: int,
    media_type: str,
    period_s: float,
) -> None:
    pipe.recv()
    try:
        began_s = time.perf_counter()
        with ThreadPoolExecutor(connections) as threads:
            runs = [
                threads.submit(_send_share, port, bodies(number), media_type, period_s)
                for number in range(connections)
            ]
            times_ms = [one for run in runs for one in run.result()]
        pipe.send(Sent(took_s=time.perf_counter() - began_s, times_ms=times_ms))
    except Exception as error:  # noqa: BLE001 - the edge of the process
        pipe.send(repr(error))


def _send_share(
    port: int, bodies: Iterator[bytes], media_type: str, period_s: float
) -> list[float]:
    times_ms = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        next_s = time.perf_counter()
        for body in bodies:
            time.sleep(max(0.0, next_s - time.perf_counter()))
            next_s += period_s
            head = (
                f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            sent_s = time.perf_counter()
            connection.sendall(head.encode() + body)
            answer = connection.recv(_ANSWER_BYTES)  # both encodings answer in one piece
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
            while not _is_whole(answer):
                answer += connection.recv(_ANSWER_BYTES)
            times_ms.append((time.perf_counter() - sent_s) * 1000)
    return times_ms


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    return bool(end) and len(body) >= length
