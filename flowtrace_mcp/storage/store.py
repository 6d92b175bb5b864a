"""The one concrete store that services receive."""

import functools
import importlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.model.span_write import SpanWrite, ToldBeside
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.storage import (
    edges,
    leases,
    logs,
    memories,
    meta,
    metric_points,
    projects,
    sessions,
    strings,
    traces,
)
from flowtrace_mcp.storage.access_store import AccessStore
from flowtrace_mcp.storage.change_store import ChangeStore
from flowtrace_mcp.storage.contents import insert_contents
from flowtrace_mcp.storage.database import Connection, Database
from flowtrace_mcp.storage.erasure_store import ErasureStore
from flowtrace_mcp.storage.forward_store import ForwardStore
from flowtrace_mcp.storage.live_copy import CopyStore
from flowtrace_mcp.storage.memory_journal import MemoryJournal
from flowtrace_mcp.storage.memory_store import MemoryStore
from flowtrace_mcp.storage.migrate import file_version
from flowtrace_mcp.storage.own_call_store import OwnCallStore
from flowtrace_mcp.storage.project_store import ProjectStore
from flowtrace_mcp.storage.record_store import RecordStore
from flowtrace_mcp.storage.retention_store import RetentionStore
from flowtrace_mcp.storage.span_pages import SpanPages
from flowtrace_mcp.storage.span_store import SpanStore, withdraw_told
from flowtrace_mcp.storage.span_text_store import SpanTextStore
from flowtrace_mcp.storage.transcript_store import TranscriptStore
from flowtrace_mcp.storage.use_store import UseStore
from flowtrace_mcp.storage.vector_search import EXACT_VECTORS

if TYPE_CHECKING:
    from flowtrace_mcp.storage.budget_store import BudgetStore
    from flowtrace_mcp.storage.health_store import HealthStore

PROJECTS_LIMIT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """The honest figures of the file."""

    data_folder_id: str
    schema_version: int
    file_bytes: int
    log_bytes: int  # write-ahead log
    memory_count: int
    span_count: int
    trace_count: int
    session_count: int
    log_count: int
    metric_point_count: int
    write_refusal: FlowtraceError | None


