"""The live file copied out while others write to it, and a copy put in its place under them.

Both go page by page through SQLite's backup interface. A copy that is put in place is one
transaction of the write-ahead log: other connections, of this process and of others, see the
former content until it commits and the new one after, and none of them has to be opened anew.

The live file is never opened but through SQLite: closing any other descriptor of it would drop
the locks that this process holds on it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
"""

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from flowtrace_mcp.errors import BusyError, DamagedError
from flowtrace_mcp.storage import (
    api_keys,
    audit,
    edges,
    logs,
    memories,
    meta,
    metric_points,
    sessions,
    traces,
)
from flowtrace_mcp.storage.connection import BUSY_LIMIT_S, connect, storage_errors
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.file_copy import STEP_PAGES, Note, copy_database, share_done
from flowtrace_mcp.storage.migrate import (
    APPLICATION_ID,
    file_version,
    migrate,
    needs_migration,
    refuse_foreign,
    refuse_newer,
)
from flowtrace_mcp.storage.projects import list_projects

PROJECTS_LIMIT: Final = 65_535
_PROBLEMS_SHOWN: Final = 5

# Numbers that are never given twice stay so: caches rest on it.
_SEQUENCES: Final = "SELECT name, seq FROM sqlite_sequence"
_RAISE: Final = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
_BEGIN_AT: Final = """
    INSERT INTO sqlite_sequence (name, seq) SELECT :name, :seq
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)
"""
_KEEP_PROJECT: Final = """
    INSERT INTO projects (project_id, identity, name, created_us) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
# What SQLite keeps for its planner is no table of anybody's.
_OBJECTS: Final = (
    "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_stat%' ESCAPE '~'"
)
_FORGET_LEASES: Final = "DELETE FROM leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFacts:
    """What a copy holds."""

    schema_version: int
    data_folder_id: str
    counts: Mapping[str, int]


class CopyStore:
    """Copies of one database, and their way back into it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def copy_to(self, target: Path, note: Note = lambda _: None) -> CopyFacts:
        """Write the file as it is now to a new path, a file that stands alone.

        Args:
            target: Nothing is there yet.
            note: Is told how far it is.

        Raises:
            DamagedError: The live file does not hold together; the copy is there nevertheless.
            StorageError: The disk is full, or the file cannot be read.
        """
        copy_database(self._database.path, target, note)
        return inspect_copy(target)

    def copy_raw(self, target: Path, *, is_paced: bool = True) -> None:
        """Write every page of the file as it is now to a new path, whatever state it is in."""
        copy_database(self._database.path, target, is_paced=is_paced)

    def replace_with(
        self, prepared: Path, before: Callable[[], None], note: Note = lambda _: None
    ) -> None:
        """Put a prepared copy in the place of the live content, in one transaction.

        Args:
            prepared: From ``prepare``.
            before: Called once nobody can write any more: what was answered until then is in
                the file, and can be kept.
            note: Is told how far it is.

        Raises:
            BusyError: Another process writes without end.
        """
        with storage_errors(), closing(connect(self._database.path, writable=True)) as live:
            refuse_newer(live)
            with closing(_open_alone(prepared)) as source:
                replace_content(live, source, before, note)
        self._database.scrub_log()

    def prepare(self, copy: Path, now_us: int) -> None:
        """Make a copy fit to take the live content's place.

        The folder's id, the projects' numbers, the keys and the record of access stay as they are
        now: a key that was revoked since is not in force again.

        Raises:
            NewerFileError: A newer Flowtrace wrote it.
            DamagedError: It is not ours, or does not hold together.
        """
        with (
            storage_errors(),
            closing(_open_alone(copy)) as connection,
            self._database.snapshot() as reader,
        ):
            _upgrade(connection, now_us)
            with connection:
                meta.update_meta(connection, meta.RESTORED, uuid.uuid4().hex)
                connection.execute(_FORGET_LEASES)
                for carry in (_carry_id, api_keys.carry_keys, audit.carry_entries, _carry_numbers):
                    with suppress(apsw.CorruptError):  # a damaged file is what is restored over
                        carry(reader, connection)


