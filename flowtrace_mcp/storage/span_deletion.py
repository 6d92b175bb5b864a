"""Spans removed for good: the one way on which every span leaves, with all that hangs on it.

Edge, bytes, usage, words and claims go; long values, resources and scopes go with the last span or record that
needs them; the roll-ups of trace, session and hour are made again from what stays.
"""

from collections.abc import Collection, Sequence
from typing import Final

import apsw

from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage import (
    contents,
    edges,
    payloads,
    project_hours,
    prompt_calls,
    sessions,
    span_claims,
    span_text,
    tool_calls,
    traces,
    usage,
    use_hours,
)
from flowtrace_mcp.storage.rebuild import hour_of, rebuild_hour, rebuild_session, rebuild_trace

NOTHING_ELSE_GOES_US: Final = 0


def delete_spans(
    connection: apsw.Connection,
    gone: Sequence[edges.KeyedEdge],
    *,
    all_before_us: int = NOTHING_ELSE_GOES_US,
) -> None:
    """Remove spans, and make the roll-ups again without them.

    Args:
        connection: In a transaction.
        gone: The spans.
        all_before_us: The caller goes on until no span of their projects is left that ends before
            this; roll-ups that lie wholly before it go at once.
    """
    if not gone:
        return
    found = [unpack_edge(record) for _, record in gone]
    drop_spans(connection, [key for key, _ in gone])
    numbers = {to_signed(int.from_bytes(edge.span_id, "big")) for edge in found}
    span_claims.delete_claims(connection, numbers)
    whole = _delete_whole(connection, found, all_before_us)
    for edge in found:
        if edge.trace_id not in whole:
            traces.release_trace(connection, edge.trace_id, edge.timestamp_us)
        if edge.session_id not in whole:
            sessions.release_session(connection, edge.session_id, edge.timestamp_us)
    rebuild_without(connection, found, all_before_us=all_before_us)


def drop_spans(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove the rows of spans by key, and what only they needed; roll-ups stay as they are."""
    needed = payloads.list_needed_contents(connection, keys)
    edges.delete_edges(connection, keys)
    payloads.delete_payloads(connection, keys)
    usage.delete_usage(connection, keys)
    tool_calls.delete_tool_calls(connection, keys)
    span_text.delete_documents(connection, keys)
    prompt_calls.delete_prompt_calls(connection, keys)
    contents.delete_unneeded(connection, needed)


def rebuild_without(
    connection: apsw.Connection,
    gone: Collection[Edge],
    *,
    all_before_us: int = NOTHING_ELSE_GOES_US,
) -> None:
    """Make the roll-ups that some spans were in again from those that are left."""
    for trace_id in {edge.trace_id for edge in gone}:
        rebuild_trace(connection, trace_id)
    for session_id in {edge.session_id for edge in gone}:
        rebuild_session(connection, session_id)
    use_hours.mark_stale(connection, {hour_of(edge) for edge in gone})
    for project_id, hour_us in {(edge.project_id, hour_of(edge)) for edge in gone}:
        if hour_us + HOUR_US <= all_before_us:
            project_hours.delete_project_hour(connection, project_id, hour_us)
        else:
            rebuild_hour(connection, project_id, hour_us)


def _delete_whole(
    connection: apsw.Connection, gone: Collection[Edge], all_before_us: int
) -> set[bytes | int]:
    """Remove the rows of traces and sessions of which nothing will be left; return their ids."""
    whole: set[bytes | int] = set()
    for trace_id in {edge.trace_id for edge in gone}:
        trace = traces.find_trace(connection, trace_id)
        if trace is not None and trace.end_us < all_before_us:
            traces.delete_trace(connection, trace_id)
            whole.add(trace_id)
    for session_id in {edge.session_id for edge in gone}:
        session = sessions.find_session(connection, session_id)
        if session is not None and session.end_us < all_before_us:
            sessions.delete_session(connection, session_id)
            whole.add(session_id)
    return whole
