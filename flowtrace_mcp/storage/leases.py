"""Leases: which process does the background work when no listener is there to do it."""

from typing import Final

import apsw

CREATE: Final = """
    CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        expires_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
"""
_TAKE: Final = """
    INSERT INTO leases (name, owner, expires_us) VALUES (:name, :owner, :expires)
    ON CONFLICT (name) DO UPDATE SET owner = :owner, expires_us = :expires
        WHERE owner = :owner OR expires_us <= :now
"""
_OWNER: Final = "SELECT owner FROM leases WHERE name = ? AND expires_us > ?"
_DROP: Final = "DELETE FROM leases WHERE name = ? AND owner = ?"


def take_lease(
    connection: apsw.Connection, name: str, owner: str, window_us: tuple[int, int]
) -> bool:
    """Take or renew a lease; say whether ``owner`` now has it.

    Args:
        connection: In a transaction.
        name: What the lease is for.
        owner: Who asks.
        window_us: Now, and when the lease ends unless renewed.
    """
    now_us, expires_us = window_us
    before = connection.total_changes()
    values = {"name": name, "owner": owner, "now": now_us, "expires": expires_us}
    connection.execute(_TAKE, values)
    return connection.total_changes() > before


def find_lease(reader: apsw.Connection, name: str, now_us: int) -> str | None:
    """Return who has a lease now, or None."""
    owner = reader.execute(_OWNER, (name, now_us)).get
    return None if owner is None else str(owner)


def drop_lease(connection: apsw.Connection, name: str, owner: str) -> None:
    """Give a lease back."""
    connection.execute(_DROP, (name, owner))
