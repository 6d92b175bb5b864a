"""Keys by which others read and write over HTTP: what each may do; of the key itself, a digest."""

from typing import Final

import apsw
import msgspec

CREATE: Final = """
    CREATE TABLE api_keys (
        key_id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        role TEXT NOT NULL,
        projects TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        expires_us INTEGER,
        revoked_us INTEGER
    ) STRICT, WITHOUT ROWID;
"""
_COLUMNS: Final = "key_id, name, role, projects, created_us, expires_us, revoked_us"
_INSERT: Final = """
    INSERT INTO api_keys (key_id, name, digest, role, projects, created_us, expires_us)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FIND: Final = f"SELECT {_COLUMNS} FROM api_keys WHERE digest = ?"
_LIST: Final = f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_us DESC, key_id LIMIT ?"
_REVOKE: Final = """
    UPDATE api_keys SET revoked_us = ? WHERE key_id = ? AND revoked_us IS NULL
"""
_ALL_ROWS: Final = f"SELECT {_COLUMNS}, digest FROM api_keys ORDER BY key_id"
_DELETE_ALL: Final = "DELETE FROM api_keys"
_INSERT_ROW: Final = f"INSERT INTO api_keys ({_COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
KEYS_LIMIT: Final = 1000


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    key_id: str
    name: str
    role: str
    projects: tuple[str, ...] = ()  # identities; none = all
    created_us: int = 0
    expires_us: int | None = None
    revoked_us: int | None = None


def insert_key(connection: apsw.Connection, key: ApiKey, digest: bytes) -> None:
    """Keep a key under the digest of its secret."""
    connection.execute(
        _INSERT,
        (
            key.key_id,
            key.name,
            digest,
            key.role,
            msgspec.json.encode(key.projects).decode(),
            key.created_us,
            key.expires_us,
        ),
    )


def find_key(reader: apsw.Connection, digest: bytes) -> ApiKey | None:
    """Return the key of a digest, revoked or not, or None."""
    row = reader.execute(_FIND, (digest,)).fetchone()
    return None if row is None else _key(row)


def list_keys(reader: apsw.Connection) -> list[ApiKey]:
    """Return the keys, newest first, revoked ones too."""
    return [_key(row) for row in reader.execute(_LIST, (KEYS_LIMIT,))]


def revoke_key(connection: apsw.Connection, key_id: str, now_us: int) -> bool:
    """Let a key open nothing from now on; say whether it did until now."""
    connection.execute(_REVOKE, (now_us, key_id))
    return connection.changes() > 0


def _key(row: tuple[str, str, str, str, int, int | None, int | None]) -> ApiKey:
    key_id, name, role, projects, created_us, expires_us, revoked_us = row
    return ApiKey(
        key_id=key_id,
        name=name,
        role=role,
        projects=msgspec.json.decode(projects, type=tuple[str, ...]),
        created_us=created_us,
        expires_us=expires_us,
        revoked_us=revoked_us,
    )


def carry_keys(source: apsw.Connection, target: apsw.Connection) -> None:
    """Let a file have the keys of another and none of its own: one that is revoked stays so."""
    rows = list(source.execute(_ALL_ROWS))
    target.execute(_DELETE_ALL)
    target.executemany(_INSERT_ROW, rows)
