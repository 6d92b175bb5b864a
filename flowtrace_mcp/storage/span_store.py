"""Spans in and out: edges, payloads, usage and roll-ups, together in one transaction."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import apsw
import msgspec

from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.model.ids import signed_string_id, string_id, to_signed
from flowtrace_mcp.model.span_write import SpanWrite, ToldBeside
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage import (
    arrivals,
    contents,
    edges,
    logs,
    meta,
    payloads,
    project_hours,
    projects,
    prompt_calls,
    sessions,
    span_claims,
    span_text,
    strings,
    tool_calls,
    traces,
    usage,
    use_hours,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.rebuild import measures_of_stored, rebuild_hour
from flowtrace_mcp.storage.session_binding import bind_session
from flowtrace_mcp.storage.settled_spans import SettledSpan, settle_spans
from flowtrace_mcp.storage.span_deletion import delete_spans, drop_spans, rebuild_without
from flowtrace_mcp.storage.span_rows import (
    PreparedBatch,
    PreparedSpan,
    Share,
    batch_of,
    edge_of,
    grown_from,
    hours_touched,
    prepare_batch,
    sessions_touched,
    traces_touched,
    usage_row,
    uses_touched,
)

TRACE_SPANS_LIMIT: Final = 100_000

# Bytes of an edge that a second delivery may change without meaning: clock, project, checksum,
# and the flags, which follow from the payload or were settled since.
_MEANING: Final = (slice(0, 72), slice(80, 108), slice(110, 116), slice(118, 124))

_SESSION: Final = slice(48, 56)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch of spans."""

    new_count: int
    replaced_count: int
    same_count: int  # re-sent without change


class _Fresh(msgspec.Struct):
    """A span to be written, and the older version whose place it takes."""

    span: PreparedSpan
    project_id: int
    edge: bytes
    before: edges.KeyedEdge | None


class StoredSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span read back: its edge, its original bytes and its usage."""

    edge: Edge
    payload: payloads.StoredPayload | None
    usage: usage.StoredUsage | None


class StoredTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace read back.

    Equal versions mean equal spans, costs, log records and project.
    """

    version: bytes  # a digest of 16 bytes
    spans: Sequence[StoredSpan]  # by start; none when the version was known


class _TraceRows(msgspec.Struct, frozen=True, kw_only=True):
    """What lies on disk of a trace, nothing unpacked."""

    edges: Sequence[edges.KeyedEdge]
    payloads: Sequence[payloads.PayloadRow]
    usage: Sequence[usage.UsageRow]


class SpanStore:
    """Spans, traces and sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = contents.ContentCache()

    def insert_spans(self, writes: Iterable[SpanWrite]) -> "Future[Stored]":
        """Queue spans; the future resolves when they are on disk, roll-ups included.

        Raises:
            BusyError: The write queue is full.
        """
        return self._database.submit(self.insertion(writes), is_bulk=True)

    def insertion(self, writes: Iterable[SpanWrite]) -> Callable[[apsw.Connection], Stored]:
        """Return the job that stores spans, all made ready for it here."""
        batch = prepare_batch(writes)
        return lambda connection: _insert(connection, batch, self._cache)

    def bind_session(self, session: str, project_id: int) -> int:
        """Bind a session to a project; everything of it that is stored moves along.

        Returns:
            How many spans moved; spans that name no session ("") belong to none and stay.
        """
        number = string_id(session)
        if not number:
            return 0
        with self._database.reading() as reader:
            if projects.find_session_project(reader, number) == project_id:
                return 0
        return self._database.write(lambda c: bind_session(c, number, project_id))

    def settle_spans(self, trace_id: bytes, settled: Mapping[bytes, SettledSpan]) -> int:
        """Store what a whole trace says of its model calls, by span id, in the roll-ups too.

        Returns:
            How many have changed.
        """
        return self._database.write(lambda c: settle_spans(c, trace_id, settled))

    def find_session_project(self, session: str) -> int:
        """Return the number of the project that a session is bound to, 0 when none."""
        with self._database.reading() as reader:
            return projects.find_session_project(reader, string_id(session))

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

    def list_trace_ids(self, lows: tuple[int, int], limit: int) -> list[bytes]:
        """Return ids of traces whose signed lower half lies between two, both included."""
        with self._database.reading() as reader:
            return traces.list_ids_between(reader, lows, limit)

    def find_span(self, trace_id: bytes, span_id: bytes) -> StoredSpan | None:
        """Return one span of a trace, or None."""
        number = int.from_bytes(span_id, "big", signed=True)
        with self._database.snapshot() as reader:
            same = edges.list_same_spans(reader, [number])
            keyed = [(key, unpack_edge(record)) for key, record in same]
            own = [pair for pair in keyed if pair[1].trace_id == trace_id]
            return next(iter(_with_payloads(reader, own, self._cache)), None)

    def list_span_places(self, span_ids: tuple[int, int], limit: int) -> list[tuple[bytes, bytes]]:
        """Return (trace id, span id) of spans whose signed id lies between two, newest first."""
        with self._database.reading() as reader:
            found = edges.list_spans_between(reader, span_ids, limit)
        return [(edge.trace_id, edge.span_id) for edge in map(unpack_edge, found)]

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

    def list_trace_edges(self, trace_id: bytes, limit: int = TRACE_SPANS_LIMIT) -> list[Edge]:
        """Return the edges of a trace by start, at most ``limit``."""
        with self._database.reading() as reader:
            found = edges.list_trace_edges(reader, trace_id, limit)
        return [unpack_edge(record) for _, record in found]

    def list_trace_spans(self, trace_id: bytes, limit: int = TRACE_SPANS_LIMIT) -> list[StoredSpan]:
        """Return the spans of a trace by start, with payload and usage, at most ``limit``."""
        with self._database.snapshot() as reader:
            rows = _trace_rows(reader, trace_id, limit)
            return _spans_of(reader, rows, self._cache)

    def read_trace(self, trace_id: bytes, is_known: Callable[[bytes], bool]) -> StoredTrace | None:
        """Return a trace with its version, and its spans unless the version is known.

        Args:
            trace_id: 16 bytes.
            is_known: Says of a version whether its spans need not be unpacked.

        Returns:
            None when no span of it is stored.
        """
        with self._database.snapshot() as reader:
            rows = _trace_rows(reader, trace_id, TRACE_SPANS_LIMIT)
            if not rows.edges:
                return None
            version = _version_of(reader, trace_id, rows)
            spans = [] if is_known(version) else _spans_of(reader, rows, self._cache)
        return StoredTrace(version=version, spans=spans)

    def list_edges(
        self,
        window_us: tuple[int, int],
        limit: int,
        *,
        project_id: int | None = None,
        session: str = "",
    ) -> list[tuple[int, Edge]]:
        """Return keyed edges that start in a window, newest first, without their payloads.

        Args:
            window_us: First microsecond, and the first one after.
            limit: At most so many.
            project_id: A project's number, or None for all.
            session: Only this session, when given.
        """
        with self._database.reading() as reader:
            if session:
                found = edges.list_session_edges(reader, string_id(session), window_us, limit)
            else:
                found = edges.list_project_edges(reader, project_id, window_us, limit)
        return [(key, unpack_edge(record)) for key, record in found]

    def get_spans(self, keyed: Sequence[tuple[int, Edge]]) -> list[StoredSpan]:
        """Return edges together with payload and usage, in the order given."""
        with self._database.snapshot() as reader:
            return _with_payloads(reader, keyed, self._cache)

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


def _trace_rows(reader: apsw.Connection, trace_id: bytes, limit: int) -> _TraceRows:
    found = edges.list_trace_edges(reader, trace_id, limit)
    keys = [key for key, _ in found]
    return _TraceRows(
        edges=found,
        payloads=payloads.list_payload_rows(reader, keys) if keys else [],
        usage=usage.list_usage_rows(reader, keys) if keys else [],
    )


def _version_of(reader: apsw.Connection, trace_id: bytes, rows: _TraceRows) -> bytes:
    told = logs.list_trace_digests(reader, trace_id, TRACE_SPANS_LIMIT)
    # Hooks tell of a trace in records of its session that do not name it.
    told_beside = {record[_SESSION] for _, record in rows.edges}
    beside = [
        logs.find_session_state(reader, int.from_bytes(session, "little"))
        for session in sorted(told_beside)
    ]
    stored = msgspec.msgpack.encode((rows, told, beside))
    return hashlib.blake2b(stored, digest_size=16).digest()


def _spans_of(
    reader: apsw.Connection, rows: _TraceRows, cache: contents.ContentCache
) -> list[StoredSpan]:
    kept = payloads.payloads_of_rows(reader, rows.payloads, cache)
    used = usage.usage_by_key(rows.usage)
    return [
        StoredSpan(edge=unpack_edge(record), payload=kept.get(key), usage=used.get(key))
        for key, record in rows.edges
    ]


def _with_payloads(
    reader: apsw.Connection, found: Sequence[tuple[int, Edge]], cache: contents.ContentCache
) -> list[StoredSpan]:
    keys = [key for key, _ in found]
    if not keys:
        return []
    kept = payloads.get_payloads(reader, keys, cache)
    used = usage.get_usage(reader, keys)
    return [
        StoredSpan(edge=edge, payload=kept.get(key), usage=used.get(key)) for key, edge in found
    ]


def _insert(
    connection: apsw.Connection, batch: PreparedBatch, cache: contents.ContentCache
) -> Stored:
    """Store a batch inside a transaction; the last of equal spans wins."""
    spans = _yield_to_better(connection, batch.spans)
    known = _stored_already(connection, spans)
    resent = [key for key, _ in known.values()]
    held = payloads.get_payloads(connection, resent, cache) if resent else {}
    project_of = _projects_of(connection, {span.session_id for span in spans})
    clock = int(meta.find_meta(connection, meta.CLOCK) or 0)
    fresh: list[_Fresh] = []
    same_count = 0
    for span in spans:
        project_id = project_of[span.session_id]
        edge = edge_of(span, project_id=project_id, clock=clock + 1)
        before = known.get(span.identity)
        if before is not None and _is_same(span, edge, before[1], held.get(before[0])):
            same_count += 1
            continue
        clock += 1
        fresh.append(_Fresh(span, project_id, edge, before))
    replaced = [one for one in fresh if one.before is not None]
    shrunk = _withdraw(connection, replaced) if replaced else []
    use_hours.mark_stale(connection, _hours_of(replaced))
    if replaced or len(fresh) < len(batch.spans):
        batch = batch_of([(one.span, one.project_id) for one in fresh])
    else:
        for share in batch.shares:
            share.project_id = project_of[share.session_id]
    _store(connection, fresh, batch)
    rebuild_without(connection, shrunk)
    meta.update_meta(connection, meta.CLOCK, str(clock))
    return Stored(
        new_count=len(fresh) - len(replaced),
        replaced_count=len(replaced),
        same_count=same_count,
    )


def _projects_of(connection: apsw.Connection, session_ids: Collection[int]) -> dict[int, int]:
    """Return unsigned session id -> project, 0 for those that are not bound."""
    signed = {session_id: to_signed(session_id) for session_id in session_ids}
    bound = projects.list_session_projects(connection, set(signed.values()))
    return {session_id: bound.get(number, 0) for session_id, number in signed.items()}


def _yield_to_better(
    connection: apsw.Connection, spans: Sequence[PreparedSpan]
) -> Sequence[PreparedSpan]:
    """Leave out, and take out, spans of hooks that OpenTelemetry tells as well."""
    settled = span_claims.settle_claims(connection, (span.write for span in spans))
    _remove_spans(connection, settled.withdrawn)
    if not settled.refused:
        return spans
    return [span for span in spans if span.span_number not in settled.refused]


def withdraw_told(connection: apsw.Connection, told: Sequence[ToldBeside]) -> None:
    """Take out spans of hooks that log records say OpenTelemetry tells as well."""
    _remove_spans(connection, span_claims.settle_claims(connection, told).withdrawn)


def _remove_spans(connection: apsw.Connection, numbers: Collection[int]) -> None:
    if numbers:
        delete_spans(connection, edges.list_same_spans(connection, numbers))


def _stored_already(
    connection: apsw.Connection, spans: Sequence[PreparedSpan]
) -> dict[tuple[bytes, bytes], edges.KeyedEdge]:
    same = edges.list_same_spans(connection, [span.span_number for span in spans])
    wanted = {span.identity for span in spans} if same else set()
    found = {}
    for key, edge in same:
        identity = (edge[40:48][::-1] + edge[:8], edge[8:16])
        if identity in wanted:
            found[identity] = (key, edge)
    return found


def _is_same(
    span: PreparedSpan, edge: bytes, stored: bytes, held: payloads.StoredPayload | None
) -> bool:
    """Say whether a span that is there already was sent again without change."""
    write = span.write
    return (
        held is not None
        and all(stored[part] == edge[part] for part in _MEANING)
        and (held.raw, held.encoding) == (write.raw, write.encoding)
        and (held.resource, held.scope) == (write.resource, write.scope)
    )


def _withdraw(connection: apsw.Connection, replaced: Sequence[_Fresh]) -> list[Edge]:
    """Remove the older versions of spans.

    Returns:
        Those whose roll-ups must be made again; the others' newer versions add the difference.
    """
    stale = [one.before for one in replaced if one.before is not None]
    used = usage.get_usage(connection, [key for key, _ in stale])
    drop_spans(connection, [key for key, _ in stale])
    shrunk = []
    for one, (key, record) in zip(replaced, stale, strict=True):
        edge = unpack_edge(record)
        traces.release_trace(connection, edge.trace_id, edge.timestamp_us)
        sessions.release_session(connection, edge.session_id, edge.timestamp_us)
        grown = grown_from(one.span, edge, measures_of_stored(edge, used.get(key)))
        if grown is None:
            shrunk.append(edge)
        else:
            one.span = grown
    return shrunk


def _store(connection: apsw.Connection, fresh: Sequence[_Fresh], batch: PreparedBatch) -> None:
    if not fresh:
        return
    spans = [one.span for one in fresh]
    keys = edges.free_keys(connection, [(s.write.start_us, s.span_number) for s in spans])
    arrivals.note_arrivals(connection, Signal.SPANS, lambda: [(key, key) for key in keys])
    edges.insert_edges(
        connection,
        [
            (
                key,
                one.span.span_number,
                one.span.trace_number,
                to_signed(one.span.session_id),
                one.project_id,
                one.edge,
            )
            for key, one in zip(keys, fresh, strict=True)
        ],
    )
    span_text.note_unread(connection, keys)
    payloads.insert_payloads(
        connection, [(key, span.payload) for key, span in zip(keys, spans, strict=True)]
    )
    rows = (usage_row(key, span.write) for key, span in zip(keys, spans, strict=True))
    usage.insert_usage(connection, [row for row in rows if row is not None])
    tool_calls.insert_tool_calls(connection, _named(keys, [s.write.tool for s in spans]))
    prompt_calls.insert_prompt_calls(connection, _named(keys, [s.write.prompt for s in spans]))
    strings.insert_strings(connection, batch.names)
    contents.insert_contents(connection, batch.contents)
    _add_to_rollups(connection, batch.shares)
    use_hours.mark_stale(connection, _hours_beside(keys, spans))


def _named(keys: Sequence[int], names: Sequence[str]) -> list[tuple[int, int]]:
    """Return (key, number of the name in the dictionary) of those that have a name."""
    return [(key, signed_string_id(name)) for key, name in zip(keys, names, strict=True) if name]


def _hours_of(replaced: Iterable[_Fresh]) -> set[int]:
    """Return the hours in which spans and their older versions lie."""
    keys = [one.before[0] for one in replaced if one.before is not None]
    starts = [one.span.write.start_us for one in replaced]
    return {edges.hour_of_key(key) for key in keys} | {start - start % HOUR_US for start in starts}


def _hours_beside(keys: Sequence[int], spans: Sequence[PreparedSpan]) -> set[int]:
    """Return the hours of keys that had to move out of the hour of their span's start."""
    moved = [
        (edges.hour_of_key(key), span.write.start_us - span.write.start_us % HOUR_US)
        for key, span in zip(keys, spans, strict=True)
        if key >> edges.KEY_BITS != span.write.start_us
    ]
    return {hour for pair in moved if pair[0] != pair[1] for hour in pair}


def _add_to_rollups(connection: apsw.Connection, shares: Sequence[Share]) -> None:
    sessions.add_to_sessions(connection, sessions_touched(shares))
    traces.add_to_traces(connection, traces_touched(shares))
    use_hours.add_uses(connection, uses_touched(shares))
    for addition in hours_touched(shares):
        if not project_hours.add_to_project_hour(connection, addition):
            rebuild_hour(connection, addition.project_id, addition.hour_us)
