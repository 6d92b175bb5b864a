"""How far the session files of agents have been read."""

from typing import Final, NamedTuple

import apsw

CREATE: Final = """
    CREATE TABLE transcript_files (
        path TEXT PRIMARY KEY,
        head INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        offset_bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
"""
_FIND: Final = "SELECT head, size_bytes, offset_bytes FROM transcript_files WHERE path = ?"
_SET: Final = """
    INSERT INTO transcript_files (path, head, size_bytes, offset_bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET
        head = excluded.head, size_bytes = excluded.size_bytes, offset_bytes = excluded.offset_bytes
"""


class ReadFile(NamedTuple):
    """How far a file has been read."""

    head: int  # of its beginning, by which it is told from another of that name
    size_bytes: int  # when it was read last
    offset_bytes: int  # where the next reading begins


def find_file(reader: apsw.Connection, path: str) -> ReadFile | None:
    """Return how far a file was read, None when it never was."""
    row = reader.execute(_FIND, (path,)).fetchone()
    return None if row is None else ReadFile(*row)


def set_file(connection: apsw.Connection, path: str, read: ReadFile) -> None:
    """Note how far a file has been read."""
    connection.execute(_SET, (path, *read))
