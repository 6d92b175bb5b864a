"""Memory of the listener's process after bodies that are too large, packed or not, again and again.

A 70 MB body, announced and in chunks, and 200 MB packed to 200 KB, over HTTP and over gRPC; then
eight such bombs at once. What counts is the most that the process ever had, and whether the last
rounds left more behind than the first. Then bodies of 60 MiB that may be sent, eight at once: what
counts is what they leave.
"""

import gzip
import http.client
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc
from lab import data_folder, peak_mib, report, rss_mib, serving

ROUNDS = 12
AT_ONCE = 8
ALLOWED_BYTES = 60 * 1024 * 1024
ALLOWED_ROUNDS = 20
LARGE_BYTES = 70 * 1024 * 1024
BOMB_BYTES = 200 * 1024 * 1024
LIMIT_MIB = 250
GROWTH_LIMIT_MIB = 16
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def post(port: int, body: bytes | Iterable[bytes], **headers: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(
            "POST", "/v1/traces", body, {"content-type": "application/x-protobuf", **headers}
        )
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    finally:
        connection.close()


def call(port: int, body: bytes, compression: grpc.Compression) -> str:
    unbounded = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", unbounded) as channel:
        try:
            channel.unary_unary(EXPORT)(body, timeout=120, compression=compression)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def unknown_field(size: int) -> bytes:
    """Return a request that holds nothing but a field that nobody knows."""
    length = bytes(size >> shift & 127 | 128 for shift in (0, 7, 14)) + bytes([size >> 21])
    return b"\x7a" + length + bytes(size)


def main() -> int:
    large, bomb = bytes(LARGE_BYTES), gzip.compress(bytes(BOMB_BYTES), 1)
    part = bytes(1024 * 1024)
    answers: dict[str, set[str]] = {}
    left_mib = []
    with data_folder() as folder, serving(folder) as server:
        ports = server.ports()
        http_port, grpc_port = ports["otlp_http"], ports["otlp_grpc"]
        packed = {"content-encoding": "gzip"}

        def bombs() -> str:
            with ThreadPoolExecutor(AT_ONCE) as senders:
                found = senders.map(lambda _: post(http_port, bomb, **packed), range(AT_ONCE))
                return " ".join(sorted(set(found)))

        sent: dict[str, Callable[[], str]] = {
            "large": lambda: post(http_port, large),
            "chunks": lambda: post(http_port, iter([part] * 70)),
            "bomb": lambda: post(http_port, bomb, **packed),
            "grpc large": lambda: call(grpc_port, large, grpc.Compression.NoCompression),
            "grpc bomb": lambda: call(grpc_port, bytes(BOMB_BYTES), grpc.Compression.Gzip),
            "bombs at once": bombs,
        }
        idle_mib = rss_mib(server.pid)
        for _ in range(ROUNDS):
            for name, send in sent.items():
                answers.setdefault(name, set()).add(send())
            left_mib.append(rss_mib(server.pid))
        most_mib = peak_mib(server.pid)
        allowed = unknown_field(ALLOWED_BYTES)
        for _ in range(ALLOWED_ROUNDS):
            with ThreadPoolExecutor(AT_ONCE) as senders:
                found = set(senders.map(lambda _: post(http_port, allowed), range(AT_ONCE)))
        left_by_allowed_mib = rss_mib(server.pid)
    half = len(left_mib) // 2
    growth_mib = round(min(left_mib[half:]) - min(left_mib[:half]), 1)
    figures = {
        "answers": {name: sorted(found) for name, found in answers.items()},
        "idle_mib": idle_mib,
        "left_mib": left_mib,
        "most_mib": most_mib,
        "growth_mib": growth_mib,
        "allowed": {"answers": sorted(found), "left_mib": left_by_allowed_mib},
        "limits_mib": {"most": LIMIT_MIB, "growth": GROWTH_LIMIT_MIB},
    }
    wanted = {"RESOURCE_EXHAUSTED"}, {"413"}
    return report(
        "hostile bodies",
        figures,
        refused=all(told in wanted for told in answers.values()),
        taken=found <= {"200", "503"},
        given_back=left_by_allowed_mib <= LIMIT_MIB,
        memory=most_mib <= LIMIT_MIB,
        no_growth=growth_mib <= GROWTH_LIMIT_MIB,
    )


if __name__ == "__main__":
    sys.exit(main())
