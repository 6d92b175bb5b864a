"""What is old goes, a small batch at a time, and the file becomes as small as what is left."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import apsw

from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage import contents, edges, retention_rules
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.retention_rules import RetentionRule
from flowtrace_mcp.storage.rows import int_array
from flowtrace_mcp.storage.span_deletion import delete_spans

T = TypeVar("T")

# An edge, its indexes and its place in a pack take about so much (`bench/packing.py`).
SPAN_BYTES: Final = 251

_OLD_SPANS: Final = """
    SELECT edge_key, edge FROM edges WHERE project_id = ? AND edge_key < ?
    ORDER BY edge_key LIMIT ?
"""
# The words after AND are those of the partial indexes in ``edges.py``.
_OLD_SENSITIVE: Final = """
    SELECT edge_key, edge FROM edges WHERE project_id = ? AND edge_key < ?
        AND substr(edge, 116, 1) <> x'00'
    ORDER BY edge_key LIMIT ?
"""
_WITH_TTL: Final = """
    SELECT edge_key, edge FROM edges INDEXED BY edges_with_ttl
    WHERE substr(edge, 119, 2) <> x'0000' AND edge_key > ? ORDER BY edge_key LIMIT ?
"""
_OLDEST: Final = "SELECT min(edge_key) FROM edges"
_SIZES: Final = """
    SELECT e.edge_key, coalesce(p.length_bytes, 0) FROM edges AS e
    LEFT JOIN payloads AS p ON p.edge_key = e.edge_key
    WHERE e.project_id = ? AND e.edge_key > ? ORDER BY e.edge_key LIMIT ?
"""
_OLD_LOGS: Final = """
    SELECT l.digest, l.resource_id FROM logs AS l
    LEFT JOIN session_projects AS s ON s.session_id = l.session_id
    WHERE l.time_us < ? AND coalesce(s.project_id, 0) = ? ORDER BY l.time_us, l.digest LIMIT ?
"""
_OLD_POINTS: Final = """
    SELECT m.digest FROM metric_points AS m
    LEFT JOIN session_projects AS s ON s.session_id = m.session_id
    WHERE m.time_us < ? AND coalesce(s.project_id, 0) = ? ORDER BY m.time_us, m.digest LIMIT ?
