"""The state of this Flowtrace for Prometheus.

Source: Prometheus text-based exposition format 0.0.4,
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator
from typing import Final

from flowtrace_mcp import __version__
from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import pending_embeddings

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the route that Prometheus scrapes."""
    return [
        endpoints.lines(
            "/metrics",
            _lines,
            says="counts and sizes for Prometheus, in its text format",
            media_type=MEDIA_TYPE,
        )
    ]


def _lines(context: Context, question: Question) -> Iterator[bytes]:
    del question
    facts = context.store.facts()
    gauges = (
        ("stored_spans", "Spans in the file.", facts.span_count),
        ("stored_traces", "Traces in the file.", facts.trace_count),
        ("stored_sessions", "Sessions in the file.", facts.session_count),
        ("stored_log_records", "Log records in the file.", facts.log_count),
        ("stored_metric_points", "Metric points in the file.", facts.metric_point_count),
        ("stored_memories", "Memories in force.", facts.memory_count),
        ("pending_embeddings", "Memories that wait for a vector.", pending_embeddings(context)),
        ("database_bytes", "Size of the database file.", facts.file_bytes),
        ("write_ahead_log_bytes", "Size of its write-ahead log.", facts.log_bytes),
        ("writable", "1 while the file takes writes.", int(facts.write_refusal is None)),
    )
    yield _metric("info", "The version that answers.", 1, f'{{version="{__version__}"}}')
    for name, means, value in gauges:
        yield _metric(name, means, value)


def _metric(name: str, means: str, value: int, labels: str = "") -> bytes:
    full = f"flowtrace_{name}"
    return f"# HELP {full} {means}\n# TYPE {full} gauge\n{full}{labels} {value}\n".encode()
