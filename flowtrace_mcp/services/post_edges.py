"""Take edges as JSON: each becomes a span, and is stored on the way of every other span.

For programs written for an SDK that sends edges. What an edge alone knows (clock, checksum, counts) is
made here; a trace is found by the parent, for such programs do not name one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.edge import SPAN_TYPE_NAMES, Sensitivity, SpanType
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, parse_id
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.edge_bodies import EdgeBody
from flowtrace_mcp.services.edges import place_of_edge
from flowtrace_mcp.services.find_spans import span_type_of
from flowtrace_mcp.services.post_spans import SPANS_LIMIT, SpanFault, post_spans

SPAN_TYPE: Final = "flowtrace.span_type"
# What a receiver reads from an operation it need not be told by type: usage, tool and model.
_OPERATIONS: Final = {
    SpanType.TOOL_CALL: "execute_tool",
    SpanType.GENERATION: "chat",
    SpanType.EMBEDDING: "embeddings",
    SpanType.RETRIEVAL: "retrieval",
    SpanType.RERANKING: "rerank",
    SpanType.PLANNING: "plan",
}
_NOTHING: Final = frozenset(("", 0, "0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedEdges:
    """What became of a request: ids of the edges that were stored, and why others were not."""

    accepted: int
    rejected: int
    edge_ids: Sequence[str]  # hex, of the accepted, in their order
    errors: Sequence[SpanFault] = field(default_factory=list)


def post_edges(context: Context, pipeline: Pipeline, given: Sequence[Any]) -> PostedEdges:
    """Store the good edges of a list, and return once they are durable.

    Raises:
        InputError: There is none, or too many.
        BusyError: The write queue is full or the disk too slow.
    """
    if not 1 <= len(given) <= SPANS_LIMIT:
        raise InputError(
            f"cannot take {len(given)} edges at once",
            why=f"a request holds 1 to {SPANS_LIMIT}",
            mend="send them in several requests" if given else "send at least one",
        )
    reading = _Reading(context)
    spans: dict[int, dict[str, Any]] = {}  # by their place in the request
    faults: list[SpanFault] = []
    for index, one in enumerate(given):
        try:
            spans[index] = reading.span_of(msgspec.convert(_said(one), EdgeBody))
        except FlowtraceError as error:
            faults.append(SpanFault(index=index, error=error.fault))
        except msgspec.ValidationError as error:
            faults.append(SpanFault(index=index, error=str(error)))
    if spans:
        places = list(spans)
        posted = post_spans(pipeline, {"spans": list(spans.values())})
        for fault in posted.errors:  # a status that there is not, an end after the year 2199
            del spans[places[fault.index]]
            faults.append(SpanFault(index=places[fault.index], error=fault.error))
    return PostedEdges(
        accepted=len(spans),
        rejected=len(given) - len(spans),
        edge_ids=[span["trace_id"][16:] + span["span_id"] for span in spans.values()],
        errors=sorted(faults, key=lambda fault: fault.index),
    )


def _said(given: Any) -> Any:
    """Return what is not null: null means the same as leaving out."""
    if not isinstance(given, dict):
        return given
    return {name: value for name, value in given.items() if value is not None}


class _Reading:
    """Edges of one request, which may be one another's parents."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._traces: dict[bytes, bytes] = {}  # span id -> trace id, of this request

    def span_of(self, edge: EdgeBody) -> dict[str, Any]:
        """Return an edge as a span.

        Raises:
            InputError: An id, a time or a count cannot be taken.
        """
        start_us = parse_time_us(edge.timestamp_us, name="timestamp_us")
        if edge.duration_us < 0:
            raise InputError("duration_us is negative", why="it ends after it starts")
        low, span_id = self._own_id(edge.edge_id)
        parent = _parent_of(edge.causal_parent)
        trace_id = self._trace_of(edge, low, parent)
        self._traces[span_id] = trace_id
        return {
            "trace_id": trace_id.hex(),
            "span_id": span_id.hex(),
            "parent_span_id": parent.hex(),
            "name": edge.name or edge.tool or edge.model or str(edge.span_type) or "edge",
            "start_time": start_us,
            "end_time": start_us + edge.duration_us,
            "status": edge.status,
            "status_message": edge.status_message,
            "attributes": {**edge.attributes, **_said_by(edge)},
        }

    def _own_id(self, told: str | int) -> tuple[bytes, bytes]:
        """Return the lower half of the trace id, b"" where it is not told, and the span id."""
        if told in _NOTHING:
            return b"", self._context.random_bytes(SPAN_ID_BYTES)
        whole = _whole(told, "edge_id")
        low, span_id = whole[:SPAN_ID_BYTES], whole[SPAN_ID_BYTES:]
        if not any(span_id):
            raise InputError("edge_id names no span", why="its lower half is zero")
        return (low if any(low) else b""), span_id

    def _trace_of(self, edge: EdgeBody, low: bytes, parent: bytes) -> bytes:
        if edge.trace_id not in _NOTHING:
            return parse_id(_as_text(edge.trace_id), TRACE_ID_BYTES, name="trace_id")
        if parent:
            return self._traces.get(parent) or self._stored_trace(edge.causal_parent)
        half = low or self._context.random_bytes(SPAN_ID_BYTES)
        return bytes(SPAN_ID_BYTES) + half

    def _stored_trace(self, parent: str | int) -> bytes:
        try:
            return place_of_edge(self._context, _as_text(parent).removeprefix("0x"))[0]
        except NotFoundError as error:
            raise InputError(
                "the parent is not stored",
                why="an edge without trace_id is of its parent's trace",
                mend="send the parent first, or with it, or name the trace",
            ) from error