"""
_DELETE_LOGS: Final = "DELETE FROM logs WHERE digest IN carray(?)"
_DELETE_POINTS: Final = "DELETE FROM metric_points WHERE digest IN carray(?)"
_PAGE_SPANS: Final = 5000


class RetentionStore:
    """Deletion by age of one database; every method is one transaction of a bounded size.

    Attributes:
        held_s: How long the last deletion kept others from writing, without waiting and commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.held_s = 0.0

    def list_rules(self) -> list[RetentionRule]:
        """Return all rules."""
        with self._database.reading() as reader:
            return retention_rules.list_rules(reader)

    def set_rule(self, rule: RetentionRule) -> None:
        """Set the rule of a project and sensitivity."""
        self._database.write(lambda c: retention_rules.set_rule(c, rule))

    def delete_rule(self, project_id: int, sensitivity: int) -> bool:
        """Remove a rule; say whether there was one."""
        return self._database.write(
            lambda c: retention_rules.delete_rule(c, project_id, sensitivity)
        )

    def delete_old_spans(
        self, project_id: int, before_us: int, limit: int, *, sensitivity: int = 0
    ) -> int:
        """Remove the oldest spans of a project that started before a time.

        Args:
            project_id: Which project, 0 for spans that belong to none.
            before_us: The beginning of an hour.
            limit: At most so many.
            sensitivity: Only those with any of these bits; 0 = all.

        Returns:
            How many were looked at; fewer than ``limit`` when none is left.
        """

        def job(connection: apsw.Connection) -> int:
            query = _OLD_SENSITIVE if sensitivity else _OLD_SPANS
            found = list(connection.execute(query, (project_id, edges.first_key(before_us), limit)))
            if sensitivity:
                found = [one for one in found if unpack_edge(one[1]).sensitivity & sensitivity]
            delete_spans(connection, found, all_before_us=0 if sensitivity else before_us)
            return len(found)

        return self._timed(job)

    def delete_outlived_spans(self, now_us: int, after_key: int, limit: int) -> tuple[int, int]:
        """Remove spans whose own time to live is over, from a key on.

        Returns:
            The last key that was looked at, -1 at the end, and how many went.
        """

        def job(connection: apsw.Connection) -> tuple[int, int]:
            page = list(connection.execute(_WITH_TTL, (after_key, limit)))
            over = []
            for key, record in page:
                edge = unpack_edge(record)
                if edge.timestamp_us + edge.ttl_hours * HOUR_US <= now_us:
                    over.append((key, record))
            delete_spans(connection, over)
            return (page[-1][0] if len(page) == limit else -1), len(over)

        return self._timed(job)

    def delete_old_records(self, project_id: int, before_us: int, limit: int) -> int:
        """Remove the oldest log records and metric points; return how many."""

        def job(connection: apsw.Connection) -> int:
            values = (before_us, project_id, limit)
            logs = list(connection.execute(_OLD_LOGS, values))
            points = [row[0] for row in connection.execute(_OLD_POINTS, values)]
            _delete_records(connection, logs, points)
            return max(len(logs), len(points))

        return self._timed(job)

    def _timed(self, job: Callable[[apsw.Connection], T]) -> T:
        def timed(connection: apsw.Connection) -> T:
            began_s = time.monotonic()
            answer = job(connection)
            self.held_s = time.monotonic() - began_s
            return answer

        return self._database.submit(timed, is_bulk=True).result()

    def cutoff_for_bytes(self, project_id: int, keep_bytes: int) -> int:
        """Return the time before which a project's spans must go to fit; 0 when they do.

        Sizes are those of the bytes that were sent, and of an edge with its indexes.
        """
        sizes: list[tuple[int, int]] = []
        after, cutoff_us = -1, 0
        with self._database.snapshot() as reader:
            while page := list(reader.execute(_SIZES, (project_id, after, _PAGE_SPANS))):
                sizes += [(key, SPAN_BYTES + size) for key, size in page]
                after = page[-1][0]
        excess = sum(size for _, size in sizes) - keep_bytes
        for key, size in sizes:
            if excess <= 0:
                break
            excess -= size
            cutoff_us = _next_hour(key >> edges.KEY_BITS)
        return cutoff_us

    def oldest_us(self) -> int | None:
        """Return when the oldest span started, None when there is none."""
        with self._database.reading() as reader:
            key = reader.execute(_OLDEST).get
        return None if key is None else int(key) >> edges.KEY_BITS

    def used_bytes(self) -> int:
        """Return how many bytes of the file hold something."""
        with self._database.snapshot() as reader:
            pages = reader.pragma("page_count") - reader.pragma("freelist_count")
            return int(pages * reader.pragma("page_size"))

    def free_bytes(self) -> int:
        """Return how many bytes of the file hold nothing."""
        with self._database.snapshot() as reader:
            return int(reader.pragma("freelist_count") * reader.pragma("page_size"))

    def shrink(self, pages: int) -> None:
        """Give free pages back to the system; the file is shorter after the next checkpoint."""

        def job(connection: apsw.Connection) -> None:
            for _ in connection.execute(f"PRAGMA incremental_vacuum({pages})"):
                pass

        self._database.submit(job, is_bulk=True).result()


def _delete_records(
    connection: apsw.Connection, logs: Sequence[tuple[int, int]], points: Sequence[int]
) -> None:
    connection.execute(_DELETE_LOGS, (int_array([digest for digest, _ in logs]),))
    contents.delete_unneeded(connection, {resource for _, resource in logs})
    connection.execute(_DELETE_POINTS, (int_array(points),))


def _next_hour(moment_us: int) -> int:
    return (moment_us // HOUR_US + 1) * HOUR_US
