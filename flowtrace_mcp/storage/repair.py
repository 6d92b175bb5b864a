"""A damaged file made whole as far as it can be read; the original is kept aside.

Rows are read around the damage, table by table, into a new file. What is made of others (the text index,
roll-ups) is made again. The new content takes the place of the old in one transaction, so that processes
which have the file open go on; only where not even the first page can be read is the file exchanged.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from flowtrace_mcp.errors import DamagedError, FlowtraceError, StorageError
from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.storage import (
    edges,
    memories,
    memory_text,
    meta,
    payloads,
    sessions,
    span_text,
    traces,
    use_hours,
)
from flowtrace_mcp.storage.connection import connect, storage_errors
from flowtrace_mcp.storage.contents import ContentCache
from flowtrace_mcp.storage.live_copy import replace_content
from flowtrace_mcp.storage.measures import sum_measures
from flowtrace_mcp.storage.memory_text import MemoryDocument
from flowtrace_mcp.storage.migrate import migrate
from flowtrace_mcp.storage.rebuild import hour_of, rebuild_hour, rebuild_session, rebuild_trace
from flowtrace_mcp.storage.rows import int_array

PAGE_BYTES: Final = 4096
HEADER_BYTES: Final = 100
PAGE_ROWS: Final = 200
PROBES_MOST: Final = 4096  # islands of readable rows in one table
_READING: Final = "reading.db"
_MAGIC: Final = b"SQLite format 3\x00"
_BELOW_ALL: Final = -(2**63)  # ids that are hashes may be any signed number of 64 bits
_ABOVE_ALL: Final = 2**63 - 1
_TABLES: Final = """
    SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name NOT LIKE 'memory_text%'
        AND name NOT LIKE 'span_text%' AND sql NOT LIKE 'CREATE VIRTUAL%'
    ORDER BY name
"""
# Made again of what is saved, or of this moment alone.
_NOT_SAVED: Final = frozenset(
    ("project_hours", "use_hours", "leases", "migrations", "span_documents", "unread_spans")
)
_KEYS: Final = "SELECT edge_key FROM payloads WHERE edge_key > ? ORDER BY edge_key LIMIT ?"
_DROP_PAYLOADS: Final = "DELETE FROM payloads WHERE edge_key IN carray(?)"
_COUNT_VECTORS: Final = """
    UPDATE vector_sets SET
        vector_count = (SELECT count(*) FROM memory_vectors AS v
            WHERE v.set_key = vector_sets.set_key),
        memory_count = (SELECT count(*) FROM memory_vectors AS v
            WHERE v.set_key = vector_sets.set_key AND v.part = 0)
