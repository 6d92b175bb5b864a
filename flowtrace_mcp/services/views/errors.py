"""What failed: errors by kind, with what followed and how it came right."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from flowtrace_mcp.analytics.causality import ancestors_of
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


def error_kinds(
    readings: Iterable[TraceReading], among: Collection[bytes] | None = None
) -> list[ErrorKind]:
    """Return the errors of traces by kind, the latest first.

    An error that a span only passes on from a span below it is told once, where it began.

    Args:
        readings: The traces.
        among: Ids of the spans to look at; None for all.
    """
    groups: dict[tuple[str, str, str], list[ReadSpan]] = {}
    for reading in readings:
        for span in _beginnings(reading.spans):
            if among is not None and span.record.span_id not in among:
                continue
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


def errors_rows(readings: Sequence[TraceReading], among: Collection[bytes] | None = None) -> Rows:
    """Return errors by kind, the latest first, each with what came after its last one."""
    after = _Afterwards(tool_runs(readings))
    return Rows(rows=[_row(kind, after) for kind in error_kinds(readings, among)])


def _row(kind: ErrorKind, after: "_Afterwards") -> Row:
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
            "after": after.said_of(last),
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
    passed_on = {
        above
        for span_id, span in failed.items()
        for above in ancestors_of(span_id, parents)
        if above in failed and _says_nothing_else(failed[above], error_of(span))
    }
    return [span for span_id, span in failed.items() if span_id not in passed_on]


def _says_nothing_else(span: ReadSpan, below: str) -> bool:
    said = error_of(span)
    return said in ("error", span.facts.error_type) or said in below or below in said


class _Afterwards:
    """What sessions did after a call of a tool failed.

    Args:
        runs: Tool calls by start.
    """

    def __init__(self, runs: Sequence[ToolRun]) -> None:
        self._sessions: dict[str, list[ToolRun]] = {}
        self._places: dict[bytes, tuple[list[ToolRun], int]] = {}  # by span id
        for run in runs:
            session = self._sessions.setdefault(run.session, [])
            self._places[run.span.record.span_id] = (session, len(session))
            session.append(run)
        self._mended = self._next_successes()

    def _next_successes(self) -> dict[bytes, int]:
        """Return span id -> where in its session the same call worked for the first time after."""
        found: dict[bytes, int] = {}
        for session in self._sessions.values():
            worked: dict[tuple[str, str], int] = {}
            for at in range(len(session) - 1, -1, -1):
                run = session[at]
                call = (run.name, run.arguments_text)
                if call in worked:
                    found[run.span.record.span_id] = worked[call]
                if not run.is_error:
                    worked[call] = at
        return found

    def said_of(self, failed: ReadSpan) -> str:
        """Return what came after a failed span, "" for what is no tool call."""
        if failed.record.span_id not in self._places:
            return ""
        session, at = self._places[failed.record.span_id]
        mended = self._mended.get(failed.record.span_id)
        if mended is not None:
            waited_s = (session[mended].span.record.start_us - end_of(failed)) / _US_A_SECOND
            between = _titles(session[at + 1 : mended])
            told = f"; between: {', '.join(between)}" if between else ""
            return f"the same call worked {max(waited_s, 0):.1f} s later{told}"
        if at + 1 == len(session):
            return "nothing"
        after = session[at + 1]
        return f"then {after.title} {'failed' if after.is_error else 'worked'}"


def _titles(runs: Sequence[ToolRun]) -> list[str]:
    """Return what the last of some runs that worked were called for, in their order."""
    found: dict[str, None] = {}
    for run in reversed(runs):
        if len(found) == BETWEEN_LIMIT:
            break
        if not run.is_error:
            found[run.title] = None
    return list(reversed(found))
