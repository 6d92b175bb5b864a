"""A stored span's cost changes, and the roll-ups with it: only the difference is added."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import apsw

from flowtrace_mcp.model.edge import Edge, EdgeFlag, unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage import edges, project_hours, sessions, traces, usage
from flowtrace_mcp.storage.measures import Measures
from flowtrace_mcp.storage.rebuild import SPANS_LIMIT, hour_of

_NOTHING: Final = Measures()


def update_costs(
    connection: apsw.Connection, trace_id: bytes, costs_usd: Mapping[bytes, float]
) -> int:
    """Give spans of a trace other costs, by span id; return how many had another."""
    found = [(key, unpack_edge(record)) for key, record in _edges(connection, trace_id, costs_usd)]
    used = usage.get_usage(connection, [key for key, _ in found])
    count = 0
    for key, edge in found:
        stored, cost_usd = used.get(key), costs_usd[edge.span_id]
        if stored is None or stored.cost_usd == cost_usd:
            continue
        usage.update_cost(connection, key, cost_usd)
        count += 1
        if not edge.flags & EdgeFlag.AGGREGATE:  # an aggregate's cost is in no sum
            _add(connection, edge, cost_usd - (stored.cost_usd or 0))
    return count


def _edges(
    connection: apsw.Connection, trace_id: bytes, costs_usd: Mapping[bytes, float]
) -> list[edges.KeyedEdge]:
    found = edges.list_trace_edges(connection, trace_id, SPANS_LIMIT)
    return [(key, record) for key, record in found if record[8:16] in costs_usd]


def _add(connection: apsw.Connection, edge: Edge, more_usd: float) -> None:
    """Add to the three rows that a span is summed in; they are there, for it is stored."""
    measures = replace(_NOTHING, cost_usd=more_usd)
    start_us, end_us = edge.timestamp_us, edge.timestamp_us + edge.duration_us
    traces.add_to_traces(
        connection,
        [
            traces.TraceRollup(
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
        ],
    )
    if edge.session_id:
        sessions.add_to_sessions(
            connection,
            [
                sessions.SessionRollup(
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
            ],
        )
    project_hours.add_to_project_hour(
        connection,
        project_hours.HourAddition(
            project_id=edge.project_id,
            hour_us=hour_of(edge),
            durations_us=(),
            session_ids=frozenset(),
            measures=measures,
        ),
    )
