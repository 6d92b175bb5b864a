"""Calls of models and of tools one by one, newest first: what distributions are made of."""

import struct
from dataclasses import dataclass
from typing import Any, Final

import apsw
import msgspec

from flowtrace_mcp.model.edge import EdgeFlag, SpanStatus
from flowtrace_mcp.model.span_write import MODEL_CALL_TYPES
from flowtrace_mcp.storage.edges import KEY_BITS
from flowtrace_mcp.storage.use_hours import UseFilter, span_values

# Agent and duration, and type, status, kind, environment, sensitivity and flags, of the edge.
_PARTS: Final = """
    u.edge_key, e.project_id, substr(e.edge, 1, 8), substr(e.edge, 41, 8), substr(e.edge, 57, 8), substr(e.edge, 81, 8),
    substr(e.edge, 111, 8)
"""
_MODEL_CALLS: Final = f"""
    SELECT {_PARTS}, u.provider_id, u.model_id, coalesce(p.prompt_id, 0),
        coalesce(u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens),
        coalesce(u.input_tokens, 0) + coalesce(u.cache_read_tokens, 0)
            + coalesce(u.cache_write_tokens, 0), coalesce(u.output_tokens, 0), u.cost_usd
    FROM usage AS u JOIN edges AS e ON e.edge_key = u.edge_key
        LEFT JOIN prompt_calls AS p ON p.edge_key = u.edge_key
    WHERE u.edge_key >= ? AND u.edge_key < ? AND (? OR e.project_id = ?)
        AND (? OR u.model_id = ?) AND (? OR substr(e.edge, 57, 8) = ?)
    ORDER BY u.edge_key DESC LIMIT ?
"""
_TOOL_CALLS: Final = f"""
    SELECT {_PARTS}, 0, u.tool_id, 0, NULL, 0, 0, NULL
    FROM tool_calls AS u JOIN edges AS e ON e.edge_key = u.edge_key
    WHERE u.edge_key >= ? AND u.edge_key < ? AND (? OR e.project_id = ?)
        AND (? OR ?) AND (? OR substr(e.edge, 57, 8) = ?)
    ORDER BY u.edge_key DESC LIMIT ?
"""
_WORDS: Final = struct.Struct("<HBBBBH")  # of the edge, from its type to its flags
_AGGREGATE: Final = int(EdgeFlag.AGGREGATE)
_ERROR: Final = int(SpanStatus.ERROR)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model or a tool; numbers ending in ``_id`` are of the dictionary."""

    start_us: int
    duration_us: int
    project_id: int
    trace_id: bytes
    agent_id: int
    environment: int
    provider_id: int
    name_id: int  # of the model, or the tool
    prompt_id: int  # name and version, 0 where it says none
    is_error: bool
    input_tokens: int | None  # cache included; None where no tokens are told
    output_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls of a window, and whether there were more than were read."""

    calls: list[Call]  # newest first
    is_cut: bool


def list_model_calls(reader: apsw.Connection, wanted: UseFilter, limit: int) -> Calls:
    """Return calls of models of a window, newest first, each counted once."""
    return _calls(reader, _MODEL_CALLS, wanted, limit)


def list_tool_calls(reader: apsw.Connection, wanted: UseFilter, limit: int) -> Calls:
    """Return executions of tools of a window, newest first; a model does not narrow them."""
    return _calls(reader, _TOOL_CALLS, wanted, limit)


def _calls(reader: apsw.Connection, statement: str, wanted: UseFilter, limit: int) -> Calls:
    rows = list(reader.execute(statement, (*span_values(wanted), limit + 1)))
    is_models = statement is _MODEL_CALLS
    found = [_call(row) for row in rows[:limit] if _counts(row, is_models=is_models)]
    return Calls(calls=found, is_cut=len(rows) > limit)


def _counts(row: tuple[Any, ...], *, is_models: bool) -> bool:
    span_type, *_, flags = _WORDS.unpack(row[6])
    return not flags & _AGGREGATE and (not is_models or span_type in MODEL_CALL_TYPES)


def _call(row: tuple[Any, ...]) -> Call:
    key, project_id, low, high, agent, duration, words = row[:7]
    provider_id, name_id, prompt_id, told, input_tokens, output_tokens, cost_usd = row[7:]
    _, status, _, environment, _, _ = _WORDS.unpack(words)
    return Call(
        start_us=key >> KEY_BITS,
        duration_us=int.from_bytes(duration, "little"),
        project_id=project_id,
        trace_id=high[::-1] + low,
        agent_id=int.from_bytes(agent, "little", signed=True),
        environment=environment,
        provider_id=provider_id,
        name_id=name_id,
        prompt_id=prompt_id,
        is_error=status == _ERROR,
        input_tokens=None if told is None else input_tokens,
        output_tokens=None if told is None else output_tokens,
        cost_usd=cost_usd,
    )
