"""The text index of memories: FTS5 over stemmed words and identifier parts.

It keeps its own copy of the text: without one, FTS5 only marks a row as deleted and leaves its
words in the index, and a memory that was removed for good must be gone from the file.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import apsw
import msgspec

from flowtrace_mcp.analytics.words import any_of, fts_query
from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.storage.memories import VISIBLE, filter_parameters, list_foreign_keys
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE VIRTUAL TABLE memory_text USING fts5 (
        body, identifiers, project,
        tokenize = 'porter unicode61 remove_diacritics 2'
    );
    INSERT INTO memory_text (memory_text, rank) VALUES ('secure-delete', 1);
    INSERT INTO memory_text (memory_text, rank) VALUES ('usermerge', 2);
"""
_INSERT: Final = "INSERT INTO memory_text (rowid, body, identifiers, project) VALUES (?, ?, ?, ?)"
# A few pages of merging with each memory: 4 parts of the index instead of 15 at 600 memories, and
# each word of a question is looked up in every part. It takes 40 us, and spares long merges.
_MERGE: Final = "INSERT INTO memory_text (memory_text, rank) VALUES ('merge', 16)"
_IDENTIFIERS: Final = "SELECT identifiers FROM memory_text WHERE rowid = ?"
_EXTEND: Final = """
    UPDATE memory_text SET body = body || char(10) || ?, identifiers = identifiers || ' ' || ?
    WHERE rowid = ?
"""
_UPDATE: Final = "UPDATE memory_text SET body = ?, identifiers = ? WHERE rowid = ?"
_MOVE: Final = "UPDATE memory_text SET project = ? WHERE rowid IN carray(?)"
_DELETE: Final = "DELETE FROM memory_text WHERE rowid = ?"
# FTS5 keeps the first word of each page of its index as a key, of deleted rows too.
_REBUILD: Final = "INSERT INTO memory_text (memory_text) VALUES ('rebuild')"
# A word that more rows hold than this share of all says little and costs the most.
COMMON_SHARE: Final = 0.03
COMMON_LEAST_ROWS: Final = 200
_ROWS: Final = "SELECT rowid FROM memory_text WHERE memory_text MATCH ? LIMIT ?"
# All words in one step, and the rows of each as one value: a common word, of which only that it is
# one is told, takes 0.2 ms at 100,000 memories, and 0.65 with its 3,000 rows one by one.
_ROWS_OF_EACH: Final = """
    SELECT (SELECT json_group_array(rowid) FROM (
        SELECT rowid FROM memory_text WHERE memory_text MATCH wanted.value LIMIT :most) AS held)
    FROM json_each(:matches) AS wanted
"""
_HOLDERS_AMONG: Final = """
    SELECT rowid FROM memory_text WHERE memory_text MATCH ? AND rowid IN carray(?)
"""
# A word that more rows hold than this is as common as any.
HOLDERS_LIMIT: Final = 1000
_keys: Final = msgspec.json.Decoder(set[int])
# Identifier parts repeat words of the body, so they weigh half; the project token nothing.
_SCORE: Final = "-bm25(memory_text, 1.0, 0.5, 0.0)"
_SEARCH: Final = f"""
    SELECT m.memory_key, {_SCORE} AS score
    FROM memory_text CROSS JOIN memories AS m ON m.memory_key = memory_text.rowid
    WHERE memory_text MATCH :match AND {VISIBLE}
    ORDER BY score DESC, m.memory_key DESC LIMIT :limit
"""
# BM25 counts the rows of every word asked for, and those of a project's token are all its rows: at
# 100,000 memories 3 of 4.4 ms. The + keeps the text index from being asked for row after row.
_SEARCH_AMONG: Final = f"""
    SELECT m.memory_key, {_SCORE} AS score
    FROM memory_text CROSS JOIN memories AS m ON m.memory_key = memory_text.rowid
    WHERE memory_text MATCH :match AND +memory_text.rowid IN carray(:among) AND {VISIBLE}
    ORDER BY score DESC, m.memory_key DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDocument:
    """What of a memory is searched by words."""

    body: str  # date, author, text and aliases
    identifiers: str  # parts of identifiers, joined by blanks


def project_token(project_id: int) -> str:
    """Return the word that every text row of a project carries."""
    return f"p{project_id}"


def insert_text(
    connection: apsw.Connection, key: int, project_id: int, document: MemoryDocument
) -> None:
    """Index a memory's text under its key."""
    row = (key, document.body, document.identifiers, project_token(project_id))
    connection.execute(_INSERT, row)
    connection.execute(_MERGE)


