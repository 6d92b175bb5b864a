"""Make flowtrace_mcp/storage/payload.dict from the recorded exports in tests/data/otlp."""

import sys
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROOT = Path(__file__).resolve().parent.parent
DICTIONARY_BYTES = 16 * 1024


def samples() -> list[bytes]:
    """Return the bytes of every recorded span and resource."""
    found = []
    for path in sorted((ROOT / "tests/data/otlp").glob("*.pb")):
        if ".traces" not in path.name:
            continue
        request = ExportTraceServiceRequest.FromString(path.read_bytes())
        for resource_spans in request.resource_spans:
            found.append(resource_spans.resource.SerializeToString())
            for scope_spans in resource_spans.scope_spans:
                found += [span.SerializeToString() for span in scope_spans.spans]
    return found


if __name__ == "__main__":
    parts = samples()
    # Few samples: each stands in several times so that the trainer takes common keys in full.
    dictionary = zstd.finalize_dict(
        zstd.ZstdDict(b"".join(dict.fromkeys(parts))[-DICTIONARY_BYTES:], is_raw=True),
        parts,
        DICTIONARY_BYTES,
        1,
    )
    target = ROOT / "flowtrace_mcp/storage/payload.dict"
    target.write_bytes(dictionary.dict_content)
    print(len(parts), "samples,", len(dictionary.dict_content), "bytes ->", target)
