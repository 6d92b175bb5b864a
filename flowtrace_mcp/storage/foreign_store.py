"""SQLite files of other programs: read, row by row, and never written to."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.storage.connection import storage_errors

FIRST_BYTES: Final = b"SQLite format 3\x00"
_PAGE_ROWS: Final = 500


def read_foreign_rows(
    path: Path, table: str, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield row number and column -> value of a table, for those columns that it has.

    Args:
        path: The file; it may be open elsewhere.
        table: A constant of the caller.
        columns: Constants of the caller; one that the table lacks is left out.

    Raises:
        InputError: The file has no such table.
        StorageError: It cannot be read.
    """
    with storage_errors(), closing(_open(path)) as connection:
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if not known:
            raise InputError(
                "cannot import this SQLite file",
                why=f"it has no table {table}",
                mend="give the file of mcp-memory-service, often sqlite_vec.db",
            )
        here = [column for column in columns if column in known]
        page = f"""
            SELECT rowid, {", ".join(here)} FROM {table}
            WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE_ROWS}
        """
        after = -(2**63)
        while rows := list(connection.execute(page, (after,))):
            for number, *values in rows:
                yield number, dict(zip(here, values, strict=True))
            after = rows[-1][0]


def _open(path: Path) -> apsw.Connection:
    """Open a file so that nothing is written beside it, unless its log has to be read too."""
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    mode = "mode=ro" if has_log else "mode=ro&immutable=1"
    return apsw.Connection(
        f"{path.absolute().as_uri()}?{mode}",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )
