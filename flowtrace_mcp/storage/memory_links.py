"""What memories are to each other: which one refines, conflicts with or supersedes which."""

from typing import Final

import apsw

CREATE: Final = """
    CREATE TABLE memory_links (
        from_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        to_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        relation TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        PRIMARY KEY (from_key, to_key, relation)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memory_links_back ON memory_links (to_key);
"""
LINKS_LIMIT: Final = 500
_LINK: Final = """
    INSERT INTO memory_links (from_key, to_key, relation, created_us) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
_FROM: Final = """
    SELECT to_key, relation, created_us FROM memory_links WHERE from_key = ?
    ORDER BY created_us, to_key LIMIT ?
"""
_TO: Final = """
    SELECT from_key, relation, created_us FROM memory_links WHERE to_key = ?
    ORDER BY created_us, from_key LIMIT ?
"""

Link = tuple[int, str, int]


def insert_link(
    connection: apsw.Connection, keys: tuple[int, int], relation: str, now_us: int
) -> None:
    """Record that the first memory stands in a relation to the second."""
    connection.execute(_LINK, (*keys, relation, now_us))


def list_links_from(reader: apsw.Connection, key: int) -> list[Link]:
    """Return (older key, relation, since when) of what a memory was related to."""
    return list(reader.execute(_FROM, (key, LINKS_LIMIT)))


def list_links_to(reader: apsw.Connection, key: int) -> list[Link]:
    """Return (newer key, relation, since when) of what was related to a memory later."""
    return list(reader.execute(_TO, (key, LINKS_LIMIT)))
