"""What fails again and again in the same way."""

from collections.abc import Iterator
from typing import Final

from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.insights.looked_at import LookedAt
from flowtrace_mcp.services.insights.shape import Insight, Severity, insight_id, traces_shown
from flowtrace_mcp.services.trace_reading import read_trace
from flowtrace_mcp.services.views.errors import ErrorKind, error_kinds
from flowtrace_mcp.services.views.rows import MESSAGE_CHARACTERS, error_of

TIMES_LEAST: Final = 3
# So many traces in which something failed are read, the newest first.
TRACES_READ: Final = 25
_SEVERITIES: Final[tuple[tuple[int, Severity], ...]] = ((30, "high"), (10, "medium"), (0, "low"))


def failure_insights(looked: LookedAt) -> Iterator[Insight]:
    """Yield errors of one kind that came at least three times since the window began."""
    failed = [
        call
        for call in (*looked.model_calls.calls, *looked.tool_calls.calls)
        if call.is_error and call.start_us >= looked.since_us
    ]
    failed.sort(key=lambda call: -call.start_us)
    trace_ids = list(dict.fromkeys(call.trace_id for call in failed))[:TRACES_READ]
    readings = [read_trace(looked.context, trace_id) for trace_id in trace_ids]
    for kind in error_kinds(reading for reading in readings if reading is not None):
        since = [span for span in kind.spans if span.record.start_us >= looked.since_us]
        if len(since) >= TIMES_LEAST:
            yield _insight(kind, len(since))


def _insight(kind: ErrorKind, times: int) -> Insight:
    name = one_line(kind.name, MESSAGE_CHARACTERS)
    message = one_line(error_of(kind.last), MESSAGE_CHARACTERS)
    first, last = kind.spans[-times].record, kind.last.record
    traces = [span.record.trace_id for span in reversed(kind.spans)]
    return Insight(
        id=insight_id("failure_pattern", kind.fingerprint),
        insight_type="failure_pattern",
        severity=next(word for least, word in _SEVERITIES if times >= least),
        confidence=1.0,  # it was counted
        summary=f"{name} failed {times} times in the same way: {message}",
        description=(
            f"From {iso_time(first.start_us)} to {iso_time(last.start_us)}, in"
            f" {len(set(traces))} traces; the messages differ in their particulars alone."
        ),
        related_trace_ids=traces_shown(traces),
        metadata={
            "kind": kind.fingerprint,
            "name": name,
            "error_type": kind.error_type,
            "times": times,
            "traces": len(set(traces)),
        },
        suggestions=("`traces` with view errors tells what followed and how it came right",),
    )