def _parent_of(told: str | int) -> bytes:
    return b"" if told in _NOTHING else _whole(told, "causal_parent")[SPAN_ID_BYTES:]


def _whole(told: str | int, name: str) -> bytes:
    """Return the 16 bytes of an edge id; of a span's id alone the first eight are zero."""
    text = _as_text(told)
    digits = text.lower().removeprefix("0x")
    size_bytes = TRACE_ID_BYTES if len(digits) > 2 * SPAN_ID_BYTES else SPAN_ID_BYTES
    return parse_id(text, size_bytes, name=name).rjust(TRACE_ID_BYTES, b"\0")


def _as_text(told: str | int) -> str:
    # A number is a number, also one of 16 digits, which as text would be hex.
    return f"{told:#x}" if isinstance(told, int) else told


def _said_by(edge: EdgeBody) -> Mapping[str, Any]:
    """Return what an edge says as attributes that every receiver of spans understands."""
    flags = Sensitivity(edge.sensitivity_flags & 15)
    span_type = _type_of(edge)
    said = {
        "gen_ai.operation.name": _OPERATIONS.get(span_type) if span_type is not None else None,
        "session.id": "" if edge.session_id in _NOTHING else str(edge.session_id),
        "gen_ai.agent.name": "" if edge.agent_id in _NOTHING else str(edge.agent_id),
        "gen_ai.provider.name": edge.provider,
        "gen_ai.request.model": edge.model,
        "gen_ai.tool.name": edge.tool,
        "gen_ai.usage.input_tokens": edge.input_token_count,
        "gen_ai.usage.output_tokens": edge.output_token_count,
        "gen_ai.usage.cost": edge.cost_usd,
        "flowtrace.sensitivity": ",".join(flag.name.lower() for flag in flags if flag.name),
        "flowtrace.ttl_hours": edge.ttl_hours or None,
        SPAN_TYPE: None if span_type is None else SPAN_TYPE_NAMES[span_type],
    }
    return {key: value for key, value in said.items() if value not in ("", None)}


def _type_of(edge: EdgeBody) -> SpanType | None:
    if edge.span_type != "":
        return span_type_of(str(edge.span_type))
    if edge.tool:
        return SpanType.TOOL_CALL
    return SpanType.GENERATION if edge.model else None
