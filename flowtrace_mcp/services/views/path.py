"""How a span came about and what it led to; of a whole trace, what it waited for from end to end."""

from collections.abc import Mapping, Sequence
from typing import Final

from flowtrace_mcp.analytics.causality import ancestors_of
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import (
    MESSAGE_CHARACTERS,
    Row,
    Rows,
    end_of,
    error_of,
    full,
    is_folded,
    ms,
    name_of,
)

# So many spans beside one, on either side of it.
SIBLINGS_SHOWN: Final = 3
_Below = Mapping[bytes, Sequence[ReadSpan]]


def path_rows(reading: TraceReading, span_id: bytes) -> Rows:
    """Return the way from the root to a span, what ran beside it, and what it called.

    Args:
        reading: The trace.
        span_id: Of one of its spans.
    """
    known = {span.record.span_id: span for span in reading.spans}
    own = known[span_id]
    below = _below(reading.spans)
    parents = {each: span.record.parent_span_id for each, span in known.items()}
    above = [known[each] for each in ancestors_of(span_id, parents)]
    beside = [span for span in below.get(own.record.parent_span_id, ()) if above]
    at = next((at for at, span in enumerate(beside) if span is own), 0)
    near = [
        *beside[max(at - SIBLINGS_SHOWN, 0) : at],
        *beside[at + 1 : at + 1 + SIBLINGS_SHOWN],
    ]
    # What leads to the span matters most, so it stands first and is cut last.
    rows = [
        *(_row(span, "above") for span in reversed(above)),
        _row(own, "span"),
        *(_row(span, "below") for span in below.get(span_id, ()) if span is not own),
        *(_row(span, "beside") for span in near),
    ]
    return Rows(rows=rows)


def critical_rows(reading: TraceReading) -> Rows:
    """Return the critical path of a trace: the spans without which it had ended earlier.

    Formula:
        From the end of the root backwards: the span below that ended last before the point reached
        is on the path, then the point is its start. Each span counts for the time in which none
        below it was on the path.
    """
    root, own_us = _from_root(reading)
    on_path = [span for span in reading.spans if span.record.span_id in own_us]
    whole_us = max(root.record.duration_us, 1)
    rows = []
    for span in on_path:
        took_us = own_us[span.record.span_id]
        row = _row(span, "")
        row["on_path_ms"] = ms(took_us)
        row["share"] = f"{100 * took_us // whole_us}%"
        rows.append(full(row))
    return Rows(rows=rows, worth=[own_us[span.record.span_id] for span in on_path])


def critical_path_us(reading: TraceReading) -> dict[bytes, int]:
    """Return what each span on the critical path takes of it, in microseconds, by span id."""
    return _from_root(reading)[1]


def _from_root(reading: TraceReading) -> tuple[ReadSpan, dict[bytes, int]]:
    """Return the root that took longest, and the critical path below it."""
    known = {span.record.span_id for span in reading.spans}
    roots = [span for span in reading.spans if span.record.parent_span_id not in known]
    roots = roots or list(reading.spans[:1])
    root = max(roots, key=lambda span: (span.record.duration_us, -span.record.start_us))
    return root, _critical(root, _below(reading.spans))


def _critical(root: ReadSpan, below: _Below) -> dict[bytes, int]:
    """Return what each span on the path takes of it, in microseconds, by span id."""
    own_us: dict[bytes, int] = {}
    waiting = [(root, root.record.start_us, end_of(root))]
    while waiting:
        span, since_us, until_us = waiting.pop()
        if span.record.span_id in own_us:  # spans that are one another's parents
            continue
        reached_us, own = until_us, 0
        for child in sorted(below.get(span.record.span_id, ()), key=end_of, reverse=True):
            start_us, end_us = max(child.record.start_us, since_us), min(end_of(child), reached_us)
            if end_us > start_us:
                own += reached_us - end_us
                waiting.append((child, start_us, end_us))
                reached_us = start_us
        own_us[span.record.span_id] = own + reached_us - since_us
    return own_us


def _below(spans: Sequence[ReadSpan]) -> _Below:
    """Return the children of each span by start, but for noise."""
    below: dict[bytes, list[ReadSpan]] = {}
    for span in spans:
        if not is_folded(span) and not span.verdict.duplicate_of:
            below.setdefault(span.record.parent_span_id, []).append(span)
    return below


def _row(span: ReadSpan, where: str) -> Row:
    return full(
        {
            "is": where,
            "span": span.record.span_id.hex(),
            "name": name_of(span),
            "ms": ms(span.record.duration_us),
            "tool": span.facts.tool_name,
            "model": span.facts.model,
            "error": one_line(error_of(span), MESSAGE_CHARACTERS),
        }
    )
