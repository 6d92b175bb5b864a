"""Two pieces of work side by side: only what differs, the sums first."""

from collections.abc import Mapping, Sequence
from typing import Final

from flowtrace_mcp.ingest.trace_totals import total_of_totals
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.services.tool_runs import tool_runs
from flowtrace_mcp.services.trace_reading import TraceReading
from flowtrace_mcp.services.views.errors import error_kinds
from flowtrace_mcp.services.views.rows import MESSAGE_CHARACTERS, Row, Rows, error_of, full, ms, usd

Numbers = Mapping[str, float | None]
_SAME: Final = "the two do not differ"


def diff_rows(a: Sequence[TraceReading], b: Sequence[TraceReading]) -> Rows:
    """Return what differs between the traces of ``a`` and those of ``b``."""
    rows = [
        *_compared("what", _sums(a), _sums(b)),
        *_compared("model", _models(a), _models(b)),
        *_compared("tool", _tools(a), _tools(b)),
        *_errors(a, b),
    ]
    return Rows(rows=rows, note="" if rows else _SAME)


def _compared(what: str, a: Numbers, b: Numbers) -> list[Row]:
    rows = []
    for name in dict.fromkeys((*a, *b)):
        one, two = a.get(name), b.get(name)
        if one != two:
            rows.append(full({what: name, "a": one, "b": two, "change": _change(one, two)}))
    return rows


def _change(a: float | None, b: float | None) -> str:
    return f"{100 * (b - a) / a:+.0f}%" if a and b is not None else ""


def _sums(readings: Sequence[TraceReading]) -> dict[str, float | None]:
    totals = total_of_totals([reading.totals for reading in readings])
    return {
        "traces": len(readings),
        "ms": ms(sum(reading.end_us - reading.start_us for reading in readings)),
        "spans": totals.spans,
        "errors": totals.errors,
        "calls": totals.model_calls,
        "tools": totals.tool_calls,
        "in": totals.usage.input_total,
        "cache_read": totals.usage.cache_read,
        "out": totals.usage.output,
        "usd": usd(totals.cost_usd),
    }


def _models(readings: Sequence[TraceReading]) -> dict[str, float]:
    """Return how often each model was called."""
    counts: dict[str, float] = {}
    for reading in readings:
        for span in reading.spans:
            if span.verdict.counts and span.verdict.model:
                counts[span.verdict.model] = counts.get(span.verdict.model, 0) + 1
    return counts


def _tools(readings: Sequence[TraceReading]) -> dict[str, float]:
    """Return how often each tool was called."""
    counts: dict[str, float] = {}
    for run in tool_runs(readings):
        counts[run.name] = counts.get(run.name, 0) + 1
    return counts


def _errors(a: Sequence[TraceReading], b: Sequence[TraceReading]) -> list[Row]:
    kinds = [{kind.fingerprint: kind for kind in error_kinds(each)} for each in (a, b)]
    rows = []
    for mark in dict.fromkeys((*kinds[0], *kinds[1])):
        counts = [len(each[mark].spans) if mark in each else 0 for each in kinds]
        if counts[0] != counts[1]:
            kind = kinds[0].get(mark) or kinds[1][mark]
            said = one_line(error_of(kind.last), MESSAGE_CHARACTERS)
            row: Row = {"error": mark, "name": kind.name, "message": said}
            rows.append(full(row | {"a": counts[0], "b": counts[1]}))
    return rows
