"""Spans for tests of storage: a whole span of which a test names only what matters to it."""

from typing import Any

from flowtrace_mcp.model.edge import EdgeFlag, Environment, Sensitivity, SpanType
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US

TRACE = bytes(range(1, 17))


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def span(number: int = 1, **said: Any) -> SpanWrite:
    """Return span ``number`` of ``TRACE``; what is not said is empty."""
    values: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": span_id(number),
        "parent_span_id": b"",
        "start_us": START_US + number,
        "duration_us": 10,
        "name": f"step {number}",
        "span_type": SpanType.CUSTOM,
        "status": 0,
        "kind": 0,
        "session": "",
        "agent": "",
        "user": "",
        "service": "",
        "provider": "",
        "model": "",
        "tool": "",
        "usage": None,
        "cost_usd": None,
        "flags": EdgeFlag.NONE,
        "environment": Environment.DEVELOPMENT,
        "sensitivity": Sensitivity.NONE,
        "resource": b"",
        "scope": b"",
        "raw": b"",
        "encoding": PayloadEncoding.PROTOBUF,
        "long_values": (),
    }
    return SpanWrite(**{**values, **said})


def version_of(store: Store) -> bytes:
    """Return the version of ``TRACE``, its spans left alone."""
    found = store.spans.read_trace(TRACE, lambda _: True)
    assert found is not None
    return found.version
