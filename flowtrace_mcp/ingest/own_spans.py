"""Calls of our own tools to spans, through OpenTelemetry's SDK, as OTLP in protobuf.

The conventions for MCP and for memories of GenAI say how they read. The SDK here is one of our
own: nothing is global, nothing of the environment changes it, and nothing in it exports by itself.
"""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from flowtrace_mcp import __version__
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from flowtrace_mcp.model.own_call import (
    CALL_ATTRIBUTE,
    OWN_SCOPE,
    OWN_SERVICE,
    TOLD_BY_ATTRIBUTE,
    AttributeText,
    OwnCall,
)


class Place(NamedTuple):
    """Where the spans of a call stand."""

    trace_id: bytes = b""  # b"" = in a trace of their own
    parent_span_id: bytes = b""
    session: str = ""
    told_by: str = ""  # which kind of span of the agent's the parent is; "" = none is known


class OwnSpans:
    """Makes spans; for one thread."""

    def __init__(self) -> None:
        self._ids = _FollowingIds()
        self._made = InMemorySpanExporter()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": OWN_SERVICE, "service.version": __version__}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET),
        )
        provider.add_span_processor(SimpleSpanProcessor(self._made))
        self._tracer = provider.get_tracer(OWN_SCOPE, __version__)

    def request(self, placed: Sequence[tuple[OwnCall, Place]]) -> bytes:
        """Return an ExportTraceServiceRequest with the spans of some calls.

        A call gives the same ids in the same place, so that it may be sent twice.
        """
        for call, place in placed:
            self._make(call, place)
        request = encode_spans(self._made.get_finished_spans()).SerializeToString()
        self._made.clear()
        return request

    def _make(self, call: OwnCall, place: Place) -> None:
        self._ids.follow(call.seed, place.trace_id, place.told_by)
        shared = {"session.id": place.session or call.session, CALL_ATTRIBUTE: call.call}
        shared[TOLD_BY_ATTRIBUTE] = place.told_by
        outer = self._tracer.start_span(
            call.name,
            context=_below(place),
            kind=SpanKind.SERVER,
            attributes=_said({**call.attributes, **shared}),
            start_time=call.start_ns,
        )
        work = call.work
        if work is not None:
            inner = self._tracer.start_span(
                work.operation,
                context=set_span_in_context(outer, Context()),
                kind=SpanKind.INTERNAL,
                attributes=_said({**work.attributes, **shared}),
                start_time=work.start_ns,
            )
            _end(inner, call.error_code, call.error_code, work.end_ns)
        # The conventions for MCP have one word for every tool that answers with an error.
        _end(outer, call.error_code, "tool_error", call.end_ns)


def _below(place: Place) -> Context:
    if not place.trace_id:
        return Context()
    parent = SpanContext(
        trace_id=int.from_bytes(place.trace_id, "big"),
        span_id=int.from_bytes(place.parent_span_id, "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _said(attributes: Mapping[str, AttributeText]) -> dict[str, AttributeText]:
    return {name: value for name, value in attributes.items() if value != ""}


def _end(span: Span, error_code: str, error_type: str, end_ns: int) -> None:
    if error_code:
        span.set_attribute("error.type", error_type)
        span.set_status(Status(StatusCode.ERROR, error_code))
    span.end(end_ns)


class _FollowingIds(IdGenerator):
    """Gives the ids that follow from a call and its place."""

    def __init__(self) -> None:
        self._span_ids: deque[int] = deque()
        self._trace_id = 0

    def follow(self, seed: bytes, trace_id: bytes, told_by: str) -> None:
        """Make ready for the two spans of a call."""
        place = trace_id + told_by.encode()
        self._trace_id = _number(TRACE_ID_BYTES, seed, b"trace")
        self._span_ids = deque(_number(SPAN_ID_BYTES, seed, place + end) for end in (b"0", b"1"))

    def generate_span_id(self) -> int:
        """Return the next span's id."""
        return self._span_ids.popleft()

    def generate_trace_id(self) -> int:
        """Return the id of a trace of the call's own."""
        return self._trace_id


def _number(size_bytes: int, *parts: bytes) -> int:
    digest = hashlib.blake2b(b"\x1f".join(parts), digest_size=size_bytes).digest()
    return int.from_bytes(digest, "big") or 1
