"""List log records and events, oldest first."""

from dataclasses import dataclass

from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.model.telemetry import Attributes, AttributeValue, LogRecord
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import Listed, Position, Window, first_after


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One record; None = not said."""

    time_us: int
    trace_id: str | None  # hex
    span_id: str | None
    session: str | None
    service: str | None
    event: str | None
    body: AttributeValue
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which records; empty = all."""

    trace_id: bytes = b""
    session: str = ""
    window: Window


def list_logs(
    context: Context, wanted: LogFilter, position: Position | None, limit: int
) -> Listed[LogRow]:
    """Return at most ``limit`` records, oldest first, of a trace, else a session, else all."""
    stored = context.store.list_logs(
        after=first_after(wanted.window, position),
        limit=limit,
        trace_id=wanted.trace_id,
        session_id=string_id(wanted.session),
    )
    is_full = len(stored) == limit
    until_us = wanted.window.until_us
    if until_us is not None:
        stored = [one for one in stored if one.time_us < until_us]
        is_full = is_full and len(stored) == limit
    sessions = context.store.spans.get_strings({one.session_id for one in stored})
    records = [(read_log(one.data), sessions.get(one.session_id)) for one in stored]
    last = stored[-1] if is_full else None
    return Listed(
        items=[_row(record, session) for record, session in records if _is_wanted(record, wanted)],
        next=None if last is None else Position(time_us=last.time_us, number=last.digest),
    )


def _is_wanted(record: LogRecord, wanted: LogFilter) -> bool:
    """Say whether the whole trace id fits: storage looks at its lower half."""
    return not wanted.trace_id or record.trace_id == wanted.trace_id


def _row(record: LogRecord, session: str | None) -> LogRow:
    return LogRow(
        time_us=record.time_us,
        trace_id=record.trace_id.hex() or None,
        span_id=record.span_id.hex() or None,
        session=session or None,
        service=record.resource.service_name or None,
        event=record.event_name or None,
        body=record.body,
        attributes=record.attributes,
    )
