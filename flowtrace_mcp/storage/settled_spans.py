"""What a whole trace says of its spans, stored: the roll-ups get the difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from flowtrace_mcp.model.edge import Edge, EdgeFlag, unpack_edge, with_flags
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage import edges, project_hours, sessions, traces, usage, use_hours
from flowtrace_mcp.storage.measures import Measures, measures_from
from flowtrace_mcp.storage.rebuild import SPANS_LIMIT, hour_of, measures_of_stored
from flowtrace_mcp.storage.span_rows import measures_of

_AGGREGATE = int(EdgeFlag.AGGREGATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledSpan:
    """What is known of one model call when its whole trace was read."""

    counts: bool = True  # and does not tell again what other spans tell
    cost_usd: float | None = None  # None = as it is stored


def settle_spans(
    connection: apsw.Connection, trace_id: bytes, settled: Mapping[bytes, SettledSpan]
) -> int:
    """Store what is settled of spans of a trace, by span id; return how many have changed."""
    found = edges.list_trace_edges(connection, trace_id, SPANS_LIMIT)
    keyed = [(key, record) for key, record in found if record[8:16] in settled]
    used = usage.get_usage(connection, [key for key, _ in keyed])
    return sum(
        _settle(connection, key, record, used.get(key), settled[record[8:16]])
        for key, record in keyed
    )


def _settle(
    connection: apsw.Connection,
    key: int,
    record: bytes,
    stored: usage.StoredUsage | None,
    settled: SettledSpan,
) -> bool:
    edge = unpack_edge(record)
    flags = edge.flags & ~_AGGREGATE if settled.counts else edge.flags | _AGGREGATE
    tokens, cost_usd = (stored.tokens, stored.cost_usd) if stored else (None, None)
    if stored is not None and settled.cost_usd is not None:
        cost_usd = settled.cost_usd
    has_other_cost = stored is not None and cost_usd != stored.cost_usd
    if flags == edge.flags and not has_other_cost:
        return False
    if flags != edge.flags:
        marked = with_flags(record, flags)
        edges.update_edge_project(connection, key, edge.project_id, marked)
    if has_other_cost and cost_usd is not None:
        usage.update_cost(connection, key, cost_usd)
    before = measures_of_stored(edge, stored)
    after = measures_of(edge.span_type, edge.status, flags, tokens, cost_usd)
    _add(connection, edge, _difference(after, before))
    return True


def _difference(after: tuple[Any, ...], before: tuple[Any, ...]) -> Measures:
    """Return what is to be added so that sums hold the one and not the other."""
    pairs = zip(after, before, strict=True)
    return measures_from(
        None if new is None and old is None else (new or 0) - (old or 0) for new, old in pairs
    )


def _add(connection: apsw.Connection, edge: Edge, measures: Measures) -> None:
    """Add to the three rows that a span is summed in; they are there, for it is stored."""
    start_us, end_us = edge.timestamp_us, edge.timestamp_us + edge.duration_us
    of_trace = traces.TraceRollup(
        trace_id=edge.trace_id,
        project_id=edge.project_id,
        session_id=0,
        session_us=0,
        agent_id=0,
        agent_us=0,
        service_id=0,
        service_us=0,
        name_id=0,
        name_us=0,
        start_us=start_us,
        end_us=end_us,
        measures=measures,
    )
    traces.add_to_traces(connection, [of_trace])
    if edge.session_id:
        of_session = sessions.SessionRollup(
            session_id=to_signed(edge.session_id),
            project_id=0,
            agent_id=0,
            agent_us=0,
            user_id=0,
            user_us=0,
            start_us=start_us,
            end_us=end_us,
            measures=measures,
        )
        sessions.add_to_sessions(connection, [of_session])
    of_hour = project_hours.HourAddition(
        project_id=edge.project_id,
        hour_us=hour_of(edge),
        durations_us=(),
        session_ids=frozenset(),
        measures=measures,
    )
    project_hours.add_to_project_hour(connection, of_hour)
    use_hours.mark_stale(connection, [of_hour.hour_us])
