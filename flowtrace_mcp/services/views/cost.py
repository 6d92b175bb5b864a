"""What the work cost: by model, then the traces that cost most."""

from collections.abc import Iterable, Sequence
from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import NAME_CHARACTERS, Row, Rows, full, name_of, usd

DEAREST_LIMIT: Final = 5


def cost_rows(readings: Sequence[TraceReading]) -> Rows:
    """Return calls, tokens and cost by model, the dearest first, then the dearest traces."""
    groups: dict[tuple[str, str], list[ReadSpan]] = {}
    for span in _calls(readings):
        groups.setdefault((span.verdict.provider, span.verdict.model), []).append(span)
    models = [_model_row(*key, spans) for key, spans in groups.items()]
    models.sort(key=lambda row: (-float(str(row.get("usd", 0))), str(row.get("model", ""))))
    dearest = [reading for reading in readings if reading.totals.cost_usd]
    dearest.sort(key=lambda reading: -(reading.totals.cost_usd or 0))
    traces = dearest[:DEAREST_LIMIT] if len(readings) > 1 else []
    return Rows(rows=[*models, *map(_trace_row, traces)])


def _calls(readings: Iterable[TraceReading]) -> list[ReadSpan]:
    return [
        span
        for reading in readings
        for span in reading.spans
        if span.verdict.counts and span.facts.operation in MODEL_CALLS
    ]


def _model_row(provider: str, model: str, spans: Sequence[ReadSpan]) -> Row:
    usage = sum((span.facts.usage or TokenUsage() for span in spans), TokenUsage())
    costs = [span.facts.cost_usd for span in spans if span.facts.cost_usd is not None]
    used = sum(span.facts.usage is not None for span in spans)
    return full(
        {
            "model": model or "not told",
            "provider": provider,
            "calls": len(spans),
            "input": usage.input,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "reasoning": usage.reasoning,
            "usd": usd(sum(costs)) if costs else None,
            "unpriced": max(used - len(costs), 0),
        }
    )


def _trace_row(reading: TraceReading) -> Row:
    prompt = one_line(reading.hooks.prompt, NAME_CHARACTERS)
    return full(
        {
            "trace": reading.trace_id.hex(),
            "name": prompt or name_of(reading.spans[0]),
            "start": iso_time(reading.start_us),
            "calls": reading.totals.model_calls,
            "usd": usd(reading.totals.cost_usd),
        }
    )
