"""Spans out of the log events of Claude Code, where it sends events and no traces.

Traces have to be switched on beside events, so many senders tell their calls, tokens and costs in
events alone. An event inside a trace names it, and then the trace tells more.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from flowtrace_mcp.ingest.event_facts import EventFacts, event_facts_of
from flowtrace_mcp.ingest.span_facts import text
from flowtrace_mcp.ingest.transcripts.claude_code import AGENT, PROVIDER
from flowtrace_mcp.ingest.transcripts.shape import ToldSpan
from flowtrace_mcp.ingest.transcripts.telling import Called, Teller
from flowtrace_mcp.model.telemetry import AttributeValue, LogRecord

_PREFIX: Final = "claude_code."
_SCOPE: Final = "com.anthropic.claude_code"
_PROMPT: Final = "user_prompt"
_CALL: Final = "api_request"
_FAILED_CALL: Final = "api_error"
_TOOL: Final = "tool_result"
_TELLING: Final = frozenset((_PROMPT, _CALL, _FAILED_CALL, _TOOL))


def spans_of_events(records: Iterable[LogRecord]) -> list[ToldSpan]:
    """Return the turns, model calls and tools that events outside of any trace tell."""
    told = []
    for record in records:
        name = record.event_name.removeprefix(_PREFIX)
        if name in _TELLING and not record.trace_id and record.scope.name.startswith(_SCOPE):
            facts = event_facts_of(record)
            if facts.session:
                told.append(_span(name, record, facts))
    return told


def _span(name: str, record: LogRecord, facts: EventFacts) -> ToldSpan:
    teller = Teller(
        agent=AGENT,
        session=facts.session,
        turn=facts.turn,
        version=text(record.resource.attributes.get("service.version")),
    )
    end_us = record.time_us
    window_us = (end_us - (facts.duration_us or 0), end_us)
    if name == _PROMPT:
        return teller.turn_span(end_us, end_us, text(record.attributes.get("prompt")), "")
    error = text(record.attributes.get("error"))
    if name == _TOOL:
        # A call of the same tool in a session file has another id, so that one of them gives way.
        key = facts.tool_call_id or f"{facts.session} {facts.tool_name} {end_us}"
        is_failed = text(record.attributes.get("success")).lower() == "false"
        span = teller.tool_span(
            Called(key=key, window_us=window_us, error=(error or "error") if is_failed else ""),
            name=facts.tool_name,
            arguments=facts.tool_arguments,
            result=facts.tool_result,
        )
        return replace(span, key=f"event {key}")
    request_id = text(record.attributes.get("request_id"))
    is_failed = name == _FAILED_CALL
    more: dict[str, AttributeValue] = {
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.response.id": request_id,
        "gen_ai.usage.cost": facts.cost_usd,
        "cache_creation_1h_tokens": facts.cache_write_1h,
    }
    span = teller.model_span(
        Called(
            key=f"event {request_id or f'{facts.session} {end_us}'}",
            window_us=window_us,
            error=(error or "error") if is_failed else "",
        ),
        model=facts.model,
        usage=facts.usage,
    )
    return replace(span, attributes={**span.attributes, **more})
