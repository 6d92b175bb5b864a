"""Spans out of hook events, for agents and moments that no OpenTelemetry tells of.

They take the way of every other span: an OTLP request is made and decoded. Their ids follow from
session, turn and call alone, so that an event that comes twice makes one span.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from flowtrace_mcp.ingest.hook_reading import SCOPE
from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind
from flowtrace_mcp.ingest.otlp_json import decode_traces
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.span_writes import span_writes
from flowtrace_mcp.ingest.told_spans import (
    ERROR,
    OK,
    TURN,
    pairs_of,
    span_id_of,
    times_of,
    trace_id_of,
    usage_attributes,
)
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.telemetry import AttributeValue

# Returns the latest event of a kind that came before another in its session, and belongs to it.
FindBefore: TypeAlias = Callable[[HookEvent, HookKind], HookEvent | None]


def hook_span_writes(
    events: Sequence[HookEvent], find_before: FindBefore, prices: PriceBook
) -> list[SpanWrite]:
    """Return the spans that events stand for; most events stand for none.

    Args:
        events: In the order of their times.
        find_before: Finds the start of a tool's run, and the prompt of a turn.
        prices: What calls cost.
    """
    by_agent: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event.session:
            by_agent.setdefault(event.agent, []).extend(_spans_of(event, find_before))
    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs_of({"service.name": agent})},
                "scopeSpans": [{"scope": {"name": SCOPE.name}, "spans": spans}],
            }
            for agent, spans in by_agent.items()
            if spans
        ]
    }
    records, _ = decode_traces(msgspec.json.encode(request))
    return span_writes(records, prices)


def same_call(start: HookEvent, end: HookEvent) -> bool:
    """Say whether two events tell the start and the end of one tool's run."""
    if start.tool_call_id or end.tool_call_id:
        return start.tool_call_id == end.tool_call_id
    return (start.tool_name, start.tool_arguments) == (end.tool_name, end.tool_arguments)


def _spans_of(event: HookEvent, find_before: FindBefore) -> Iterator[dict[str, Any]]:
    if event.kind is HookKind.PROMPT:
        yield _turn_span(event, event)
    elif event.kind in _OF_A_TURN:
        prompt = find_before(event, HookKind.PROMPT)
        if event.kind is HookKind.TURN_END:
            yield _turn_span(prompt or event, event)
        elif event.kind is HookKind.TOOL_END and event.tool_name:
            yield _tool_span(event, prompt, find_before)
        elif event.usage is not None:
            yield _model_span(event, prompt)


_OF_A_TURN: Final = (HookKind.TURN_END, HookKind.TOOL_END, HookKind.MODEL_END)


def _turn_span(prompt: HookEvent, end: HookEvent) -> dict[str, Any]:
    """Return the span of a turn: begun by its prompt, and sent again at its end."""
    attributes = {
        **_who(end),
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": end.agent,
        "user_prompt": prompt.prompt,
        "output.value": end.response,
        **usage_attributes(end.usage if end.kind is HookKind.TURN_END else None),
    }
    return {
        **_ids(prompt, TURN),
        "name": f"{end.agent} turn",
        **times_of(prompt.time_us, end.time_us),
        **_outcome(end, is_over=end.kind is HookKind.TURN_END),
        "attributes": pairs_of(attributes),
    }


def _tool_span(
    event: HookEvent, prompt: HookEvent | None, find_before: FindBefore
) -> dict[str, Any]:
    start_us = event.time_us - (event.duration_us or 0)
    if event.duration_us is None:
        start = find_before(event, HookKind.TOOL_START)
        start_us = start.time_us if start else event.time_us
    attributes = {
        **_who(event),
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": event.tool_name,
        "gen_ai.tool.call.id": event.tool_call_id,
        "gen_ai.tool.call.arguments": event.tool_arguments,
        "gen_ai.tool.call.result": event.tool_result,
    }
    return {
        **_ids(prompt or event, event.tool_call_id or f"{event.tool_name} {event.time_us}"),
        **_parent(prompt or event),
        "name": f"execute_tool {event.tool_name}",
        **times_of(start_us, event.time_us),
        **_outcome(event, is_over=True),
        "attributes": pairs_of(attributes),
    }


def _model_span(event: HookEvent, prompt: HookEvent | None) -> dict[str, Any]:
    attributes = {
        **_who(event),
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": event.model,
        "output.value": event.response,
        **usage_attributes(event.usage),
    }
    return {
        **_ids(prompt or event, f"model {event.time_us}"),
        **_parent(prompt or event),
        "name": f"chat {event.model}".strip(),
        **times_of(event.time_us, event.time_us),
        **_outcome(event, is_over=True),
        "attributes": pairs_of(attributes),
    }


def turn_key(event: HookEvent) -> str:
    """Return what tells a turn from the session's others: its name, else when it began."""
    return event.turn or str(event.time_us if event.kind is HookKind.PROMPT else 0)


def _ids(turn_event: HookEvent, what: str) -> dict[str, str]:
    place = (turn_event.agent, turn_event.session, turn_key(turn_event))
    return {"traceId": trace_id_of(*place), "spanId": span_id_of(*place, what)}


def _parent(turn_event: HookEvent) -> dict[str, str]:
    """Return the turn's span as parent; nothing where no turn is known."""
    if turn_event.kind is not HookKind.PROMPT and not turn_event.turn:
        return {}
    return {"parentSpanId": _ids(turn_event, TURN)["spanId"]}


def _outcome(event: HookEvent, *, is_over: bool) -> dict[str, Any]:
    if event.is_failed:
        return {"status": {"code": ERROR, "message": event.error}}
    return {"status": {"code": OK}} if is_over else {}


def _who(event: HookEvent) -> dict[str, AttributeValue]:
    return {"session.id": event.session, "turn.id": event.turn}
