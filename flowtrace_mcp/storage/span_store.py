"""Spans in and out: edges, payloads, usage and roll-ups, together in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Final

import apsw

from flowtrace_mcp.model.edge import Edge, unpack_edge, with_project
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.storage import (
    contents,
    edges,
    meta,
    payloads,
    project_hours,
    projects,
    sessions,
    strings,
    traces,
    usage,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.measures import Measures, measures_from, sum_measures
from flowtrace_mcp.storage.project_hours import HOUR_US, HourAddition
from flowtrace_mcp.storage.span_rows import (
    PreparedSpan,
    contents_of,
    edge_of,
    hours_touched,
    in_causal_order,
    measures_of,
    names_of,
    prepare_spans,
    sessions_touched,
    traces_touched,
    usage_row,
)

TRACE_SPANS_LIMIT: Final = 100_000
REBIND_SPANS_LIMIT: Final = 1_000_000
HOUR_SPANS_LIMIT: Final = 10_000_000

# Bytes of an edge that a second delivery may change without meaning: clock, project, checksum.
_MEANING: Final = (slice(0, 72), slice(80, 108), slice(110, 124))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch of spans."""

    new_count: int
    replaced_count: int
    same_count: int  # re-sent without change


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpan:
    """A span read back: its edge, its original bytes and its usage."""

    edge: Edge
    payload: payloads.StoredPayload | None
    usage: usage.StoredUsage | None


class SpanStore:
    """Spans, traces and sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert_spans(self, writes: Iterable[SpanWrite]) -> "Future[Stored]":
        """Queue spans; the future resolves when they are on disk, roll-ups included.

        Raises:
            BusyError: The write queue is full.
        """
        spans = prepare_spans(writes)
        return self._database.submit(lambda connection: _insert(connection, spans), is_bulk=True)

    def bind_session(self, session: str, project_id: int) -> int:
        """Bind a session to a project; everything of it that is stored moves along.

        Returns:
            How many spans moved.
        """
        number = string_id(session)
        with self._database.reading() as reader:
            if projects.find_session_project(reader, number) == project_id:
                return 0
        return self._database.write(lambda c: _bind_session(c, number, project_id))

    def find_trace(self, trace_id: bytes) -> traces.TraceRollup | None:
        """Return a trace's roll-up, or None."""
        with self._database.reading() as reader:
            return traces.find_trace(reader, trace_id)

    def list_traces(
        self, page: traces.Page, *, project_id: int | None = None, session: str = ""
    ) -> list[traces.TraceRollup]:
        """Return traces newest first, of a session, else a project, else all."""
        with self._database.reading() as reader:
            return traces.list_traces(
                reader, page, project_id=project_id, session_id=string_id(session)
            )

    def find_session(self, session: str) -> sessions.SessionRollup | None:
        """Return a session's roll-up, or None."""
        with self._database.reading() as reader:
            return sessions.find_session(reader, string_id(session))

    def list_sessions(
        self, page: traces.Page, project_id: int | None = None
    ) -> list[sessions.SessionRollup]:
        """Return sessions newest first, of a project or (None) of all."""
        with self._database.reading() as reader:
            return sessions.list_sessions(reader, page, project_id)

    def list_trace_spans(self, trace_id: bytes, limit: int = TRACE_SPANS_LIMIT) -> list[StoredSpan]:
        """Return the spans of a trace by start, with payload and usage, at most ``limit``."""
        with self._database.reading() as reader:
            return _with_payloads(reader, edges.list_trace_edges(reader, trace_id, limit))

    def list_spans(
        self,
        window_us: tuple[int, int],
        limit: int,
        *,
        project_id: int | None = None,
        session: str = "",
    ) -> list[StoredSpan]:
        """Return spans that start in a window, newest first, at most ``limit``."""
        with self._database.reading() as reader:
            if session:
                found = edges.list_session_edges(reader, string_id(session), window_us, limit)
            else:
                found = edges.list_project_edges(reader, project_id, window_us, limit)
            return _with_payloads(reader, found)

    def get_strings(self, ids: Iterable[int]) -> Mapping[int, str]:
        """Return signed dictionary number -> string."""
        with self._database.reading() as reader:
            return strings.get_strings(reader, ids)

    def list_project_hours(
        self, project_id: int, window_us: tuple[int, int], limit: int
    ) -> list[project_hours.ProjectHour]:
        """Return a project's hours that start in a window, oldest first."""
        with self._database.reading() as reader:
            return project_hours.list_project_hours(reader, project_id, window_us, limit)


