"""The spans of one trace as a tree, whatever its parents look like."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import SpanRecord


class TraceSpan(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of one span to judge it among the others of its trace."""

    span_id: bytes
    parent_span_id: bytes = b""
    start_us: int = 0
    duration_us: int = 0
    status: int = SpanStatus.UNSET
    scope_name: str = ""  # the instrumentation; "" = not known
    facts: SpanFacts = msgspec.field(default_factory=SpanFacts)

    @property
    def is_model_call(self) -> bool:
        """Say whether it is one request to a model."""
        return self.facts.operation in MODEL_CALLS

    @property
    def is_tool(self) -> bool:
        """Say whether it is the execution of a tool."""
        return self.facts.operation == "execute_tool"

    @property
    def is_agent(self) -> bool:
        """Say whether it is an agent or workflow at work."""
        return self.facts.operation in ("invoke_agent", "invoke_workflow")

    def overlaps(self, other: "TraceSpan") -> bool:
        """Say whether there is a moment at which both ran."""
        first, second = sorted((self, other), key=lambda span: span.start_us)
        if first.start_us == second.start_us:
            return True
        return second.start_us < first.start_us + first.duration_us


class TraceTree:
    """Spans with their parents; a missing parent makes a root, and a cycle is cut open.

    Args:
        spans: All spans of one trace, each id once.
    """

    def __init__(self, spans: Sequence[TraceSpan]) -> None:
        self._parents: dict[bytes, TraceSpan] = {}
        self.spans: list[TraceSpan] = []  # parents before children, roots and siblings by time
        by_id = {span.span_id: span for span in spans}
        children: defaultdict[bytes, list[TraceSpan]] = defaultdict(list)
        by_time = sorted(by_id.values(), key=lambda span: (span.start_us, span.span_id))
        for span in by_time:
            children[span.parent_span_id].append(span)
        roots = [span for span in by_time if span.parent_span_id not in by_id]
        seen: set[bytes] = set()
        # What no root leads to lies on a cycle, or under one: there the earliest is the root.
        for start in (*roots, *by_time):
            waiting = [start]
            while waiting:
                span = waiting.pop()
                if span.span_id in seen:
                    continue
                seen.add(span.span_id)
                self.spans.append(span)
                if span is not start:
                    self._parents[span.span_id] = by_id[span.parent_span_id]
                waiting += reversed(children[span.span_id])

    def parent(self, span: TraceSpan) -> TraceSpan | None:
        """Return the span it runs under, None for a root."""
        return self._parents.get(span.span_id)

    def ancestors(self, span: TraceSpan) -> Iterator[TraceSpan]:
        """Yield the spans it runs under, the nearest first."""
        above = self.parent(span)
        while above is not None:
            yield above
            above = self.parent(above)


def trace_span(record: SpanRecord, facts: SpanFacts) -> TraceSpan:
    """Return what is needed of a received span to judge it."""
    return TraceSpan(
        span_id=record.span_id,
        parent_span_id=record.parent_span_id,
        start_us=record.start_us,
        duration_us=record.duration_us,
        status=record.status,
        scope_name=record.scope.name,
        facts=facts,
    )
