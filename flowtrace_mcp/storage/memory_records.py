"""Whole memories out of the file and into it, with their history and under their own ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw
import msgspec

from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import MemoryKind, Outcome, ScopeName
from flowtrace_mcp.model.memory_lines import Arrival, DatedRow, LapseRow, LinkLine, MemoryLine
from flowtrace_mcp.storage import memory_links, memory_text
from flowtrace_mcp.storage.dated_lists import Row, pack_rows, unpack_rows
from flowtrace_mcp.storage.memories import content_hash
from flowtrace_mcp.storage.memory_text import MemoryDocument
from flowtrace_mcp.storage.rows import int_array

_COLUMNS: Final = (
    "m.memory_id, coalesce(p.identity, ''), m.kind, m.scope, m.content, m.topic, m.branch,"
    " m.session, m.sequence, m.author, m.agent, m.recorded_us, m.retracted_us, m.retraction,"
    " m.valid_from_us, m.valid_to_us, m.seen_count, m.last_seen_us, m.tags, m.aliases, m.files,"
    " m.metadata, m.trace_id, m.span_id, m.tool_call_id"
)
# By id, which begins with the time of writing: the same order in every file.
_PAGE: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    LEFT JOIN projects AS p ON p.project_id = m.project_id
    WHERE m.memory_id > :after AND (:project IS NULL OR m.project_id = :project)
    ORDER BY m.memory_id LIMIT :limit
"""
_FIND: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    LEFT JOIN projects AS p ON p.project_id = m.project_id WHERE m.memory_id = ?
"""
_KEYS: Final = """
    SELECT memory_key, memory_id FROM memories
    WHERE memory_id > :after AND (:project IS NULL OR project_id = :project)
    ORDER BY memory_id LIMIT :limit
"""
_LAPSES: Final = """
    SELECT memory_key, from_us, to_us, reason FROM memory_lapses WHERE memory_key IN carray(?)
    ORDER BY memory_key, from_us
"""
_LINKS: Final = """
    SELECT a.memory_id, b.memory_id, l.relation, l.created_us FROM memory_links AS l
    JOIN memories AS a ON a.memory_key = l.from_key
    JOIN memories AS b ON b.memory_key = l.to_key
    WHERE l.from_key IN carray(?) ORDER BY a.memory_id, b.memory_id, l.relation
"""
_KEY: Final = "SELECT memory_key FROM memories WHERE memory_id = ?"
_HANDLE: Final = "SELECT memory_id FROM memories WHERE handle = ?"
_COUNT: Final = "SELECT count(*) FROM memories WHERE :project IS NULL OR project_id = :project"
_SAME: Final = """
    SELECT 1 FROM memories WHERE project_id = ? AND content_hash = ? AND scope = ? AND branch = ?
    AND (scope <> 'session' OR session = ?) LIMIT 1