class Store:
    """Memories, spans, logs, metrics and projects of one file.

    Args:
        path: The database file.
        now_us: Microseconds since the epoch.
        durable: Whether every commit waits for the disk.
        exact_vectors: Up to so many vectors of a project, a search by meaning scores every one.
    """

    def __init__(
        self,
        path: Path,
        now_us: Callable[[], int],
        *,
        durable: bool = True,
        exact_vectors: int = EXACT_VECTORS,
    ) -> None:
        self._database = Database(path, now_us, durable=durable)
        self._now_us = now_us
        self.path = path
        self.memories = MemoryStore(self._database, exact_vectors)
        self.records = RecordStore(self._database)
        self.journal = MemoryJournal(self._database)
        self.spans = SpanStore(self._database)
        self.uses = UseStore(self._database)
        self.forwardings = ForwardStore(self._database)
        self.own_calls = OwnCallStore(self._database)
        self.transcripts = TranscriptStore(self._database)
        self.projects = ProjectStore(self._database, now_us)
        self.access = AccessStore(self._database)
        self.erasure = ErasureStore(self._database)
        self.retention = RetentionStore(self._database)
        self.span_pages = SpanPages(self._database)
        self.span_texts = SpanTextStore(self._database)
        self.changes = ChangeStore(self._database)
        self.copies = CopyStore(self._database)

    # A process that nobody asks for these does without their code.
    @functools.cached_property
    def budgets(self) -> "BudgetStore":
        """Return the budgets."""
        module = importlib.import_module("flowtrace_mcp.storage.budget_store")
        found: BudgetStore = module.BudgetStore(self._database)
        return found

    @functools.cached_property
    def health(self) -> "HealthStore":
        """Return the figures of the file."""
        module = importlib.import_module("flowtrace_mcp.storage.health_store")
        found: HealthStore = module.HealthStore(self._database, self._now_us)
        return found

    @functools.cached_property
    def data_folder_id(self) -> str:
        """Return the id by which processes tell that they share a file."""
        with self._database.reading() as reader:
            return meta.find_meta(reader, meta.DATA_FOLDER_ID) or ""

    def restored_mark(self) -> str:
        """Return what changes whenever a backup takes the place of the content."""
        with self._database.reading() as reader:
            return meta.find_meta(reader, meta.RESTORED) or ""

    def facts(self) -> StoreFacts:
        """Return counts and sizes."""
        log_path = self.path.with_name(self.path.name + "-wal")
        data_folder_id = self.data_folder_id
        with self._database.reading() as reader:
            return StoreFacts(
                data_folder_id=data_folder_id,
                schema_version=file_version(reader),
                file_bytes=self.path.stat().st_size,
                log_bytes=log_path.stat().st_size if log_path.exists() else 0,
                memory_count=memories.count_memories(reader),
                span_count=edges.count_edges(reader),
                trace_count=traces.count_traces(reader),
                session_count=sessions.count_sessions(reader),
                log_count=logs.count_logs(reader),
                metric_point_count=metric_points.count_points(reader),
                write_refusal=self._database.write_refusal,
            )

    def project_id(self, identity: str, name: str) -> int:
        """Return the number of a project, giving it one when it is new."""
        identity, name = storable(identity), storable(name)  # a folder's name may be any bytes
        with self._database.reading() as reader:
            known = projects.find_project_id(reader, identity)
        if known is not None:
            return known
        return self._database.write(
            lambda c: projects.insert_project(
                c, identity=identity, name=name, now_us=self._now_us()
            )
        )

    def find_project_named(self, name: str) -> int | None:
        """Return the number of the first project of that name, or None."""
        with self._database.reading() as reader:
            return projects.find_project_named(reader, storable(name))

    def list_projects(self) -> list[projects.StoredProject]:
        """Return all projects in the order of their numbers."""
        with self._database.reading() as reader:
            return projects.list_projects(reader, PROJECTS_LIMIT)

    def insert_logs(
        self,
        rows: Sequence[logs.LogRow],
        names: Sequence[str],
        shared: dict[int, bytes],
        told: Sequence[ToldBeside] = (),
    ) -> "Future[int]":
        """Queue log records; resolves to how many were new, once on disk.

        Args:
            rows: The records.
            names: Strings that stand as numbers in the rows.
            shared: Content id -> bytes of resources.
            told: What the records say that hooks tell as well.
        """

        def job(connection: Connection) -> int:
            strings.insert_strings(connection, names)
            insert_contents(connection, shared)
            if told:
                withdraw_told(connection, told)
            return logs.insert_logs(connection, rows)

        return self._database.submit(job, is_bulk=True)

    def insert_hooks(
        self,
        rows: Sequence[logs.LogRow],
        names: Sequence[str],
        shared: dict[int, bytes],
        writes: Sequence[SpanWrite],
    ) -> "Future[int]":
        """Queue log records and the spans made of them, ahead of what nobody waits for.

        An agent stands still until they are on disk, so both are one commit.
        """
        insert_spans = self.spans.insertion(writes) if writes else None

        def job(connection: Connection) -> int:
            strings.insert_strings(connection, names)
            insert_contents(connection, shared)
            if insert_spans is not None:
                insert_spans(connection)
            return logs.insert_logs(connection, rows)

        return self._database.submit(job)

    def insert_points(
        self, rows: Sequence[metric_points.MetricRow], names: Sequence[str]
    ) -> "Future[int]":
        """Queue metric points; resolves to how many were new, once on disk."""

        def job(connection: Connection) -> int:
            strings.insert_strings(connection, names)
            return metric_points.insert_points(connection, rows)

        return self._database.submit(job, is_bulk=True)

    def list_logs(
        self, *, after: tuple[int, int], limit: int, trace_id: bytes = b"", session_id: int = 0
    ) -> list[logs.StoredLog]:
        """Return log records oldest first; see ``logs.list_logs``."""
        with self._database.reading() as reader:
            return logs.list_logs(
                reader, after=after, limit=limit, trace_id=trace_id, session_id=session_id
            )

    def list_trace_events(
        self, trace_id: bytes, events: Iterable[str], limit: int
    ) -> list[logs.StoredLog]:
        """Return a trace's log records by event name; see ``logs.list_trace_events``."""
        with self._database.reading() as reader:
            return logs.list_trace_events(reader, trace_id, events, limit)

    def list_session_events(
        self, session: str, events: Iterable[str], window_us: tuple[int, int], limit: int
    ) -> list[logs.StoredLog]:
        """Return a session's log records by event name, newest first."""
        with self._database.reading() as reader:
            return logs.list_session_events(reader, string_id(session), events, window_us, limit)

    def list_points(
        self,
        *,
        after: tuple[int, int],
        limit: int,
        name_id: int = 0,
        service_id: int = 0,
        session_id: int = 0,
    ) -> list[metric_points.StoredPoint]:
        """Return metric points oldest first; see ``metric_points.list_points``."""
        with self._database.reading() as reader:
            return metric_points.list_points(
                reader,
                after=after,
                limit=limit,
                name_id=name_id,
                service_id=service_id,
                session_id=session_id,
            )

    def take_lease(self, name: str, owner: str, duration_us: int) -> bool:
        """Take or renew a lease; say whether ``owner`` now has it."""
        now_us = self._now_us()
        window_us = (now_us, now_us + duration_us)
        return self._database.write(lambda c: leases.take_lease(c, name, owner, window_us))

    def scrub_log(self) -> bool:
        """Empty the write-ahead log; see ``Database.scrub_log``."""
        return self._database.scrub_log()

    def check(self) -> list[str]:
        """Return what SQLite's integrity check finds wrong; nothing when all is well."""
        with self._database.reading() as reader:
            found = [str(row[0]) for row in reader.execute("PRAGMA integrity_check(100)")]
        return [] if found == ["ok"] else found

    def stop_writing(self) -> None:
        """Finish the commit under way and take no more; for an exit that cannot wait."""
        self._database.stop_writing()

    def close(self) -> None:
        """Stop writing and close every connection."""
        self._database.close()