def extend_text(
    connection: apsw.Connection, key: int, aliases: Sequence[str], identifiers: str
) -> None:
    """Index further aliases of a memory.

    Args:
        connection: In a transaction.
        key: The memory's.
        aliases: Those not indexed yet.
        identifiers: Parts of identifiers, joined by blanks; those already there are passed over.
    """
    if not aliases:
        return
    known = set(str(connection.execute(_IDENTIFIERS, (key,)).get or "").split())
    parts = [part for part in identifiers.split() if part not in known]
    connection.execute(_EXTEND, ("\n".join(aliases), " ".join(parts), key))


def update_text(connection: apsw.Connection, key: int, document: MemoryDocument) -> None:
    """Index a memory's text anew, in place of what was indexed."""
    connection.execute(_UPDATE, (document.body, document.identifiers, key))


def update_texts_project(connection: apsw.Connection, keys: Sequence[int], project_id: int) -> None:
    """Let the rows of some memories carry the word of another project."""
    connection.execute(_MOVE, (project_token(project_id), int_array(keys)))


def delete_text(connection: apsw.Connection, key: int) -> None:
    """Remove a memory from the index, which is made again: no trace of its words is left.

    Making it again takes about 30 ms for 1,000 memories.
    """
    delete_texts(connection, [key])


def delete_texts(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove memories from the index, which is made again once; see ``delete_text``."""
    if not keys:
        return
    connection.executemany(_DELETE, [(key,) for key in keys])
    connection.execute(_REBUILD)


def list_word_rows(
    reader: apsw.Connection, words: Sequence[str], project_id: int, row_count: int
) -> dict[str, set[int]]:
    """Return word -> keys of the memories that hold it, without the words that many hold.

    Args:
        reader: A read connection.
        words: Words as they are asked; the index stems them.
        project_id: Whose memories, beside the global ones.
        row_count: How many memories there are, at least roughly.
    """
    most = max(int(row_count * COMMON_SHARE), COMMON_LEAST_ROWS)
    foreign = list_foreign_keys(reader, project_id, most)
    if len(foreign) < most:
        # The token of nearly all rows tells little, and each word is held against each of them.
        rows = _rows_of_each(reader, [any_of([word]) for word in words], most + len(foreign))
        kept = [None if keys is None else keys.difference(foreign) for keys in rows]
    else:
        tokens = [project_token(number) for number in {project_id, 0}]
        matches = [fts_query([word], tokens) or "" for word in words]
        kept = _rows_of_each(reader, matches, most)
    pairs = zip(words, kept, strict=True)
    return {word: keys for word, keys in pairs if keys is not None and len(keys) < most}


def _rows_of_each(
    reader: apsw.Connection, matches: Sequence[str], most: int
) -> list[set[int] | None]:
    """Return the keys of the rows that match each expression; None where they are too many."""
    parameters = {"matches": msgspec.json.encode(matches).decode(), "most": most}
    return [
        None if rows.count(",") >= most - 1 else _keys.decode(rows)
        for (rows,) in reader.execute(_ROWS_OF_EACH, parameters)
    ]


def search_text(
    reader: apsw.Connection,
    match: str | None,
    wanted: MemoryFilter,
    limit: int,
    among: Collection[int] | None = None,
) -> list[tuple[int, float]]:
    """Return (memory key, BM25 score, higher is better) of the best matches.

    Args:
        reader: A read connection.
        match: An FTS5 expression, or None to find nothing.
        wanted: Which memories may be seen.
        limit: At most so many.
        among: Keys of the memories to look at, whatever project the expression names; None for
            all that match.
    """
    if match is None:
        return []
    parameters = {**filter_parameters(wanted), "match": match, "limit": limit}
    if among is None:
        return list(reader.execute(_SEARCH, parameters))
    return list(reader.execute(_SEARCH_AMONG, {**parameters, "among": int_array(among)}))


def list_holders(
    reader: apsw.Connection, term_match: str, keys: Sequence[int]
) -> tuple[int, set[int]]:
    """Return how many rows hold a word, up to ``HOLDERS_LIMIT``, and which of some memories do.

    Args:
        reader: A read connection.
        term_match: The word as an FTS5 expression that names the project's token.
        keys: Keys of the memories to look at.
    """
    rows = {row[0] for row in reader.execute(_ROWS, (term_match, HOLDERS_LIMIT))}
    if len(rows) < HOLDERS_LIMIT:
        return len(rows), rows.intersection(keys)
    among = reader.execute(_HOLDERS_AMONG, (term_match, int_array(keys)))
    return len(rows), {row[0] for row in among}
