"""What failed: errors by kind, with what followed and how it came right."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias

import msgspec

from flowtrace_mcp.analytics.causality import ancestors_of
from flowtrace_mcp.analytics.fingerprints import fingerprint
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.tool_runs import tool_runs
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.afterwards import Afterwards
from flowtrace_mcp.services.views.rows import (
    MESSAGE_CHARACTERS,
    Row,
    Rows,
    error_of,
    full,
    name_of,
)


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


FixOf: TypeAlias = Callable[[ErrorKind, Afterwards], str]


def fingerprint_of(span: ReadSpan) -> tuple[str, str, str]:
    """Return the fingerprint of a failed span, what failed, and the type of its error."""
    name = span.facts.tool_name or span.facts.model or name_of(span)
    mark = fingerprint(name, span.facts.error_type, error_of(span))
    return mark, name, span.facts.error_type


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
            groups.setdefault(fingerprint_of(span), []).append(span)
    kinds = []
    for (mark, name, error_type), spans in groups.items():
        spans.sort(key=lambda span: (span.record.start_us, span.record.span_id))
        kinds.append(
            ErrorKind(fingerprint=mark, name=name, error_type=error_type, spans=tuple(spans))
        )
    kinds.sort(key=lambda kind: (-kind.last.record.start_us, kind.fingerprint))
    return kinds


def errors_rows(
    readings: Sequence[TraceReading],
    among: Collection[bytes] | None = None,
    fix_of: FixOf = lambda _kind, _after: "",
) -> Rows:
    """Return errors by kind, the latest first, each with what came after its last one.

    Args:
        readings: The traces.
        among: Ids of the spans to look at; None for all.
        fix_of: Says how an error of a kind was fixed before, "" where nobody knows.
    """
    after = Afterwards(tool_runs(readings))
    return Rows(rows=[_row(kind, after, fix_of) for kind in error_kinds(readings, among)])


def _row(kind: ErrorKind, after: Afterwards, fix_of: FixOf) -> Row:
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
            "fixed": fix_of(kind, after),
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
