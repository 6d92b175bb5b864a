"""One span in full: its facts, then its texts, each cut to its share of the budget."""

from typing import Final

import msgspec

from flowtrace_mcp.analytics.tokens import cut_to_tokens
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.tool_runs import put_in_and_out
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import MESSAGE_CHARACTERS, Row, error_of, full, ms, usd

# Attributes that are already told as input and output.
_TOLD: Final = frozenset({"input.value", "output.value", "gen_ai.input.messages"})
_ROW_TOKENS: Final = 40
_LEAST_TOKENS: Final = 20


def span_rows(span: ReadSpan, reading: TraceReading, budget_tokens: int) -> list[Row]:
    """Return one span in full: facts first, then each text cut to its share of the budget.

    Arguments and result that a tool's span leaves out are those of its events and hooks.
    """
    record = span.record
    texts = texts_of(record, span.extras())
    arguments, result = texts.tool_arguments, texts.tool_result
    if span.facts.span_type is SpanType.TOOL_CALL:
        arguments, result = put_in_and_out(span, reading)
    named = {
        "arguments": arguments,
        "result": result,
        "input": texts.input_messages,
        "output": texts.output_messages,
        "attributes": {k: v for k, v in record.attributes.items() if k not in _TOLD},
    }
    present = {name: value for name, value in named.items() if value}
    share = max(budget_tokens // (len(present) + 1) - _ROW_TOKENS, _LEAST_TOKENS)
    return [_head(span), *(_text_row(name, value, share) for name, value in present.items())]


def _head(span: ReadSpan) -> Row:
    record, facts = span.record, span.facts
    return full(
        {
            "span": record.span_id.hex(),
            "parent": record.parent_span_id.hex(),
            "trace": record.trace_id.hex(),
            "name": record.name,
            "operation": facts.operation,
            "start": iso_time(record.start_us),
            "ms": ms(record.duration_us),
            "model": facts.model,
            "tool": facts.tool_name,
            "in": facts.usage.input_total if facts.usage else 0,
            "out": facts.usage.output if facts.usage else 0,
            "usd": usd(facts.cost_usd),
            "usd_from": span.cost.origin,
            "usd_note": span.cost.note,
            "error": one_line(error_of(span), MESSAGE_CHARACTERS),
        }
    )


def _text_row(name: str, value: object, limit_tokens: int) -> Row:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    # Quotes are escaped once more in the answer, so leave room for them.
    shown, is_cut = cut_to_tokens(text, limit_tokens * 2 // 3)
    return full({"part": name, "text": shown, "cut": len(text) if is_cut else 0})
