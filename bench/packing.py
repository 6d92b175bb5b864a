"""What it saves to pack the payloads of several spans into one frame, by how many bytes of them.

Shares and microseconds are means over spans of about 1 KB; 0 bytes is a frame a span. The choice
is ADR 0006.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator

from lab import report
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from span_bodies import requests

from flowtrace_mcp.storage.compression import compress, decompress
from flowtrace_mcp.storage.packs import PACK_LIMIT_BYTES

LIMITS_BYTES = (0, 4096, 8192, 16_384, 32_768, 65_536)
REQUESTS = 10
RUNS = 3
SHARE_MOST = 0.3


def payloads() -> Iterator[bytes]:
    """Yield the bytes of spans, one by one."""
    for body in requests(REQUESTS):
        for span in (
            ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        ):
            yield span.SerializeToString()


def packed(spans: Iterable[bytes], limit_bytes: int) -> list[bytes]:
    """Return the spans joined, in order, up to a limit."""
    packs = [b""]
    for span in spans:
        if packs[-1] and len(packs[-1]) + len(span) > limit_bytes:
            packs.append(b"")
        packs[-1] += span
    return packs


def best_us(work: Callable[[], None], count: int) -> float:
    """Return the microseconds of one of ``count`` items in the quickest of some runs."""
    took = []
    for _ in range(RUNS):
        began_s = time.perf_counter()
        work()
        took.append((time.perf_counter() - began_s) / count * 1e6)
    return round(min(took), 2)


def measured(spans: list[bytes], limit_bytes: int) -> dict[str, float]:
    """Return what packs of up to a size save and cost."""
    packs = packed(spans, limit_bytes)
    frames = [compress(pack) for pack in packs]

    def pack_all() -> None:
        for pack in packs:
            compress(pack)

    def unpack_all() -> None:
        for frame in frames:
            decompress(frame)

    return {
        "share": round(sum(map(len, frames)) / sum(map(len, spans)), 3),
        "pack_us": best_us(pack_all, len(spans)),
        "unpack_us": best_us(unpack_all, len(spans)),
        "unpack_one_pack_us": best_us(unpack_all, len(packs)),
    }


def main() -> int:
    """Pack the same spans by each limit, report."""
    spans = list(payloads())
    rows = {limit_bytes: measured(spans, limit_bytes) for limit_bytes in LIMITS_BYTES}
    return report(
        "payloads packed together",
        {"spans": len(spans), "by_limit_bytes": rows},
        share=rows[PACK_LIMIT_BYTES]["share"] <= SHARE_MOST,
    )


if __name__ == "__main__":
    sys.exit(main())
