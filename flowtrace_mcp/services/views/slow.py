"""What took the time: spans by what they did themselves, not by what they waited for below."""

from collections.abc import Iterable, Sequence

from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import Row, Rows, end_of, full, is_folded, ms, name_of


def slow_rows(readings: Iterable[TraceReading]) -> Rows:
    """Return spans by self time, the longest first."""
    timed = [
        (own_us, span, reading)
        for reading in readings
        for span, own_us in _self_times(reading.spans)
        if own_us and not span.verdict.duplicate_of
    ]
    timed.sort(key=lambda each: (-each[0], each[1].record.start_us, each[1].record.span_id))
    return Rows(rows=[_row(*each) for each in timed])


def _row(own_us: int, span: ReadSpan, reading: TraceReading) -> Row:
    whole_us = reading.end_us - reading.start_us
    return full(
        {
            "name": name_of(span),
            "self_ms": ms(own_us),
            "ms": ms(span.record.duration_us),
            "share": f"{100 * own_us // whole_us}%" if own_us < whole_us else "",
            "tool": span.facts.tool_name,
            "model": span.facts.model,
            "start": iso_time(span.record.start_us),
            "trace": span.record.trace_id.hex(),
            "span": span.record.span_id.hex(),
        }
    )


def _self_times(spans: Sequence[ReadSpan]) -> Iterable[tuple[ReadSpan, int]]:
    """Yield spans with the microseconds in which nothing below them ran; noise is no work."""
    below: dict[bytes, list[tuple[int, int]]] = {}
    for span in spans:
        if not is_folded(span):
            interval = (span.record.start_us, end_of(span))
            below.setdefault(span.record.parent_span_id, []).append(interval)
    for span in spans:
        if is_folded(span):
            continue
        bounds = (span.record.start_us, end_of(span))
        covered_us = _covered(below.get(span.record.span_id, ()), bounds)
        yield span, span.record.duration_us - covered_us


def _covered(intervals: Iterable[tuple[int, int]], bounds: tuple[int, int]) -> int:
    """Return how much of ``bounds`` the union of intervals covers."""
    covered, reached = 0, bounds[0]
    for begins, ends in sorted(intervals):
        start, end = max(begins, reached), min(ends, bounds[1])
        if end > start:
            covered += end - start
            reached = end
    return covered
