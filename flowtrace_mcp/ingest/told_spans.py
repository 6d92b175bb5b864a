"""Spans as OTLP/JSON, for what agents tell in other ways than OpenTelemetry.

Their ids follow from session, turn and what they stand for alone, so that what is told twice, or by
a hook and by a session file, makes one trace.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

OK: Final = 1
ERROR: Final = 2
TURN: Final = "turn"
_SEED: Final = "flowtrace.hooks"


def trace_id_of(agent: str, session: str, turn: str) -> str:
    """Return the id in hex of the trace of a turn."""
    return digest(TRACE_ID_BYTES, _SEED, agent, session, turn)


def span_id_of(agent: str, session: str, turn: str, what: str) -> str:
    """Return the id in hex of a span of a turn."""
    return digest(SPAN_ID_BYTES, _SEED, agent, session, turn, what)


def digest(size_bytes: int, *parts: str) -> str:
    """Return a hash in hex of texts, which hold no U+001F."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=size_bytes).hexdigest()


def times_of(start_us: int, end_us: int) -> dict[str, str]:
    """Return start and end as OTLP/JSON has them; the end is believed."""
    return {
        "startTimeUnixNano": str(min(start_us, end_us) * 1000),
        "endTimeUnixNano": str(end_us * 1000),
    }


def usage_attributes(usage: TokenUsage | None) -> dict[str, AttributeValue]:
    """Return token counts by the names of the GenAI conventions; the input includes the cache."""
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_total,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }


def pairs_of(attributes: Mapping[str, AttributeValue]) -> list[dict[str, Any]]:
    """Return attributes as OTLP/JSON has them, but for those that say nothing."""
    return [
        {"key": key, "value": _value(value)}
        for key, value in attributes.items()
        if value not in ("", None)
    ]


def _value(value: AttributeValue) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if not isinstance(value, str):
        value = msgspec.json.encode(value).decode()
    return {"stringValue": value}