def _with_payloads(reader: apsw.Connection, found: Sequence[edges.KeyedEdge]) -> list[StoredSpan]:
    keys = [key for key, _ in found]
    if not keys:
        return []
    kept = payloads.get_payloads(reader, keys)
    used = usage.get_usage(reader, keys)
    return [
        StoredSpan(edge=unpack_edge(edge), payload=kept.get(key), usage=used.get(key))
        for key, edge in found
    ]


def _insert(connection: apsw.Connection, spans: Sequence[PreparedSpan]) -> Stored:
    """Store a batch inside a transaction; the last of equal spans wins."""
    latest = {(span.write.trace_id, span.write.span_id): span for span in spans}
    known = _stored_already(connection, latest)
    bound = projects.list_session_projects(
        connection, {to_signed(span.session_id) for span in latest.values()}
    )
    clock = int(meta.find_meta(connection, meta.CLOCK) or 0)
    fresh: list[tuple[PreparedSpan, int, bytes]] = []
    same_count = 0
    stale: list[edges.KeyedEdge] = []
    for span in in_causal_order(list(latest.values())):
        project_id = bound.get(to_signed(span.session_id), 0)
        edge = edge_of(span, project_id=project_id, clock=clock + 1)
        before = known.get((span.write.trace_id, span.write.span_id))
        if before is not None and all(before[1][part] == edge[part] for part in _MEANING):
            same_count += 1
            continue
        if before is not None:
            stale.append(before)
        clock += 1
        fresh.append((span, project_id, edge))
    _withdraw(connection, stale)
    _store(connection, fresh)
    meta.update_meta(connection, meta.CLOCK, str(clock))
    return Stored(
        new_count=len(fresh) - len(stale), replaced_count=len(stale), same_count=same_count
    )


def _stored_already(
    connection: apsw.Connection, wanted: Mapping[tuple[bytes, bytes], PreparedSpan]
) -> dict[tuple[bytes, bytes], edges.KeyedEdge]:
    found = {}
    for key, edge in edges.list_same_spans(connection, [span_id for _, span_id in wanted]):
        identity = (edge[40:48][::-1] + edge[:8], edge[8:16])
        if identity in wanted:
            found[identity] = (key, edge)
    return found


def _store(connection: apsw.Connection, fresh: Sequence[tuple[PreparedSpan, int, bytes]]) -> None:
    if not fresh:
        return
    spans = [span for span, _, _ in fresh]
    keys = edges.free_keys(connection, [(s.write.start_us, s.write.span_id) for s in spans])
    edges.insert_edges(
        connection,
        [
            (
                key,
                int.from_bytes(span.write.span_id, "big", signed=True),
                int.from_bytes(span.write.trace_id[8:], "big", signed=True),
                to_signed(span.session_id),
                project_id,
                edge,
            )
            for key, (span, project_id, edge) in zip(keys, fresh, strict=True)
        ],
    )
    payloads.insert_payloads(
        connection,
        [
            (key, p.resource_id, p.scope_id, p.encoding, p.data, p.cuts)
            for key, p in zip(keys, (span.payload for span in spans), strict=True)
        ],
    )
    rows = (usage_row(key, span.write) for key, span in zip(keys, spans, strict=True))
    usage.insert_usage(connection, [row for row in rows if row is not None])
    strings.insert_strings(connection, names_of(spans))
    contents.insert_contents(connection, contents_of(spans))
    placed = [(span, project_id) for span, project_id, _ in fresh]
    sessions.add_to_sessions(connection, sessions_touched(placed))
    traces.add_to_traces(connection, traces_touched(placed))
    for addition in hours_touched(placed):
        project_hours.add_to_project_hour(connection, addition)