"""
_ORPHANS: Final = (
    "DELETE FROM memory_vectors WHERE memory_key NOT IN (SELECT memory_key FROM memories)",
    "DELETE FROM memory_links WHERE from_key NOT IN (SELECT memory_key FROM memories)",
    "DELETE FROM memory_links WHERE to_key NOT IN (SELECT memory_key FROM memories)",
    "DELETE FROM memory_lapses WHERE memory_key NOT IN (SELECT memory_key FROM memories)",
    "DELETE FROM sessions WHERE session_id NOT IN (SELECT session_id FROM edges)",
    "DELETE FROM traces WHERE trace_id NOT IN (SELECT trace_id FROM edges)",
    "DELETE FROM shown_memories WHERE memory_key NOT IN (SELECT memory_key FROM memories)",
)


@dataclass(slots=True, kw_only=True)
class Repaired:
    """What was saved, and where the original is."""

    kept_aside: Path
    rows: dict[str, int] = field(default_factory=dict)  # table -> rows saved
    damaged_tables: list[str] = field(default_factory=list)
    lost_payloads: int = 0  # spans whose bytes are gone; their edges stay


def repair_file(
    path: Path, aside: Path, now_us: int, document_of: Callable[[Memory], MemoryDocument]
) -> Repaired:
    """Make a damaged file whole; it must not be open in this process.

    Args:
        path: The database file.
        aside: A folder that is made, for the original.
        now_us: Microseconds since the epoch.
        document_of: What the text index holds of a memory.

    Raises:
        StorageError: There is no room, or the file is no database of any kind.
    """
    aside.mkdir(mode=0o700)
    done = Repaired(kept_aside=aside)
    new = aside / "repaired.db"
    with closing(connect(new, writable=True)) as fresh:
        migrate(fresh, now_us)
    live = _opened(path)
    try:
        if live is None:
            _keep(path, aside)
            _save(_reading_copy(path, aside), new, done, document_of)
            _exchange(path, new)
        else:
            with closing(apsw.Connection(str(new))) as source, storage_errors():

                def save() -> None:
                    _keep(path, aside)
                    _save(_reading_copy(path, aside), new, done, document_of)

                replace_content(live, source, save)
    finally:
        if live is not None:
            live.close()
    for name in (new.name, _READING):
        for end in ("", "-wal", "-shm"):
            (aside / f"{name}{end}").unlink(missing_ok=True)
    return done


def _opened(path: Path) -> apsw.Connection | None:
    """Return a connection by which the content can be replaced, None when there can be none."""
    connection: apsw.Connection | None = None
    try:
        connection = connect(path, writable=True)
        is_fit = connection.pragma("page_size") == PAGE_BYTES and connection.pragma("page_count")
        connection.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - reads page 1
    except (apsw.Error, FlowtraceError):
        is_fit = False
    if connection is not None and not is_fit:
        connection.close()
    return connection if is_fit else None


def _keep(path: Path, aside: Path) -> None:
    """Copy the file and its log as they are.

    In a process of its own: to close a file here would drop the locks held on it.
    """
    copy = "import shutil, sys; shutil.copy2(sys.argv[1], sys.argv[2])"
    for name in (path.name, f"{path.name}-wal"):
        source = path.with_name(name)
        if source.exists():
            command = [sys.executable, "-c", copy, str(source), str(aside / name)]
            if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603 - our own words
                raise StorageError(
                    "cannot keep the damaged file aside",
                    why="it could not be copied",
                    mend="free some space, then try again",
                )


def _reading_copy(path: Path, aside: Path) -> Path:
    """Return a copy to read from, which may be changed; the original stays as it was."""
    for end in ("", "-wal"):
        kept = aside / f"{path.name}{end}"
        if kept.exists():
            shutil.copy2(kept, aside / f"{_READING}{end}")
    return aside / _READING


def _exchange(path: Path, new: Path) -> None:
    with closing(apsw.Connection(str(new))) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").get  # noqa: B018 - stands alone
    for name in (f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    os.replace(new, path)  # noqa: PTH105 - as atomic as it says


def _save(
    damaged: Path, new: Path, done: Repaired, document_of: Callable[[Memory], MemoryDocument]
) -> None:
    _mend_header(damaged, new)
    with closing(connect(new, writable=True)) as target:
        target.execute("PRAGMA foreign_keys = OFF")  # tables come in the order of their names
        with suppress(apsw.Error), closing(apsw.Connection(str(damaged))) as source:
            for table, has_no_rowid in list(target.execute(_TABLES)):
                if table not in _NOT_SAVED:
                    with target:
                        _save_table(source, target, table, bool(has_no_rowid), done)
        with target, storage_errors():
            for statement in _ORPHANS:
                target.execute(statement)
            target.execute(_COUNT_VECTORS)
            _index_again(target, document_of)
            done.lost_payloads = _drop_unreadable(target)
            _roll_up_again(target)
            span_text.read_again(target)
            meta.update_meta(target, meta.RESTORED, os.urandom(16).hex())
        target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _mend_header(damaged: Path, new: Path) -> None:
    """Give the copy a header that can be read, where only that is broken or tells of more pages."""
    size = damaged.stat().st_size
    if size < PAGE_BYTES:
        return
    pages = (size // PAGE_BYTES).to_bytes(4, "big")
    with damaged.open("r+b") as file, new.open("rb") as sound:
        header = bytearray(file.read(HEADER_BYTES))
        if not header.startswith(_MAGIC):
            header = bytearray(sound.read(HEADER_BYTES))
            header[32:40] = bytes(8)  # free pages are looked for no more
        elif int.from_bytes(header[28:32], "big") <= size // PAGE_BYTES:
            return
        header[28:32] = pages
        file.seek(0)
        file.write(header)


def _save_table(
    source: apsw.Connection, target: apsw.Connection, table: str, has_no_rowid: bool, done: Repaired
) -> None:
    names = [row[1] for row in target.execute(f'PRAGMA table_info("{table}")')]
    columns = ", ".join(f'"{name}"' for name in names)
    insert = f'INSERT OR IGNORE INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(names))})'
    if table == "meta":  # the new file has facts of its own, and those that are saved come first
        insert = insert.replace("OR IGNORE", "OR REPLACE")
    reader = _by_key if has_no_rowid else _by_rowid
    count, damage = 0, _Damage()
    for row in reader(source, f'"{table}"', columns, damage):
        with suppress(apsw.Error):  # a row that breaks a rule of the table is none
            target.execute(insert, row)
            count += target.changes()
    done.rows[table] = count
    if damage.is_there:
        done.damaged_tables.append(table)


@dataclass(slots=True)
class _Damage:
    is_there: bool = False


def _by_key(
    source: apsw.Connection, table: str, columns: str, damage: _Damage
) -> Iterator[Sequence[Any]]:
    """Yield the rows that can be read from the beginning, and those from the end."""
    for order in ("", " DESC"):
        seen = damage.is_there
        try:
            first = columns.split(", ", maxsplit=1)[0]
            yield from source.execute(f"SELECT {columns} FROM {table} ORDER BY {first}{order}")
        except apsw.Error:
            damage.is_there = True
        if not damage.is_there or seen:
            return


def _by_rowid(
    source: apsw.Connection, table: str, columns: str, damage: _Damage
) -> Iterator[Sequence[Any]]:
    """Yield the rows that can be read, island after island."""
    page = f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {PAGE_ROWS}"
    after = _BELOW_ALL
    for _ in range(PROBES_MOST):
        try:
            while True:
                count = 0
                for row in source.execute(page, (after,)):
                    after, count = row[0], count + 1
                    yield row[1:]
                if count < PAGE_ROWS:
                    return
        except apsw.Error:
            damage.is_there = True
            beyond = _next_island(source, table, after)
            if beyond is None:
                return
            after = beyond


def _next_island(source: apsw.Connection, table: str, after: int) -> int | None:
    """Return a place beyond the damage from which rows can be read again."""
    probe = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1"

    def reads(place: int) -> bool:
        with suppress(apsw.Error):
            list(source.execute(probe, (place,)))
            return True
        return False

    step = 1
    while not reads(after + step):
        step *= 2
        if after + step > _ABOVE_ALL:
            return None
    low, high = after + step // 2, after + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reads(middle) else (middle, high)
    return high


def _index_again(target: apsw.Connection, document_of: Callable[[Memory], MemoryDocument]) -> None:
    after = 0
    page = "SELECT memory_key FROM memories WHERE memory_key > ? ORDER BY memory_key LIMIT ?"
    while keys := [row[0] for row in target.execute(page, (after, PAGE_ROWS))]:
        for key, memory in memories.get_memories(target, keys).items():
            memory_text.insert_text(target, key, memory.project_id, document_of(memory))
        after = keys[-1]


def _drop_unreadable(target: apsw.Connection) -> int:
    """Remove payloads that are not whole any more; return how many."""
    after, lost, cache = -1, 0, ContentCache()
    while keys := [row[0] for row in target.execute(_KEYS, (after, PAGE_ROWS))]:
        try:
            payloads.get_payloads(target, keys, cache)
        except DamagedError:
            broken = [key for key in keys if not _is_whole(target, key, cache)]
            target.execute(_DROP_PAYLOADS, (int_array(broken),))
            lost += len(broken)
        after = keys[-1]
    return lost


def _is_whole(target: apsw.Connection, key: int, cache: ContentCache) -> bool:
    with suppress(DamagedError):
        payloads.get_payloads(target, [key], cache)
        return True
    return False


def _roll_up_again(target: apsw.Connection) -> None:
    """Make all roll-ups of the spans that are left; names that were saved stay."""
    hours: set[tuple[int, int]] = set()
    projects_of: dict[int, int] = {}
    trace_ids: set[bytes] = set()
    after = -1
    while keys := edges.list_keys_from(target, after + 1, PAGE_ROWS):
        for _, record in edges.list_keyed_edges(target, keys):
            edge = unpack_edge(record)
            hours.add((edge.project_id, hour_of(edge)))
            trace_ids.add(edge.trace_id)
            projects_of[edge.session_id] = edge.project_id
        after = keys[-1]
    for trace_id in trace_ids:
        if traces.find_trace(target, trace_id) is None:
            traces.add_to_traces(target, [_no_trace(trace_id)])
        rebuild_trace(target, trace_id)
    for session_id, project_id in projects_of.items():
        if session_id and sessions.find_session(target, session_id) is None:
            sessions.add_to_sessions(target, [_no_session(session_id, project_id)])
        rebuild_session(target, session_id)
    for project_id, hour_us in hours:
        rebuild_hour(target, project_id, hour_us)
    use_hours.mark_stale(target, {hour_us for _, hour_us in hours})


def _no_trace(trace_id: bytes) -> traces.TraceRollup:
    return traces.TraceRollup(
        trace_id=trace_id,
        project_id=0,
        session_id=0,
        session_us=0,
        agent_id=0,
        agent_us=0,
        service_id=0,
        service_us=0,
        name_id=0,
        name_us=0,
        start_us=0,
        end_us=0,
        measures=sum_measures([]),
    )


def _no_session(session_id: int, project_id: int) -> sessions.SessionRollup:
    return sessions.SessionRollup(
        session_id=to_signed(session_id),
        project_id=project_id,
        agent_id=0,
        agent_us=0,
        user_id=0,
        user_us=0,
        start_us=0,
        end_us=0,
        measures=sum_measures([]),
    )