"""
_INSERT: Final = """
    INSERT INTO memories (memory_id, handle, project_id, content_hash, kind, scope, content, topic,
        branch, session, sequence, author, agent, recorded_us, retracted_us, retraction,
        valid_from_us, valid_to_us, seen_count, last_seen_us, tags, aliases, files, metadata,
        trace_id, span_id, tool_call_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    RETURNING memory_key
"""
_UPDATE: Final = """
    UPDATE memories SET retracted_us = ?, retraction = ?, valid_to_us = ?, seen_count = ?,
        last_seen_us = ?, tags = ?, aliases = ?, files = ?
    WHERE memory_key = ?
"""
_INSERT_LAPSE: Final = """
    INSERT INTO memory_lapses (memory_key, from_us, to_us, reason) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
_text: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivingMemory:
    """A memory that comes from elsewhere, and what the word index holds of it."""

    line: MemoryLine
    project_name: str
    document: MemoryDocument
    is_foreign: bool  # made by another program: the same text in the same layer is the same


def list_memory_lines(
    reader: apsw.Connection, project_id: int | None, after: bytes, limit: int
) -> list[MemoryLine]:
    """Return at most ``limit`` memories beyond an id, in the order of their ids.

    Args:
        reader: A read connection.
        project_id: Of this project, 0 for the global ones; None = all.
        after: Id of the last one returned; b"" to begin.
        limit: At most so many.
    """
    page = {"after": after, "project": project_id, "limit": limit}
    rows = list(reader.execute(_PAGE, page))
    lapses: dict[int, list[LapseRow]] = {}
    for key, *lapse in reader.execute(_LAPSES, (int_array([row[0] for row in rows]),)):
        lapses.setdefault(key, []).append((lapse[0], lapse[1], lapse[2]))
    return [_line(row[1:], lapses.get(row[0], ())) for row in rows]


def list_link_lines(
    reader: apsw.Connection, project_id: int | None, after: bytes, limit: int
) -> tuple[bytes, list[LinkLine]]:
    """Return the links of at most ``limit`` memories beyond an id, and the last of their ids.

    The id is b"" when there are no more memories.
    """
    page = {"after": after, "project": project_id, "limit": limit}
    keys = list(reader.execute(_KEYS, page))
    found = reader.execute(_LINKS, (int_array([key for key, _ in keys]),))
    lines = [
        LinkLine(
            from_id=newer.hex(),
            to_id=older.hex(),
            relation=Outcome(relation),
            created_us=created_us,
        )
        for newer, older, relation, created_us in found
    ]
    return (keys[-1][1] if keys else b""), lines


def count_memory_lines(reader: apsw.Connection, project_id: int | None) -> int:
    """Return how many memories an export holds."""
    return int(reader.execute(_COUNT, {"project": project_id}).get)


def find_memory_line(reader: apsw.Connection, memory_id: bytes) -> tuple[int, MemoryLine] | None:
    """Return key and line of a memory, or None."""
    row = reader.execute(_FIND, (memory_id,)).fetchone()
    if row is None:
        return None
    lapses = reader.execute(_LAPSES, (int_array([row[0]]),))
    return row[0], _line(row[1:], [(lapse[1], lapse[2], lapse[3]) for lapse in lapses])


def judge_arrival(reader: apsw.Connection, arriving: ArrivingMemory, project_id: int) -> Arrival:
    """Say what becomes of a memory that arrives, without a change.

    Args:
        reader: Any connection.
        arriving: What arrives.
        project_id: Of its project in this file; -1 when the file does not know it.
    """
    line, memory_id = arriving.line, bytes.fromhex(arriving.line.id)
    found = find_memory_line(reader, memory_id)
    if found is not None:
        if arriving.is_foreign:
            return Arrival.KNOWN
        old = found[1]
        if (old.content, old.recorded_us) != (line.content, line.recorded_us):
            return Arrival.DIFFERS
        return Arrival.KNOWN if _merged(old, line) == old else Arrival.UPDATED
    if arriving.is_foreign:
        layer = (line.scope.value, line.branch, line.session)
        if reader.execute(_SAME, (project_id, content_hash(line.content), *layer)).get:
            return Arrival.KNOWN
    taken = reader.execute(_HANDLE, (memory_handle(memory_id),)).get is not None
    return Arrival.DIFFERS if taken else Arrival.NEW


def insert_arrival(
    connection: apsw.Connection, arriving: ArrivingMemory, project_id: int
) -> Arrival:
    """Store a memory under its own id, or add what is new of it; nothing is lost by either."""
    arrival = judge_arrival(connection, arriving, project_id)
    line = arriving.line
    if arrival is Arrival.NEW:
        key = int(connection.execute(_INSERT, _values(line, project_id)).get)
        memory_text.insert_text(connection, key, project_id, arriving.document)
        _insert_lapses(connection, key, line.lapses)
    elif arrival is Arrival.UPDATED:
        found = find_memory_line(connection, bytes.fromhex(line.id))
        assert found is not None
        key, old = found
        new = _merged(old, line)
        connection.execute(_UPDATE, (*_changeable(new), key))
        _insert_lapses(connection, key, new.lapses)
        held = {value for value, _, _, to_us in old.aliases if to_us is None}
        further = [row[0] for row in new.aliases if row[3] is None and row[0] not in held]
        memory_text.extend_text(connection, key, further, arriving.document.identifiers)
    return arrival


def insert_link_line(connection: apsw.Connection, line: LinkLine) -> bool:
    """Store a link; say whether both its memories are here."""
    keys = [
        connection.execute(_KEY, (bytes.fromhex(one),)).get for one in (line.from_id, line.to_id)
    ]
    if None in keys:
        return False
    memory_links.insert_link(connection, (keys[0], keys[1]), line.relation.value, line.created_us)
    return True


def _line(row: Sequence[Any], lapses: Sequence[LapseRow]) -> MemoryLine:
    return MemoryLine(
        id=row[0].hex(),
        project=row[1],
        kind=MemoryKind(row[2]),
        scope=ScopeName(row[3]),
        content=row[4],
        topic=row[5],
        branch=row[6],
        session=row[7],
        sequence=row[8],
        author=row[9],
        agent=row[10],
        recorded_us=row[11],
        retracted_us=row[12],
        retraction=row[13],
        valid_from_us=row[14],
        valid_to_us=row[15],
        seen_count=row[16],
        last_seen_us=row[17],
        tags=tuple(unpack_rows(row[18])),
        aliases=tuple(unpack_rows(row[19])),
        files=tuple(unpack_rows(row[20])),
        lapses=tuple(lapses),
        metadata=msgspec.json.decode(row[21]),
        trace_id=row[22].hex(),
        span_id=row[23].hex(),
        tool_call_id=row[24],
    )


def _values(line: MemoryLine, project_id: int) -> tuple[Any, ...]:
    memory_id = bytes.fromhex(line.id)
    return (
        memory_id,
        memory_handle(memory_id),
        project_id,
        content_hash(line.content),
        line.kind.value,
        line.scope.value,
        line.content,
        line.topic,
        line.branch,
        line.session,
        line.sequence,
        line.author,
        line.agent,
        line.recorded_us,
        line.retracted_us,
        line.retraction,
        line.valid_from_us,
        line.valid_to_us,
        line.seen_count,
        line.last_seen_us,
        pack_rows(line.tags),
        pack_rows(line.aliases),
        pack_rows(line.files),
        _text.encode(line.metadata).decode(),
        bytes.fromhex(line.trace_id),
        bytes.fromhex(line.span_id),
        line.tool_call_id,
    )


def _changeable(line: MemoryLine) -> tuple[Any, ...]:
    return (
        line.retracted_us,
        line.retraction,
        line.valid_to_us,
        line.seen_count,
        line.last_seen_us,
        pack_rows(line.tags),
        pack_rows(line.aliases),
        pack_rows(line.files),
    )


def _merged(old: MemoryLine, new: MemoryLine) -> MemoryLine:
    """Return a memory as both lines together tell of it; merging twice changes nothing more."""
    lapses = {lapse[0]: lapse for lapse in (*new.lapses, *old.lapses)}
    undone = {from_us for from_us, _, _ in lapses.values()}
    # A retirement that one of them knows to have been undone is none.
    ended = [one for one in (old, new) if one.retracted_us not in {None, *undone}]
    first = min(ended, key=_retired_us) if ended else None
    return msgspec.structs.replace(
        old,
        retracted_us=first.retracted_us if first else None,
        retraction=first.retraction if first else "",
        valid_to_us=new.valid_to_us if old.valid_to_us is None else old.valid_to_us,
        seen_count=max(old.seen_count, new.seen_count),
        last_seen_us=max(old.last_seen_us, new.last_seen_us),
        tags=_joined(old.tags, new.tags),
        aliases=_joined(old.aliases, new.aliases),
        files=_joined(old.files, new.files),
        lapses=tuple(lapses[key] for key in sorted(lapses)),
    )


def _retired_us(line: MemoryLine) -> int:
    return line.retracted_us or 0


def _joined(old: Sequence[DatedRow], new: Sequence[DatedRow]) -> tuple[Row, ...]:
    """Return the rows of both; one that ended in either has ended."""
    rows = {row[:3]: row for row in old}
    for row in new:
        if row[:3] not in rows or rows[row[:3]][3] is None:
            rows[row[:3]] = row
    return tuple(rows.values())


def _insert_lapses(connection: apsw.Connection, key: int, lapses: Sequence[LapseRow]) -> None:
    for lapse in lapses:
        connection.execute(_INSERT_LAPSE, (key, *lapse))
