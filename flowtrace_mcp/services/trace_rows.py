"""Rows of trace answers: short keys, nothing empty, times in milliseconds."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from flowtrace_mcp.analytics.tokens import cut_to_tokens
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.edge import Edge, EdgeFlag, SpanStatus, SpanType
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import SpanRecord
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.trace_hooks import fuller
from flowtrace_mcp.services.trace_reading import (
    ReadSpan,
    TraceReading,
    decode_stored,
)
from flowtrace_mcp.storage.span_store import StoredSpan
from flowtrace_mcp.storage.traces import TraceRollup

Row = dict[str, object]
KeyedEdge = tuple[int, Edge]
Decoded = tuple[SpanRecord, SpanFacts]

NAME_CHARACTERS: Final = 80
MESSAGE_CHARACTERS: Final = 200
USD_DIGITS: Final = 12
INDENT: Final = "  "
_SAID_BY_ZERO: Final = frozenset({"depth", "usd"})


def is_error(edge: Edge) -> bool:
    """Say whether a span ended in an error."""
    return edge.status == SpanStatus.ERROR


def is_tool(edge: Edge) -> bool:
    """Say whether a span is the execution of a tool."""
    return edge.span_type == SpanType.TOOL_CALL


def ran_tool(pair: Decoded) -> bool:
    """Say whether a decoded span is the execution of a tool."""
    return pair[1].span_type == SpanType.TOOL_CALL


def decoded(stored: Iterable[StoredSpan]) -> list[Decoded]:
    """Return what each stored span says and means."""
    pairs = (decode_stored(one) for one in stored)
    return [pair for pair in pairs if pair is not None]


def trace_row(rollup: TraceRollup, names: Mapping[int, str]) -> Row:
    """Return a trace of a list; ``names`` holds its dictionary numbers."""
    measures = rollup.measures
    return _full(
        {
            "trace": rollup.trace_id.hex(),
            "name": one_line(names.get(rollup.name_id, ""), NAME_CHARACTERS),
            "agent": names.get(rollup.agent_id) or names.get(rollup.service_id, ""),
            "start": iso_time(rollup.start_us),
            "ms": _ms(rollup.end_us - rollup.start_us),
            "spans": measures.span_count,
            "errors": measures.error_count,
            "calls": measures.model_call_count,
            "tools": measures.tool_call_count,
            "in": measures.usage.input_total,
            "out": measures.output_tokens,
            "usd": _usd(measures.cost_usd),
        }
    )


def tree_rows(reading: TraceReading) -> list[Row]:
    """Return a trace as its sums, then spans from the roots down; noise is only counted."""
    totals = reading.totals
    head = _full(
        {
            "trace": reading.trace_id.hex(),
            "agent": reading.agent or reading.service,
            "session": reading.session,
            "prompt": one_line(reading.hooks.prompt, MESSAGE_CHARACTERS),
            "start": iso_time(reading.start_us),
            "ms": _ms(reading.end_us - reading.start_us),
            "spans": totals.spans,
            "errors": totals.errors,
            "calls": totals.model_calls,
            "tools": totals.tool_calls,
            "in": totals.usage.input_total,
            "out": totals.usage.output,
            "usd": _usd(totals.cost_usd),
            "unpriced": totals.unpriced_calls,
        }
    )
    return [head, *(_tree_row(span, depth, hidden) for span, depth, hidden in _walk(reading.spans))]


def _tree_row(span: ReadSpan, depth: int, hidden: int) -> Row:
    facts, record = span.facts, span.record
    is_counted = not span.verdict.aggregate and not span.verdict.duplicate_of
    usage = facts.usage if is_counted else None
    return _full(
        {
            "span": record.span_id.hex(),
            "depth": depth,
            "name": one_line(facts.display or record.name, NAME_CHARACTERS),
            "ms": _ms(record.duration_us),
            "tool": facts.tool_name,
            "model": facts.model if usage else "",
            "in": usage.input_total if usage else 0,
            "out": usage.output if usage else 0,
            "usd": _usd(facts.cost_usd) if is_counted else None,
            "usd_note": span.cost.note if is_counted else "",
            "error": one_line(_message(facts, record), MESSAGE_CHARACTERS),
            "folded": hidden,
        }
    )


def _walk(spans: Sequence[ReadSpan]) -> Iterable[tuple[ReadSpan, int, int]]:
    """Yield (span, depth, folded spans below), parents first, children by start.

    A span whose parent never came is a root; spans that are one another's parents are roots
    too, so that none is lost.
    """
    known = {span.record.span_id for span in spans}
    children: dict[bytes, list[ReadSpan]] = {}
    for span in spans:
        parent = span.record.parent_span_id
        children.setdefault(parent if parent in known else b"", []).append(span)
    seen: set[bytes] = set()
    for start in (children.get(b"", []), spans):  # the second finds what a cycle hid
        stack = [(span, 0) for span in reversed(start)]
        while stack:
            span, depth = stack.pop()
            if span.record.span_id in seen:
                continue
            seen.add(span.record.span_id)
            below = children.get(span.record.span_id, [])
            shown = [child for child in below if not child.edge.flags & EdgeFlag.FOLDED]
            folded = [child for child in below if child.edge.flags & EdgeFlag.FOLDED]
            hidden, lifted = _lift(folded, children, seen)
            if not span.edge.flags & EdgeFlag.FOLDED or depth == 0:
                yield span, depth, hidden
            order = sorted((*shown, *lifted), key=lambda child: child.record.start_us)
            stack += [(child, depth + 1) for child in reversed(order)]


def _lift(
    folded: Sequence[ReadSpan], children: Mapping[bytes, Sequence[ReadSpan]], seen: set[bytes]
) -> tuple[int, list[ReadSpan]]:
    """Count the noise below a span, and return what matters beneath that noise."""
    hidden, lifted, stack = 0, [], list(folded)
    while stack:
        span = stack.pop()
        if span.record.span_id in seen:
            continue
        if not span.edge.flags & EdgeFlag.FOLDED:
            lifted.append(span)
            continue
        seen.add(span.record.span_id)
        hidden += 1
        stack += children.get(span.record.span_id, ())
    return hidden, lifted


def error_rows(spans: Iterable[Decoded]) -> list[Row]:
    """Return errors grouped by what failed and how, the latest first."""
    groups: dict[tuple[str, str, str], list[Decoded]] = {}
    for record, facts in spans:
        key = (facts.tool_name or record.name, facts.error_type, _message(facts, record)[:80])
        groups.setdefault(key, []).append((record, facts))
    rows = []
    for (name, error_type, _), group in groups.items():
        last_record, last_facts = max(group, key=lambda pair: pair[0].start_us)
        first_us = min(record.start_us for record, _ in group)
        rows.append(
            _full(
                {
                    "name": one_line(name, NAME_CHARACTERS),
                    "type": error_type,
                    "message": one_line(_message(last_facts, last_record), MESSAGE_CHARACTERS),
                    "times": len(group),
                    "first": iso_time(first_us) if len(group) > 1 else "",
                    "last": iso_time(last_record.start_us),
                    "trace": last_record.trace_id.hex(),
                    "span": last_record.span_id.hex(),
                }
            )
        )
    return sorted(rows, key=lambda row: str(row["last"]), reverse=True)


def slow_row(pair: Decoded) -> Row:
    """Return a span with how long it took."""
    record, facts = pair
    return _full(
        {
            "name": one_line(facts.display or record.name, NAME_CHARACTERS),
            "ms": _ms(record.duration_us),
            "tool": facts.tool_name,
            "model": facts.model,
            "start": iso_time(record.start_us),
            "trace": record.trace_id.hex(),
            "span": record.span_id.hex(),
        }
    )


def tool_rows(spans: Iterable[Decoded]) -> list[Row]:
    """Return tools with calls, failures and durations, the most called first."""
    groups: dict[str, list[Decoded]] = {}
    for record, facts in spans:
        groups.setdefault(facts.tool_name or record.name, []).append((record, facts))
    rows = [
        _full(
            {
                "tool": name,
                "calls": len(group),
                "errors": sum(record.status == SpanStatus.ERROR for record, _ in group),
                "p50_ms": _ms(int(median(record.duration_us for record, _ in group))),
                "max_ms": _ms(max(record.duration_us for record, _ in group)),
                "last": iso_time(max(record.start_us for record, _ in group)),
            }
        )
        for name, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-int(str(row["calls"])), str(row["tool"])))


def span_rows(span: ReadSpan, reading: TraceReading, budget_tokens: int) -> list[Row]:
    """Return one span in full: facts first, then each text cut to its share of the budget.

    Arguments and result that a tool's span leaves out are those of its events and hooks.
    """
    record, facts = span.record, span.facts
    texts = texts_of(record, span.extras())
    told = reading.tool_events.get(facts.tool_call_id) if ran_tool((record, facts)) else None
    head = _full(
        {
            "span": record.span_id.hex(),
            "parent": record.parent_span_id.hex(),
            "trace": record.trace_id.hex(),
            "name": record.name,
            "operation": facts.operation,
            "start": iso_time(record.start_us),
            "ms": _ms(record.duration_us),
            "model": facts.model,
            "tool": facts.tool_name,
            "in": facts.usage.input_total if facts.usage else 0,
            "out": facts.usage.output if facts.usage else 0,
            "usd": _usd(facts.cost_usd),
            "usd_from": span.cost.origin,
            "usd_note": span.cost.note,
            "error": one_line(_message(facts, record), MESSAGE_CHARACTERS),
        }
    )
    named = {
        "arguments": fuller(texts.tool_arguments, told.tool_arguments if told else None),
        "result": texts.tool_result or (told and told.tool_result),
        "input": texts.input_messages,
        "output": texts.output_messages,
        "attributes": {k: v for k, v in record.attributes.items() if k not in _TOLD},
    }
    present = {name: value for name, value in named.items() if value}
    share = max(budget_tokens // (len(present) + 1) - 40, 20)
    return [head, *(_text_row(name, value, share) for name, value in present.items())]


_TOLD: Final = frozenset({"input.value", "output.value", "gen_ai.input.messages"})


def _text_row(name: str, value: object, limit_tokens: int) -> Row:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    # Quotes are escaped once more in the answer, so leave room for them.
    shown, is_cut = cut_to_tokens(text, limit_tokens * 2 // 3)
    return _full({"part": name, "text": shown, "cut": len(text) if is_cut else 0})


def line_of(view: str, row: Row) -> str:
    """Return a row as one readable line."""
    if view == "tree" and "depth" in row:
        indent = INDENT * int(str(row["depth"]))
        rest = {key: value for key, value in row.items() if key not in ("depth", "span", "name")}
        return f"{indent}{row.get('name', '')} {_words(rest)} [{row['span']}]"
    return _words(row)


def _words(row: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in row.items())


def _message(facts: SpanFacts, record: SpanRecord) -> str:
    if record.status != SpanStatus.ERROR and not facts.error_type:
        return ""
    return facts.error_message or record.status_message or facts.error_type or "error"


def _ms(duration_us: int) -> float:
    return round(duration_us / 1000, 1)


def _usd(cost_usd: float | None) -> float | None:
    """Return a cost without the digits that adding floats leaves behind it."""
    return None if cost_usd is None else round(cost_usd, USD_DIGITS)


def _full(row: Row) -> Row:
    """Return the row without what says nothing; depth 0 and a cost of 0 say something."""
    return {
        key: value
        for key, value in row.items()
        if value not in ("", None, 0) or (value == 0 and key in _SAID_BY_ZERO)
    }
