"""What failed: errors by kind, with what followed and how it came right."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from flowtrace_mcp.analytics.fingerprints import fingerprint
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.tool_runs import ToolRun, tool_runs
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import (
    MESSAGE_CHARACTERS,
    Row,
    Rows,
    end_of,
    error_of,
    full,
    name_of,
)

# What lies between a failure and the same call's success, at most so many names of it.
BETWEEN_LIMIT: Final = 3
_US_A_SECOND: Final = 1_000_000


class ErrorKind(msgspec.Struct, frozen=True, kw_only=True):
    """Errors with one fingerprint, by start."""

    fingerprint: str
    name: str
    error_type: str
    spans: Sequence[ReadSpan]

    @property
    def last(self) -> ReadSpan:
        """Return the latest."""
        return self.spans[-1]


def error_kinds(readings: Iterable[TraceReading]) -> list[ErrorKind]:
    """Return the errors of traces by kind, the latest first.

    An error that a span only passes on from a span below it is told once, where it began.
    """
    groups: dict[tuple[str, str, str], list[ReadSpan]] = {}
    for reading in readings:
        for span in _beginnings(reading.spans):
            name = span.facts.tool_name or span.facts.model or name_of(span)
            mark = fingerprint(name, span.facts.error_type, error_of(span))
            groups.setdefault((mark, name, span.facts.error_type), []).append(span)
    kinds = []
    for (mark, name, error_type), spans in groups.items():
        spans.sort(key=lambda span: (span.record.start_us, span.record.span_id))
        kinds.append(
            ErrorKind(fingerprint=mark, name=name, error_type=error_type, spans=tuple(spans))
        )
    kinds.sort(key=lambda kind: (-kind.last.record.start_us, kind.fingerprint))
    return kinds


def errors_rows(readings: Sequence[TraceReading]) -> Rows:
    """Return errors by kind, the latest first, each with what came after its last one."""
    runs = tool_runs(readings)
    return Rows(rows=[_row(kind, runs) for kind in error_kinds(readings)])


def _row(kind: ErrorKind, runs: Sequence[ToolRun]) -> Row:
    last = kind.last
    count = len(kind.spans)
    return full(
        {
            "kind": kind.fingerprint,
            "name": one_line(kind.name, MESSAGE_CHARACTERS),
            "type": kind.error_type,
            "message": one_line(error_of(last), MESSAGE_CHARACTERS),
            "times": count if count > 1 else 0,
            "first": iso_time(kind.spans[0].record.start_us) if count > 1 else "",
            "last": iso_time(last.record.start_us),
            "after": what_followed(last, runs),
            "trace": last.record.trace_id.hex(),
            "span": last.record.span_id.hex(),
        }
    )


def _beginnings(spans: Sequence[ReadSpan]) -> list[ReadSpan]:
    """Return failed spans but for those that repeat what failed below them."""
    failed = {
        span.record.span_id: span
        for span in spans
        if span.record.status == SpanStatus.ERROR and not span.verdict.duplicate_of
    }
    parents = {span.record.span_id: span.record.parent_span_id for span in spans}
    passed_on: set[bytes] = set()
    for span in failed.values():
        said = error_of(span)
        above = parents.get(span.record.span_id, b"")
        seen = {span.record.span_id}
        while above and above not in seen:
            seen.add(above)
            if above in failed and _says_nothing_else(failed[above], said):
                passed_on.add(above)
            above = parents.get(above, b"")
    return [span for span_id, span in failed.items() if span_id not in passed_on]


def _says_nothing_else(span: ReadSpan, below: str) -> bool:
    said = error_of(span)
    return said in ("error", span.facts.error_type) or said in below or below in said


def what_followed(failed: ReadSpan, runs: Sequence[ToolRun]) -> str:
    """Return what a session did after a tool call failed, "" for what is no tool call.

    Args:
        failed: The call.
        runs: Tool calls by start, its own among them.
    """
    places = [at for at, run in enumerate(runs) if run.span is failed]
    if not places:
        return ""
    own = runs[places[0]]
    later = [run for run in runs[places[0] + 1 :] if run.session == own.session]
    if not later:
        return "nothing"
    for at, run in enumerate(later):
        if (run.name, run.arguments_text) == (own.name, own.arguments_text) and not run.is_error:
            waited_s = (run.span.record.start_us - end_of(failed)) / _US_A_SECOND
            between = list(dict.fromkeys(each.title for each in later[:at] if not each.is_error))
            told = f"; between: {', '.join(between[-BETWEEN_LIMIT:])}" if between else ""
            return f"the same call worked {max(waited_s, 0):.1f} s later{told}"
    return f"then {later[0].title} {'failed' if later[0].is_error else 'worked'}"