def _withdraw(connection: apsw.Connection, stale: Sequence[edges.KeyedEdge]) -> None:
    """Remove spans that a newer delivery replaces, and what they had added to the roll-ups."""
    if not stale:
        return
    keys = [key for key, _ in stale]
    used = usage.get_usage(connection, keys)
    for key, record in stale:
        edge = unpack_edge(record)
        held = measures_from(_measures(edge, used.get(key)))
        _subtract(connection, edge, Measures().minus(held))
    edges.delete_edges(connection, keys)
    payloads.delete_payloads(connection, keys)
    usage.delete_usage(connection, keys)


def _measures(edge: Edge, used: usage.StoredUsage | None) -> tuple[Any, ...]:
    return measures_of(
        edge.span_type,
        edge.status,
        edge.flags,
        used.tokens if used else None,
        used.cost_usd if used else None,
    )


def _subtract(connection: apsw.Connection, edge: Edge, removed: Measures) -> None:
    trace = traces.find_trace(connection, edge.trace_id)
    if trace is not None:
        traces.add_to_traces(connection, [replace(trace, measures=removed)])
    session = sessions.find_session(connection, edge.session_id)
    if session is not None:
        sessions.add_to_sessions(connection, [replace(session, measures=removed)])
    hour_us = edge.timestamp_us - edge.timestamp_us % HOUR_US
    project_hours.add_to_project_hour(
        connection,
        HourAddition(
            project_id=edge.project_id,
            hour_us=hour_us,
            durations_us=(),
            session_ids=frozenset(),
            measures=removed,
        ),
    )


def _bind_session(connection: apsw.Connection, session_id: int, project_id: int) -> int:
    """Move a session's spans and roll-ups to a project, hours made again from their spans."""
    projects.update_session_project(connection, session_id, project_id)
    found = edges.list_session_edges(connection, session_id, (0, 2**52), REBIND_SPANS_LIMIT)
    touched: set[tuple[int, int]] = set()
    for key, record in found:
        edge = unpack_edge(record)
        hour_us = edge.timestamp_us - edge.timestamp_us % HOUR_US
        touched |= {(edge.project_id, hour_us), (project_id, hour_us)}
        edges.update_edge_project(connection, key, project_id, with_project(record, project_id))
    sessions.update_sessions_project(connection, session_id, project_id)
    traces.update_traces_project(connection, session_id, project_id)
    for project, hour_us in sorted(touched):
        rebuild_hour(connection, project, hour_us)
    return len(found)


def rebuild_hour(connection: apsw.Connection, project_id: int, hour_us: int) -> None:
    """Make an hour's row again from its spans, which are the truth."""
    project_hours.delete_project_hour(connection, project_id, hour_us)
    found = edges.list_project_edges(
        connection, project_id, (hour_us, hour_us + HOUR_US), HOUR_SPANS_LIMIT
    )
    if not found:
        return
    used = usage.get_usage(connection, [key for key, _ in found])
    unpacked = [(unpack_edge(record), used.get(key)) for key, record in found]
    project_hours.add_to_project_hour(
        connection,
        HourAddition(
            project_id=project_id,
            hour_us=hour_us,
            durations_us=[edge.duration_us for edge, _ in unpacked],
            session_ids=frozenset(edge.session_id for edge, _ in unpacked if edge.session_id),
            measures=sum_measures([_measures(edge, use) for edge, use in unpacked]),
        ),
    )
