"""Where in a file some bytes still are: in rows, unpacked payloads, index terms, or free pages.

It works on a copy of the file that has every page of it, free ones too. A plain search of the file
would prove nothing: most of what senders sent is compressed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.storage.compression import decompress
from flowtrace_mcp.storage.connection import storage_errors

CHUNK_BYTES: Final = 4 * 1024 * 1024
# Columns that hold one zstd frame a row.
PACKED: Final = frozenset(
    (("contents", "data"), ("packs", "data"), ("logs", "data"), ("metric_points", "data"))
)
_TABLES: Final = """
    SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
        AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name
"""
_TEXT_INDEXES: Final = """
    SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%USING fts5%' ORDER BY name
"""
_STEMS: Final = """
    CREATE VIRTUAL TABLE temp.stems USING fts5 (
        word, tokenize = 'porter unicode61 remove_diacritics 2')
"""
_TERM_LEAST: Final = 4  # a shorter beginning of a word says nothing of the word


def search_copy(copy: Path, needles: Sequence[bytes]) -> Counter[str]:
    """Return place -> in how many rows, terms or stretches of the file any of some bytes is.

    Args:
        copy: Of a whole file; nobody else has it open.
        needles: What to look for; text in UTF-8.

    Raises:
        StorageError: It cannot be read.
    """
    found: Counter[str] = Counter()
    with (
        storage_errors(),
        closing(apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)) as connection,
    ):
        for table in [row[0] for row in connection.execute(_TABLES)]:
            found.update(_in_table(connection, table, needles))
        for index in [row[0] for row in connection.execute(_TEXT_INDEXES)]:
            hits = _in_terms(connection, index, needles)
            found.update({f"{index} terms": hits} if hits else {})
    found.update(search_file(copy, needles, "file and free pages"))
    return found


def search_file(path: Path, needles: Sequence[bytes], place: str) -> Counter[str]:
    """Return how many pieces of a file hold any of some bytes, as they stand in it."""
    hits = sum(_is_in(piece, needles) for piece in _pieces(path, max(map(len, needles), default=1)))
    return Counter({place: hits} if hits else {})


def _in_table(connection: apsw.Connection, table: str, needles: Sequence[bytes]) -> Counter[str]:
    found: Counter[str] = Counter()
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    names: list[str] = []
    for row in cursor:
        names = names or [column[0] for column in cursor.description]
        for name, value in zip(names, row, strict=True):
            if _is_in(_plain(table, name, value), needles):
                found[f"{table}.{name}"] += 1
    return found


def _plain(table: str, column: str, value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes):
        return b""
    if (table, column) in PACKED:
        try:
            return decompress(value)
        except DamagedError:
            return value
    return value


def _in_terms(connection: apsw.Connection, index: str, needles: Iterable[bytes]) -> int:
    """Return how many terms of a text index are, or begin, one of the words looked for."""
    words = {word for needle in needles for word in _word_of(needle)}
    if not words:
        return 0
    stems = _stems_of(connection, words)
    terms = _terms_of(connection, "main", index)
    return sum(term in stems or any(_tells(term, word) for word in words) for term in terms)


def _stems_of(connection: apsw.Connection, words: Iterable[str]) -> set[str]:
    """Return what the indexes make of some words: of ``historical`` no more than ``histor``."""
    connection.execute(_STEMS)
    connection.executemany("INSERT INTO temp.stems VALUES (?)", [(word,) for word in words])
    found = set(_terms_of(connection, "temp", "stems"))
    connection.execute("DROP TABLE temp.stems")
    return found


def _terms_of(connection: apsw.Connection, schema: str, index: str) -> list[str]:
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.looked_into USING fts5vocab({schema}, '{index}', 'row')"
    )
    terms = [str(row[0]) for row in connection.execute("SELECT term FROM temp.looked_into")]
    connection.execute("DROP TABLE temp.looked_into")
    return terms


def _word_of(needle: bytes) -> Iterator[str]:
    """Yield the one word that a needle is; a sentence is made of everybody's words."""
    text = needle.decode("utf-8", "replace").strip().lower()
    if text.isalnum():
        yield text


def _tells(term: str, word: str) -> bool:
    return term == word or (len(term) >= max(_TERM_LEAST, len(word) - 3) and word.startswith(term))


def _pieces(path: Path, longest: int) -> Iterator[bytes]:
    """Yield a file in pieces that overlap, so that nothing is cut in two."""
    with path.open("rb") as file:
        tail = b""
        while part := file.read(CHUNK_BYTES):
            yield tail + part
            tail = part[-(longest - 1) :] if longest > 1 else b""


def _is_in(data: bytes, needles: Sequence[bytes]) -> bool:
    return any(needle in data for needle in needles)
