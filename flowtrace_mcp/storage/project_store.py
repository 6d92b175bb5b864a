"""Projects of one file: what each holds, and how one becomes another with all that it holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from flowtrace_mcp.model.edge import unpack_edge, with_project
from flowtrace_mcp.storage import (
    budgets,
    edges,
    memories,
    memory_changes,
    memory_text,
    memory_vectors,
    projects,
    sessions,
    span_text,
    traces,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.projects import SessionBinding
from flowtrace_mcp.storage.rebuild import ALL_TIMES_US, SPANS_LIMIT, hour_of, rebuild_hour
from flowtrace_mcp.storage.session_binding import bind_session


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCounts:
    """What a project holds; memories that are retired count too."""

    memory_count: int
    session_count: int
    span_count: int


class ProjectStore:
    """Projects of one database."""

    def __init__(self, database: Database, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us

    def count(self, project_id: int) -> ProjectCounts:
        """Return what a project holds."""
        with self._database.reading() as reader:
            return _count(reader, project_id)

    def merge(self, source_id: int, target_id: int) -> ProjectCounts:
        """Give all that a project holds to another, in one transaction.

        Whoever comes with an identity of the first is in the second from then on.

        Returns:
            What moved.
        """

        def job(connection: apsw.Connection) -> ProjectCounts:
            moved = _count(connection, source_id)
            _move_memories(connection, source_id, target_id)
            _move_spans(connection, source_id, target_id)
            budgets.move_budgets(connection, source_id, target_id)
            projects.update_merged(connection, source_id, target_id)
            return moved

        return self._database.write(job)

    def list_bindings(self, after: int | None, limit: int) -> list[SessionBinding]:
        """Return sessions and their projects; see ``projects.list_bindings``."""
        with self._database.reading() as reader:
            return projects.list_bindings(reader, after, limit)

    def bind_unbound(self, bindings: Sequence[SessionBinding]) -> int:
        """Bind sessions of another file to their projects, but for those bound here already.

        Returns:
            How many were bound.
        """

        def job(connection: apsw.Connection) -> int:
            known = projects.list_session_projects(connection, {b.session_id for b in bindings})
            fresh = [one for one in bindings if not known.get(one.session_id)]
            for one in fresh:
                project_id = projects.insert_project(
                    connection, identity=one.identity, name=one.name, now_us=one.created_us
                )
                bind_session(connection, one.session_id % 2**64, project_id)
            return len(fresh)

        return self._database.write(job)

    def rename(self, project_id: int, name: str, identity: str) -> None:
        """Call a project something else.

        Args:
            project_id: Which one.
            name: What people call it from now on.
            identity: What its name makes of it, by which it is found from now on too.
        """

        def job(connection: apsw.Connection) -> None:
            projects.update_name(connection, project_id, name)
            if projects.find_project_id(connection, identity) is None:
                alias_id = projects.insert_project(
                    connection, identity=identity, name=name, now_us=self._now_us()
                )
                projects.update_merged(connection, alias_id, project_id)

        self._database.write(job)


def _count(reader: apsw.Connection, project_id: int) -> ProjectCounts:
    return ProjectCounts(
        memory_count=memories.count_project_memories(reader, project_id),
        session_count=projects.count_project_sessions(reader, project_id),
        span_count=edges.count_project_edges(reader, project_id),
    )


def _move_memories(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    keys = memories.list_project_keys(connection, source_id)
    memory_text.update_texts_project(connection, keys, target_id)
    memory_vectors.move_vectors(connection, source_id, target_id)
    memories.update_memories_project(connection, source_id, target_id)
    memory_changes.update_changes_project(connection, source_id, target_id)


def _move_spans(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Move spans and roll-ups; the hours of both are made again from their spans."""
    projects.move_sessions(connection, source_id, target_id)
    found = edges.list_project_edges(connection, source_id, ALL_TIMES_US, SPANS_LIMIT)
    hours: set[int] = set()
    for key, record in found:
        hours.add(hour_of(unpack_edge(record)))
        edges.update_edge_project(connection, key, target_id, with_project(record, target_id))
    span_text.note_unread(connection, [key for key, _ in found])
    sessions.move_sessions(connection, source_id, target_id)
    traces.move_traces(connection, source_id, target_id)
    for hour_us in sorted(hours):
        rebuild_hour(connection, source_id, hour_us)
        rebuild_hour(connection, target_id, hour_us)