def _carry_id(reader: apsw.Connection, connection: apsw.Connection) -> None:
    folder_id = meta.find_meta(reader, meta.DATA_FOLDER_ID)
    if folder_id:
        meta.update_meta(connection, meta.DATA_FOLDER_ID, folder_id)


def _carry_numbers(reader: apsw.Connection, connection: apsw.Connection) -> None:
    """Let no number be given twice: neither of rows nor of projects."""
    for name, number in list(reader.execute(_SEQUENCES)):
        connection.execute(_BEGIN_AT, {"name": name, "seq": number})
        connection.execute(_RAISE, (number, name))
    for one in list_projects(reader, PROJECTS_LIMIT):
        row = (one.project_id, one.identity, one.name, one.created_us)
        connection.execute(_KEEP_PROJECT, row)


def inspect_copy(path: Path) -> CopyFacts:
    """Return what a copy holds, once it was seen to hold together.

    Raises:
        DamagedError: It is damaged or not ours.
        NewerFileError: A newer Flowtrace wrote it.
    """
    with storage_errors(), closing(_open_alone(path)) as connection:
        refuse_foreign(connection)
        refuse_newer(connection)
        _refuse_damaged(connection)
        return CopyFacts(
            schema_version=file_version(connection),
            data_folder_id=meta.find_meta(connection, meta.DATA_FOLDER_ID) or "",
            counts={
                "memories": memories.count_memories(connection),
                "spans": edges.count_edges(connection),
                "traces": traces.count_traces(connection),
                "sessions": sessions.count_sessions(connection),
                "logs": logs.count_logs(connection),
                "metric_points": metric_points.count_points(connection),
                "projects": len(list_projects(connection, PROJECTS_LIMIT)),
            },
        )


def _open_alone(path: Path) -> apsw.Connection:
    """Open a copy that nobody else has open, without a log beside it."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    return connection


def _upgrade(connection: apsw.Connection, now_us: int) -> None:
    refuse_foreign(connection)
    if connection.pragma("application_id") != APPLICATION_ID:
        raise DamagedError(
            "the copy is empty", why="it holds no table of ours", mend="restore another backup"
        )
    _refuse_damaged(connection)
    if needs_migration(connection):
        migrate(connection, now_us)
    _refuse_strange(connection)


def _refuse_strange(connection: apsw.Connection) -> None:
    """Refuse tables, triggers and views that are not ours: a trigger would run at our writes."""
    with closing(apsw.Connection(":memory:")) as fresh:
        migrate(fresh, 0)
        ours = set(fresh.execute(_OBJECTS))
    strange = set(connection.execute(_OBJECTS)) ^ ours
    if strange:
        names = sorted({str(name) for _, name, _ in strange})
        raise DamagedError(
            "the copy is not one of our files",
            why="its tables are others: " + ", ".join(names[:_PROBLEMS_SHOWN])[:300],
            mend="restore a backup made by Flowtrace",
        )


def _refuse_damaged(connection: apsw.Connection) -> None:
    found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({_PROBLEMS_SHOWN})")]
    if found != ["ok"]:
        raise DamagedError(
            "the database does not hold together",
            why="; ".join(found)[:300],
            mend="run `flowtrace doctor`, or restore an older backup",
        )


def replace_content(
    live: apsw.Connection,
    source: apsw.Connection,
    before: Callable[[], None],
    note: Note = lambda _: None,
) -> None:
    """Put the content of one connection in the place of another's; see ``CopyStore.replace_with``."""
    with live.backup("main", source, "main") as backup:
        _lock(backup)
        before()
        while not backup.done:
            backup.step(STEP_PAGES)
            note(share_done(backup))


def _lock(backup: apsw.Backup) -> None:
    """Take the write lock of the target and keep it until the backup ends; copy nothing yet."""
    until_s = time.monotonic() + BUSY_LIMIT_S
    while True:
        with suppress(apsw.BusyError):
            backup.step(0)
            return
        if time.monotonic() > until_s:
            raise BusyError(
                "cannot restore now",
                why=f"others have written for over {BUSY_LIMIT_S:.0f} s",
                mend="try again",
            )
