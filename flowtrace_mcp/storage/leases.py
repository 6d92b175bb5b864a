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
