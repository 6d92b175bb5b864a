"""All that is stored of a session, a project, a user or a time, removed for good, batch by batch."""

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.storage import (
    contents,
    edges,
    memories,
    memory_text,
    meta,
    sessions,
    traces,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.rows import int_array
from flowtrace_mcp.storage.span_deletion import delete_spans

SESSIONS_LIMIT: Final = 100_000
ALL_US: Final = (0, 2**52)
SCRUB_OWED: Final = "scrub_owed"  # a fact of the file: its log still has to be emptied

_USER_SESSIONS: Final = "SELECT session_id FROM sessions WHERE user_id = ? LIMIT ?"
_USERS: Final = "SELECT user_id FROM sessions WHERE session_id IN carray(?)"
_MEMORIES: Final = """
    SELECT memory_key FROM memories
    WHERE (:project IS NULL OR project_id = :project)
        AND (:session = '' OR session = :session) AND (:author = '' OR author = :author)
        AND recorded_us >= :since AND recorded_us < :until
    ORDER BY memory_key LIMIT :limit
"""
_LOGS_OF_SESSIONS: Final = """
    SELECT digest, resource_id FROM logs
    WHERE session_id IN carray(?) AND session_id <> 0 AND time_us >= ? AND time_us < ? LIMIT ?
"""
_POINTS_OF_SESSIONS: Final = """
    SELECT digest FROM metric_points
    WHERE session_id IN carray(?) AND session_id <> 0 AND time_us >= ? AND time_us < ? LIMIT ?
"""
_LOGS_OF_TIME: Final = (
    "SELECT digest, resource_id FROM logs WHERE time_us >= ? AND time_us < ? LIMIT ?"
)
_POINTS_OF_TIME: Final = (
    "SELECT digest FROM metric_points WHERE time_us >= ? AND time_us < ? LIMIT ?"
)
_LOGS_OF_TRACES: Final = """
    SELECT digest, resource_id FROM logs WHERE trace_id IN carray(?) AND trace_id <> 0
"""
_DELETE_LOGS: Final = "DELETE FROM logs WHERE digest IN carray(?)"
_DELETE_POINTS: Final = "DELETE FROM metric_points WHERE digest IN carray(?)"
_PROJECT_SESSIONS: Final = "SELECT session_id FROM session_projects WHERE project_id = ? LIMIT ?"
_UNBIND: Final = "DELETE FROM session_projects WHERE session_id IN carray(?)"
_FORGET_SHOWN: Final = "DELETE FROM shown_memories WHERE session = ?"
_FORGET_CHANGES: Final = "UPDATE memory_changes SET session = '' WHERE session = ?"
_FORGET_CALLS: Final = "DELETE FROM own_calls"
# A name goes from the dictionary when nothing that is left was called so.
_FORGET_NAMES: Final = """
    DELETE FROM strings WHERE string_id IN carray(?)
        AND NOT EXISTS (SELECT 1 FROM edges WHERE session_id = strings.string_id)
        AND NOT EXISTS (SELECT 1 FROM logs WHERE session_id = strings.string_id AND session_id <> 0)
        AND NOT EXISTS (
            SELECT 1 FROM metric_points WHERE session_id = strings.string_id AND session_id <> 0)
        AND string_id NOT IN (SELECT user_id FROM sessions)
        AND string_id NOT IN (SELECT name_id FROM traces)
        AND string_id NOT IN (SELECT service_id FROM traces)
        AND string_id NOT IN (SELECT agent_id FROM sessions)
        AND string_id NOT IN (SELECT agent_id FROM traces)
        AND string_id NOT IN (SELECT event_id FROM logs)
        AND string_id NOT IN (SELECT name_id FROM metric_points)
        AND string_id NOT IN (SELECT service_id FROM metric_points)
        AND string_id NOT IN (SELECT model_id FROM usage)
        AND string_id NOT IN (SELECT provider_id FROM usage)
        AND string_id NOT IN (SELECT agent_id FROM use_hours)
        AND string_id NOT IN (SELECT tool_id FROM use_hours)
        AND string_id NOT IN (SELECT tool_id FROM tool_calls)
        AND string_id NOT IN (SELECT prompt_id FROM prompt_calls)
"""
_VECTORS: Final = "SELECT int8_code FROM memory_vectors WHERE memory_key IN carray(?) LIMIT ?"
_HAS_SPANS: Final = "SELECT 1 FROM edges WHERE trace_id = ? LIMIT 1"
_FREE_PROJECT: Final = """
    UPDATE projects SET name = 'erased', identity = 'erased:' || project_id WHERE project_id = ?
"""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data: what is named must all hold.

    Attributes:
        project_id: A project; None = any.
        session: A session's name; "" = any.
        user: A user, as telemetry names them, and as the author of memories; "" = any.
        window_us: What started, or was recorded, from a time on and before another.
    """

    project_id: int | None = None
    session: str = ""
    user: str = ""
    window_us: tuple[int, int] = ALL_US

    @property
    def is_of_time_alone(self) -> bool:
        """Say whether nothing but a time is named."""
        return self.project_id is None and not self.session and not self.user


class ErasureStore:
    """Erasure in one database; each deletion is one transaction of a bounded size."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_sessions(self, subject: Subject) -> list[int]:
        """Return the unsigned ids of the sessions that a subject names; none for a time alone."""
        if subject.session:
            return [string_id(subject.session)]
        with self._database.reading() as reader:
            if subject.user:
                values = (to_signed(string_id(subject.user)), SESSIONS_LIMIT)
                return [row[0] % 2**64 for row in reader.execute(_USER_SESSIONS, values)]
            if subject.project_id is None:
                return []
            values = (subject.project_id, SESSIONS_LIMIT)
            return [row[0] % 2**64 for row in reader.execute(_PROJECT_SESSIONS, values)]

    def list_spans(
        self, subject: Subject, session_ids: Sequence[int], limit: int
    ) -> list[edges.KeyedEdge]:
        """Return some spans of a subject, of the first session that has any."""
        with self._database.reading() as reader:
            return _spans(reader, subject, session_ids, limit)

    def delete_spans(self, subject: Subject, session_ids: Sequence[int], limit: int) -> int:
        """Remove some spans of a subject, and the log records of their traces; return how many."""

        def job(connection: apsw.Connection) -> int:
            found = _spans(connection, subject, session_ids, limit)
            lows = {int.from_bytes(edge[:8], "big", signed=True) for _, edge in found}
            names = _trace_names(connection, found)
            delete_spans(connection, found)
            left = [low for low in lows if not _has_spans(connection, low)]
            _delete_logs(connection, list(connection.execute(_LOGS_OF_TRACES, (int_array(left),))))
            connection.execute(_FORGET_NAMES, (int_array(names),))
            return len(found)

        return self._database.write(job)

    def delete_records(self, subject: Subject, session_ids: Sequence[int], limit: int) -> int:
        """Remove some log records and metric points of a subject; return how many."""

        def job(connection: apsw.Connection) -> int:
            signed = int_array([to_signed(one) for one in session_ids])
            window = (*subject.window_us, limit)
            if subject.is_of_time_alone:
                logs = list(connection.execute(_LOGS_OF_TIME, window))
                points = [row[0] for row in connection.execute(_POINTS_OF_TIME, window)]
            else:
                logs = list(connection.execute(_LOGS_OF_SESSIONS, (signed, *window)))
                points = [
                    row[0] for row in connection.execute(_POINTS_OF_SESSIONS, (signed, *window))
                ]
            _delete_logs(connection, logs)
            connection.execute(_DELETE_POINTS, (int_array(points),))
            return len(logs) + len(points)

        return self._database.write(job)

    def list_memory_keys(self, subject: Subject, limit: int) -> list[int]:
        """Return some memories of a subject."""
        with self._database.reading() as reader:
            return _memory_keys(reader, subject, limit)

    def delete_memories(self, subject: Subject, limit: int) -> int:
        """Remove some memories with their words and vectors; return how many."""

        def job(connection: apsw.Connection) -> int:
            keys = _memory_keys(connection, subject, limit)
            memory_text.delete_texts(connection, keys)
            for key in keys:
                memories.delete_memory(connection, key)
            return len(keys)

        return self._database.write(job)

    def list_names(self, session_ids: Sequence[int]) -> list[int]:
        """Return the signed numbers of the names of some sessions, and of who was in them."""
        signed = [to_signed(one) for one in session_ids]
        with self._database.reading() as reader:
            users = [row[0] for row in reader.execute(_USERS, (int_array(signed),))]
        return [*signed, *users]

    def forget_names(
        self, subject: Subject, session_ids: Sequence[int], names: Sequence[int]
    ) -> None:
        """Forget what subject and sessions were called, where nothing of that name is left.

        With a time that is bounded, names stay: others may still go by them.
        """

        def job(connection: apsw.Connection) -> None:
            connection.execute(_FORGET_CALLS)
            if subject.window_us != ALL_US:
                return
            signed = [to_signed(one) for one in session_ids]
            numbers = [*names, to_signed(string_id(subject.user))]
            for session_id in session_ids:
                sessions.delete_session(connection, session_id)
            connection.execute(_UNBIND, (int_array(signed),))
            connection.execute(_FORGET_NAMES, (int_array(numbers),))
            if subject.session:
                connection.execute(_FORGET_SHOWN, (subject.session,))
                connection.execute(_FORGET_CHANGES, (subject.session,))
            if subject.project_id:
                connection.execute(_FREE_PROJECT, (subject.project_id,))

        self._database.write(job)

    def empty_log(self) -> bool:
        """Empty the write-ahead log; what cannot be done now is owed, by the file itself.

        Returns:
            Whether it is empty now.
        """
        self._database.write(lambda c: meta.update_meta(c, SCRUB_OWED, "1"))
        is_empty = self._database.scrub_log()
        if is_empty:
            self._database.write(lambda c: meta.update_meta(c, SCRUB_OWED, ""))
        return is_empty

    def owes_log(self) -> bool:
        """Say whether a log has still to be emptied, whoever was to do it."""
        with self._database.reading() as reader:
            return bool(meta.find_meta(reader, SCRUB_OWED))

    def sample_vectors(self, keys: Sequence[int], limit: int) -> list[bytes]:
        """Return the bytes of some vectors of memories, to look for them when they are gone."""
        with self._database.reading() as reader:
            return [row[0] for row in reader.execute(_VECTORS, (int_array(keys), limit))]

    def sample_texts(self, keys: Sequence[int], limit: int) -> list[str]:
        """Return the texts of some memories."""
        with self._database.reading() as reader:
            found = memories.get_memories(reader, keys[:limit])
        return [memory.content for memory in found.values()]


def _spans(
    reader: apsw.Connection, subject: Subject, session_ids: Sequence[int], limit: int
) -> list[edges.KeyedEdge]:
    if subject.is_of_time_alone:
        return edges.list_project_edges(reader, None, subject.window_us, limit)
    if subject.project_id is not None and not subject.session and not subject.user:
        return edges.list_project_edges(reader, subject.project_id, subject.window_us, limit)
    for session_id in session_ids:
        found = edges.list_session_edges(reader, session_id, subject.window_us, limit)
        if found:
            return found
    return []


def _memory_keys(reader: apsw.Connection, subject: Subject, limit: int) -> list[int]:
    values: dict[str, Any] = {
        "project": subject.project_id,
        "session": subject.session,
        "author": subject.user,
        "since": subject.window_us[0],
        "until": subject.window_us[1],
        "limit": limit,
    }
    return [row[0] for row in reader.execute(_MEMORIES, values)]


def _trace_names(reader: apsw.Connection, found: Sequence[edges.KeyedEdge]) -> set[int]:
    trace_ids = {edge[40:48][::-1] + edge[:8] for _, edge in found}
    rows = [traces.find_trace(reader, trace_id) for trace_id in trace_ids]
    return {row.name_id for row in rows if row is not None}


def _has_spans(reader: apsw.Connection, low: int) -> bool:
    return reader.execute(_HAS_SPANS, (low,)).get is not None


def _delete_logs(connection: apsw.Connection, found: Sequence[tuple[int, int]]) -> None:
    connection.execute(_DELETE_LOGS, (int_array([digest for digest, _ in found]),))
    contents.delete_unneeded(connection, {resource for _, resource in found})
