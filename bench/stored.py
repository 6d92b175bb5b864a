"""What a data folder holds after its server is gone, read with SQLite alone."""

from pathlib import Path

import apsw
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def span_ids(bodies: list[bytes]) -> set[bytes]:
    """Return the ids of the spans of some requests."""
    return {
        span.span_id
        for body in bodies
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }


def faults(home: Path, wanted_spans: set[bytes], wanted_memories: set[str]) -> list[str]:
    """Return what is wrong: damage, a missing span, a missing memory; empty when all is well."""
    connection = apsw.Connection(str(home / "flowtrace.db"))
    try:
        found = []
        said = connection.execute("PRAGMA integrity_check").get
        if said != "ok":
            found.append(f"integrity check: {said}")
        stored = {row[0][8:16] for row in connection.execute("SELECT edge FROM edges")}
        if missing := wanted_spans - stored:
            found.append(f"{len(missing)} acknowledged spans are missing")
        texts = {row[0] for row in connection.execute("SELECT content FROM memories")}
        if lost := wanted_memories - texts:
            found.append(f"{len(lost)} acknowledged memories are missing")
        return found
    finally:
        connection.close()
