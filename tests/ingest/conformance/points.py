"""What an OTLP receiver has to do, point by point; ``docs/otlp.md`` is made from this list.

Each point has its tests in this folder, named ``test_point_<number>_...``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[2]
_TEST: Final = re.compile(r"^def (test_point_(\d\d)_\w+)", re.MULTILINE)

_OTLP: Final = "OTLP specification"
_PROTO: Final = "opentelemetry-proto"


@dataclass(frozen=True, slots=True)
class Point:
    """One duty of a receiver, and where it is laid down."""

    number: int
    title: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A test that shows a point."""

    point: int
    name: str
    path: str  # from the root of the repository


GROUPS: Final = {
    "OTLP over HTTP": (
        Point(
            1,
            "Each signal is posted to a path of its own; a prefix or a slash at the end does no harm",
            f"{_OTLP}, OTLP/HTTP Request; Default Port",
        ),
        Point(
            2,
            "One port reads protobuf and JSON by Content-Type, with parameters; other types are 415",
            f"{_OTLP}, Binary and JSON Protobuf Encoding",
        ),
        Point(
            3,
            "The answer is the signal's export response in the Content-Type of the request",
            f"{_OTLP}, OTLP/HTTP Response",
        ),
        Point(
            4,
            "Bodies come plain, gzip-ed or chunked; another encoding is 415, a broken gzip 400",
            f"{_OTLP}, OTLP/HTTP Request; RFC 9110, 8.4",
        ),
        Point(
            5,
            "A sender that accepts gzip can read the answer",
            f"{_OTLP}, OTLP/HTTP Response",
        ),
        Point(
            6,
            "A body is bounded as sent and unpacked, and more is 413; answers stay below 4 MiB",
            f"{_OTLP}, OTLP/HTTP Request and Response",
        ),
        Point(
            7,
            "A request that holds nothing succeeds",
            f"{_OTLP}, Protocol Details",
        ),
        Point(
            8,
            "Full success is 200 with partial_success unset",
            f"{_OTLP}, Full Success",
        ),
        Point(
            9,
            "What is good is kept; what is not is counted in a 200 that says why",
            f"{_OTLP}, Partial Success",
        ),
        Point(
            10,
            "Every error is a google.rpc.Status with a message, in the encoding of the request",
            f"{_OTLP}, Failures",
        ),
        Point(
            11,
            "Data that cannot be decoded is 400",
            f"{_OTLP}, Bad Data",
        ),
        Point(
            12,
            "Only overload asks for a repetition, with 503 and Retry-After",
            f"{_OTLP}, Retryable Response Codes; OTLP/HTTP Throttling",
        ),
        Point(
            13,
            "What is answered with 200 is on disk; what waits for the disk is bounded",
            f"{_OTLP}, Protocol Details",
        ),
        Point(
            14,
            "A connection serves many requests, and many connections are served at once",
            f"{_OTLP}, OTLP/HTTP Connection; Concurrent Requests",
        ),
    ),
    "JSON": (
        Point(
            15,
            "Ids are hex of either case, in links, logs and exemplars too; other bytes are base64",
            f"{_OTLP}, JSON Protobuf Encoding",
        ),
        Point(
            16,
            "Enums are numbers or names, integers text or numbers; unknown fields are passed over",
            f"{_OTLP}, JSON Protobuf Encoding; ProtoJSON",
        ),
        Point(
            17,
            "An attribute whose value is an empty object is kept, without a value",
            f"{_PROTO}, common.proto, AnyValue",
        ),
    ),
    "OTLP over gRPC": (
        Point(
            18,
            "Three services have the method Export, on port 4317 by default",
            f"{_OTLP}, OTLP/gRPC Service and Protobuf Definitions",
        ),
        Point(
            19,
            "Messages come plain or gzip-ed; one over the limit is RESOURCE_EXHAUSTED for good",
            f"{_OTLP}, OTLP/gRPC Throttling",
        ),
        Point(
            20,
            "Overload is UNAVAILABLE with RetryInfo, bad data INVALID_ARGUMENT with BadRequest",
            f"{_OTLP}, OTLP/gRPC Response; OTLP/gRPC Throttling",
        ),
        Point(
            21,
            "An unknown service or method is UNIMPLEMENTED",
            "gRPC, status codes",
        ),
        Point(
            22,
            "Each protocol has its own port, and the wrong one on it does no harm",
            f"{_OTLP}, Default Port",
        ),
    ),
    "Data": (
        Point(
            23,
            "A span without proper ids is refused alone; its parent may come first, later or never",
            f"{_PROTO}, trace.proto, Span",
        ),
        Point(
            24,
            "A span that comes again, by whatever door or encoding, is the same span",
            f"{_OTLP}, Duplicate Data",
        ),
        Point(
            25,
            "Every kind of metric is kept with start, buckets and exemplars; each point counts once",
            f"{_PROTO}, metrics.proto",
        ),
        Point(
            26,
            "Log records need no ids; an event's name is a field or an attribute, its body any value",
            f"{_PROTO}, logs.proto, LogRecord",
        ),
        Point(
            27,
            "Values are text, booleans, integers, doubles, bytes, lists and maps, nested",
            f"{_PROTO}, common.proto, AnyValue",
        ),
        Point(
            28,
            "Schema URLs, counts of what was dropped, flags, trace state and links are kept",
            f"{_PROTO}, trace.proto, Span",
        ),
    ),
    "On one machine": (
        Point(
            29,
            "Loopback by default; foreign names and pages are refused; a token can be asked for",
            "OTLP exporter options, Headers; DNS rebinding",
        ),
        Point(
            30,
            "Browsers are invited by nobody but the user, page by page",
            "Fetch standard, CORS protocol",
        ),
        Point(
            31,
            "A taken port ends nothing: the other ports are served, and status says which",
            "other collectors on the same machine",
        ),
        Point(
            32,
            "GET on a signal's path is 405 and names POST",
            "RFC 9110, 15.5.6",
        ),
        Point(
            33,
            "Clients of Langfuse and MLflow deliver: their path, login and headers do no harm",
            "what those clients send",
        ),
    ),
}
POINTS: Final = tuple(point for group in GROUPS.values() for point in group)


def proofs() -> Iterator[Proof]:
    """Yield the tests of this folder that name a point."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for name, number in _TEST.findall(path.read_text(encoding="utf-8")):
            yield Proof(point=int(number), name=name, path=path.relative_to(ROOT).as_posix())
