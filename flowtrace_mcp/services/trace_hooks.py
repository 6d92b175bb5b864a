"""What an agent's hooks told of a trace: its prompt, and of its tools what spans leave out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.hook_reading import event_names, hook_of, turn_id
from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind
from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.services.context import Context

HOOKS_LIMIT: Final = 10_000
# Hooks run a moment before and after what they tell of, each in a process of its own.
BESIDE_US: Final = 2_000_000
TOLD_KINDS: Final = (HookKind.PROMPT, HookKind.TOOL_START, HookKind.TOOL_END)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHooks:
    """Hook events of a trace."""

    prompt: str = ""
    calls: Mapping[str, Sequence[HookEvent]] = field(default_factory=dict)  # by call id, in order


def read_hooks(context: Context, session: str, turn: str, window_us: tuple[int, int]) -> TraceHooks:
    """Return what hooks told of a turn; without its name, of the session in a window."""
    names = event_names(*TOLD_KINDS)
    if key := turn_id(session, turn):
        found = context.store.list_trace_events(key, names, HOOKS_LIMIT)
    else:
        around_us = (window_us[0] - BESIDE_US, window_us[1] + BESIDE_US)
        found = context.store.list_session_events(session, names, around_us, HOOKS_LIMIT)[::-1]
    events = [hook_of(read_log(one.data)) for one in found]
    calls: dict[str, list[HookEvent]] = {}
    prompt = ""
    for event in events:
        if event is None:
            continue
        if event.kind is HookKind.PROMPT:
            prompt = prompt or event.prompt
        elif event.tool_call_id:
            calls.setdefault(event.tool_call_id, []).append(event)
    for told in calls.values():  # a start of the same microsecond comes before its end
        told.sort(key=lambda event: (event.time_us, event.kind is HookKind.TOOL_END))
    return TraceHooks(prompt=prompt, calls=calls)


def with_hooks(events: Mapping[str, EventFacts], hooks: TraceHooks) -> Mapping[str, EventFacts]:
    """Return what log events say of tools, by call id, completed by what hooks say."""
    if not hooks.calls:
        return events
    joined = dict(events)
    for call_id, told in hooks.calls.items():
        last = told[-1]
        known = joined.get(call_id, EventFacts(tool_call_id=call_id, tool_name=last.tool_name))
        joined[call_id] = replace(
            known,
            tool_arguments=last.tool_arguments
            if known.tool_arguments is None
            else known.tool_arguments,
            tool_result=last.tool_result if known.tool_result is None else known.tool_result,
        )
    return joined


def hook_bodies(events: Sequence[HookEvent]) -> list[dict[str, object]]:
    """Return the JSON of a call's hook events: which, when, and how long the agent says it took."""
    return [
        {"event": event.event, "time_us": event.time_us}
        | ({} if event.duration_us is None else {"duration_us": event.duration_us})
        for event in events
    ]


def fuller(own: AttributeValue, told: AttributeValue) -> AttributeValue:
    """Return a span's own arguments, or those of its event where they say the same and more."""
    if own is None:
        return told
    if isinstance(own, Mapping) and isinstance(told, Mapping) and own.items() <= told.items():
        return told
    return own
