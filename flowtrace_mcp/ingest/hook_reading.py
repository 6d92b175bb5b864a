"""A hook's bytes to its meaning and to the log record that keeps them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from flowtrace_mcp.ingest import (
    hooks_claude_code,
    hooks_cline,
    hooks_codex,
    hooks_cursor,
    hooks_gemini,
    hooks_windsurf,
)
from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said
from flowtrace_mcp.ingest.log_writes import LogWrites, log_writes
from flowtrace_mcp.ingest.span_claims import HOOKS_SCOPE
from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.model.telemetry import AttributeValue, LogRecord, Resource, Scope
from flowtrace_mcp.model.text import UNDECODABLE, storable

SCOPE: Final = Scope(name=HOOKS_SCOPE)
UNKNOWN: Final = "unknown"  # the event of what cannot be read
_AGENTS: Final = (
    hooks_claude_code,
    hooks_codex,
    hooks_gemini,
    hooks_cursor,
    hooks_windsurf,
    hooks_cline,
)
PARSERS: Final[Mapping[str, Callable[[Said], HookEvent]]] = {
    module.AGENT: module.parse for module in _AGENTS
}
EVENTS: Final[Mapping[str, Mapping[str, HookKind]]] = {
    module.AGENT: module.EVENTS for module in _AGENTS
}
_DEEPEST: Final = 60
_NAME_CHARACTERS: Final = 100
_INT64: Final = 2**63


def read_hook(agent: str, body: bytes, time_us: int) -> tuple[HookEvent, AttributeValue]:
    """Return what an event means, and all of it as it can be kept; never fails.

    Args:
        agent: A key of ``PARSERS``.
        body: What the agent wrote: JSON, or anything.
        time_us: When the hook ran.
    """
    said = _decoded(body)
    event = PARSERS[agent](Said(said))
    return replace(event, time_us=time_us, event=event.event[:_NAME_CHARACTERS]), said


def hook_of(record: LogRecord) -> HookEvent | None:
    """Return the meaning of a kept event; None for a record that is no hook's."""
    agent = event_agent(record.event_name)
    if agent not in PARSERS:
        return None
    return replace(PARSERS[agent](Said(record.body)), time_us=record.time_us)


def event_name(agent: str, event: str) -> str:
    """Return the name under which an agent's event is kept."""
    return f"hook.{agent}.{event or UNKNOWN}"


def event_names(*kinds: HookKind, agent: str = "") -> list[str]:
    """Return the names of all events of some kinds, of one agent or of all."""
    return [
        event_name(name, event)
        for name, events in EVENTS.items()
        for event, kind in events.items()
        if kind in kinds and agent in ("", name)
    ]


def event_agent(name: str) -> str:
    """Return the agent in an event's name, "" when it is no hook's."""
    prefix, _, rest = name.partition(".")
    return rest.partition(".")[0] if prefix == "hook" else ""


def turn_id(session: str, turn: str) -> bytes:
    """Return the 16-byte id under which the events of a turn are found, empty when it has no name.

    It stands where the trace id of other records does, and no trace has it.
    """
    if not (session and turn):
        return b""
    return bytes(8) + string_id(f"hooks\x1f{session}\x1f{turn}").to_bytes(8, "big")


def hook_rows(read: Sequence[tuple[HookEvent, AttributeValue]]) -> LogWrites:
    """Return the rows that keep events, to be found by their turns."""
    writes = log_writes([hook_record(event, said) for event, said in read])
    for at, (event, _) in enumerate(read):
        number = int.from_bytes(turn_id(event.session, event.turn)[8:], "big", signed=True)
        row = writes.rows[at]
        writes.rows[at] = (*row[:2], number, *row[3:])
    return writes


def hook_record(event: HookEvent, said: AttributeValue) -> LogRecord:
    """Return the log record that keeps an event whole."""
    told: dict[str, AttributeValue] = {
        "session.id": event.session,
        "prompt.id": event.turn,
        "gen_ai.tool.name": event.tool_name,
        "gen_ai.tool.call.id": event.tool_call_id,
        "gen_ai.request.model": event.model,
        "duration_ms": None if event.duration_us is None else event.duration_us / 1000,
        "error.message": event.error if event.is_failed else "",
        "folder": event.folder,
    }
    return LogRecord(
        time_us=event.time_us,
        trace_id=b"",
        span_id=b"",
        severity=0,
        event_name=event_name(event.agent, event.event),
        body=said,
        attributes={name: value for name, value in told.items() if value not in ("", None)},
        resource=Resource(attributes={"service.name": event.agent}),
        scope=SCOPE,
    )


def _decoded(body: bytes) -> AttributeValue:
    """Return JSON in a form that can be kept, else the bytes as text."""
    try:
        return _kept(msgspec.json.decode(body))
    except UNDECODABLE:
        pass
    try:
        # An agent that cuts a text may cut a character in two, which only this reader forgives.
        return _kept(json.loads(body))
    except (ValueError, RecursionError):
        return storable(body.decode("utf-8", "replace"))


def _kept(value: Any, depth: int = 0) -> AttributeValue:
    """Return a JSON value that MessagePack, SQLite and UTF-8 can hold; what is too deep as text."""
    if not isinstance(value, list | dict):
        return _kept_leaf(value)
    if depth > _DEEPEST:
        return storable(json.dumps(value))
    if isinstance(value, list):
        return [_kept(item, depth + 1) for item in value]
    return {storable(name): _kept(item, depth + 1) for name, item in value.items()}


def _kept_leaf(value: Any) -> AttributeValue:
    if isinstance(value, str):
        return storable(value)
    is_too_large = isinstance(value, int) and not -_INT64 <= value < _INT64
    is_no_number = isinstance(value, float) and not math.isfinite(value)
    kept: AttributeValue = str(value) if is_too_large or is_no_number else value
    return kept
