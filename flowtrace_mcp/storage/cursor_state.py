"""Cursor's ``state.vscdb``: its conversations, read in their order, and never written to.

A conversation is a row ``composerData:<id>`` that lists its messages, and a row
``bubbleId:<id>:<message>`` for each. A row that changes is put in anew, under a higher number.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.storage.connection import storage_errors

_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'cursorDiskKV'"
# The key's index gives the conversations in the order of their numbers only when they are sorted.
_COMPOSERS: Final = """
    SELECT rowid FROM cursorDiskKV
    WHERE key >= 'composerData:' AND key < 'composerData;' AND rowid > ?
    ORDER BY rowid LIMIT ?
"""
_LAST: Final = "SELECT max(rowid) FROM cursorDiskKV"
_IDS: Final = """
    SELECT substr(key, 14) FROM cursorDiskKV
    WHERE key >= 'composerData:' AND key < 'composerData;' ORDER BY key LIMIT ?
"""
_COMPOSER: Final = "SELECT key, CAST(value AS BLOB) FROM cursorDiskKV WHERE rowid = ?"
_BUBBLE: Final = "SELECT CAST(value AS BLOB) FROM cursorDiskKV WHERE key = ?"
_COMPOSERS_LIMIT: Final = 1_000_000
_PATIENCE_MS: Final = 2_000
# Of the header of a SQLite file: the version that its readers must know, 2 = write-ahead log.
_READ_VERSION: Final = slice(19, 20)
_LOGGED: Final = b"\x02"


class _Header(msgspec.Struct):
    bubble_id: str = msgspec.field(name="bubbleId", default="")


class _Composer(msgspec.Struct):
    headers: list[_Header] = msgspec.field(name="fullConversationHeadersOnly", default=[])


_composer: Final = msgspec.json.Decoder(_Composer)


def read_conversations(path: Path, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield each conversation that was changed, as lines of JSON: itself, then its messages.

    Args:
        path: The file; Cursor may have it open.
        after: The number of the last conversation that was read, 0 = read all.

    Yields:
        The conversation's number, and ``{"composer": …}`` or ``{"bubble": …}``.

    Raises:
        InputError: It is no such file.
        StorageError: It cannot be read now.
    """
    with storage_errors(), closing(_open(path)) as connection:
        _check(connection, path)
        last: int = connection.execute(_LAST).get or 0
        after = after if after <= last else 0  # it is another file by now
        found: list[Any] = list(connection.execute(_COMPOSERS, (after, _COMPOSERS_LIMIT)))
        for (number,) in found:
            for line in _conversation(connection, number):
                yield number, line


def list_conversations(path: Path) -> set[str]:
    """Return the ids of all conversations in a file.

    Raises:
        InputError: It is no such file.
        StorageError: It cannot be read now.
    """
    with storage_errors(), closing(_open(path)) as connection:
        _check(connection, path)
        return {str(row[0]) for row in connection.execute(_IDS, (_COMPOSERS_LIMIT,))}


def _check(connection: apsw.Connection, path: Path) -> None:
    if connection.execute(_TABLE).get is None:
        raise InputError(
            f"cannot read conversations from {path.name!r}",
            why="it has no table cursorDiskKV",
            mend="give Cursor's globalStorage/state.vscdb",
        )


def _conversation(connection: apsw.Connection, number: int) -> Iterator[bytes]:
    """Yield the lines of one conversation; a message is in memory at a time."""
    row = connection.execute(_COMPOSER, (number,)).fetchone()
    if row is None or not row[1]:  # it was changed meanwhile, or deleted
        return
    key, value = row
    yield b'{"composer":%b}' % value
    composer_id = str(key).partition(":")[2]
    for header in _headers(value):
        bubble: Any = connection.execute(
            _BUBBLE, (f"bubbleId:{composer_id}:{header.bubble_id}",)
        ).get
        if bubble:
            yield b'{"bubble":%b}' % bubble


def _headers(value: bytes) -> list[_Header]:
    try:
        return _composer.decode(value).headers
    except UNDECODABLE:
        return []


def _open(path: Path) -> apsw.Connection:
    """Open the file so that nothing is written beside it.

    A file without a log takes a lock for the time of a statement, as any reader does. One with a
    log is read together with it, or, when the log is empty, as it lies.
    """
    with path.open("rb") as file:
        is_logged = file.read(_READ_VERSION.stop)[_READ_VERSION] == _LOGGED
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    mode = "mode=ro&immutable=1" if is_logged and not has_log else "mode=ro"
    connection = apsw.Connection(
        f"{path.absolute().as_uri()}?{mode}",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )
    connection.set_busy_timeout(_PATIENCE_MS)
    return connection
