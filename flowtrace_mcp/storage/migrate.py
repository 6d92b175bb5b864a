"""Bring an older file to the present schema; refuse a newer one untouched."""

from collections.abc import Callable, Mapping
from typing import Final

import apsw

from flowtrace_mcp.errors import DamagedError, NewerFileError
from flowtrace_mcp.storage.migrations import m0001_initial

# "FLTR": tells our file from any other SQLite file.
APPLICATION_ID: Final = 0x464C5452
# A released step is never edited; a new one is added below it.
MIGRATIONS: Final[Mapping[int, Callable[[apsw.Connection, int], None]]] = {
    1: m0001_initial.upgrade,
}
SCHEMA_VERSION: Final = max(MIGRATIONS)

_RECORD: Final = "INSERT INTO migrations (version, applied_us) VALUES (?, ?)"


def file_version(connection: apsw.Connection) -> int:
    """Return the schema version of the file, 0 for an empty one."""
    return int(connection.pragma("user_version"))


def refuse_newer(connection: apsw.Connection) -> None:
    """Raise when a newer Flowtrace has written the file.

    Raises:
        NewerFileError: The file's schema version is above ours.
    """
    version = file_version(connection)
    if version > SCHEMA_VERSION:
        raise NewerFileError(
            "this Flowtrace is too old to write its database",
            why=f"the file has schema version {version}, this program knows {SCHEMA_VERSION}",
            mend="restart the editor, or run `pip install --upgrade flowtrace-mcp`",
        )


def needs_migration(connection: apsw.Connection) -> bool:
    """Say whether the file is older than this program, or empty; reads only.

    Raises:
        NewerFileError: A newer Flowtrace wrote the file.
        DamagedError: The file is a SQLite database of some other program.
    """
    refuse_foreign(connection)
    refuse_newer(connection)
    return file_version(connection) < SCHEMA_VERSION


def migrate(connection: apsw.Connection, now_us: int) -> int:
    """Apply every missing step, each in a transaction with its own record.

    Returns:
        How many steps were applied.

    Raises:
        NewerFileError: A newer Flowtrace wrote the file.
        DamagedError: The file is a SQLite database of some other program.
    """
    if not needs_migration(connection):
        return 0
    applied = 0
    for version, upgrade in sorted(MIGRATIONS.items()):
        if file_version(connection) >= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            if file_version(connection) < version:  # another process may have been first
                upgrade(connection, now_us)
                connection.execute(_RECORD, (version, now_us))
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
                applied += 1
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                connection.execute("ROLLBACK")
            raise
    return applied


def refuse_foreign(connection: apsw.Connection) -> None:
    """Raise when the file belongs to some other program; an empty one belongs to nobody.

    Raises:
        DamagedError: Neither ours nor empty.
    """
    with connection:  # one snapshot: another process may make the tables between the two looks
        owner = connection.pragma("application_id")
        is_empty = owner == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    if not (owner == APPLICATION_ID or is_empty):
        raise DamagedError(
            "the database file is not ours",
            why="it is a SQLite file of another program",
            mend="point FLOWTRACE_DB_PATH at another file",
        )
