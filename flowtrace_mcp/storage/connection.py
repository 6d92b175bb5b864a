"""One SQLite connection, set up the way every part of Flowtrace needs it."""

import importlib.util
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from flowtrace_mcp.errors import (
    BusyError,
    DamagedError,
    FlowtraceError,
    ReadOnlyError,
    StorageError,
)

BUSY_LIMIT_S: Final = 10.0
CACHE_KIB: Final = 16 * 1024
# Enough for the widest multi-row INSERT; SQLite's own default is 32766.
STATEMENT_CACHE: Final = 128

_OPEN_READ: Final = apsw.SQLITE_OPEN_READONLY
_OPEN_WRITE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def connect(
    path: Path, *, writable: bool, durable: bool = True, patience_s: float = BUSY_LIMIT_S
) -> apsw.Connection:
    """Open the file; a read connection never writes to it.

    Args:
        path: The database file.
        writable: Whether the connection may write and create the file.
        durable: ``synchronous=FULL`` rather than ``NORMAL``.
        patience_s: How long to wait for a lock.

    Raises:
        StorageError: The file cannot be opened as a database.
    """
    with storage_errors():
        connection = apsw.Connection(
            str(path),
            flags=_OPEN_WRITE if writable else _OPEN_READ,
            statementcachesize=STATEMENT_CACHE,
        )
        try:
            connection.set_busy_handler(_patient_for(patience_s))
            _set_up(connection)
            if writable:
                _set_up_writes(connection, durable=durable, patience_s=patience_s)
            else:
                connection.execute("PRAGMA query_only = ON")
        except apsw.Error:
            connection.close()
            raise
        return connection


def _set_up(connection: apsw.Connection) -> None:
    # No checkpoint at exit: it took 164 ms with a 62 MB log against 7 ms without.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA foreign_keys = ON")


def _set_up_writes(connection: apsw.Connection, *, durable: bool, patience_s: float) -> None:
    if not connection.pragma("page_count"):  # of a file that has pages it cannot be changed
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _use_log(connection, patience_s)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    connection.wal_autocheckpoint(0)  # a thread of its own checkpoints


def _use_log(connection: apsw.Connection, patience_s: float) -> None:
    """Switch to the write-ahead log.

    Of two processes that switch a new file at once one is refused without its busy handler being
    asked: SQLite sees that waiting with the lock it holds would be a deadlock.
    """
    is_patient = _patient_for(patience_s)
    for tries in itertools.count():
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if not is_patient(tries):
                raise
        else:
            return


def load_vectors(connection: apsw.Connection) -> None:
    """Load sqlite-vec into a connection, by path.

    Its Python package is not imported: it imports numpy and the standard library's SQLite.

    Raises:
        StorageError: sqlite-vec is not installed.
    """
    found = importlib.util.find_spec("sqlite_vec")
    if found is None or found.origin is None:
        raise StorageError(
            "cannot search by meaning",
            why="the package sqlite-vec is not installed",
            mend="install flowtrace-mcp again",
        )
    with storage_errors():
        connection.enable_load_extension(True)
        connection.load_extension(str(Path(found.origin).with_name("vec0")))
        connection.enable_load_extension(False)


def read_only_error() -> ReadOnlyError:
    """Return what a write to a file without write permission meets."""
    return ReadOnlyError(
        "cannot write to the database",
        why="the file or its folder is read-only",
        mend="give yourself write permission on the data folder",
    )


def _patient_for(limit_s: float) -> Callable[[int], bool]:
    """Return a busy handler that waits with jitter, so that no writer is starved in step."""
    started_s = 0.0

    def wait(tries: int) -> bool:
        nonlocal started_s
        now_s = time.monotonic()
        if tries == 0:
            started_s = now_s
        if now_s - started_s > limit_s:
            return False
        time.sleep(random.uniform(0.0005, 0.003))  # noqa: S311 - jitter, not a secret
        return True

    return wait


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn SQLite's errors into ours where they cross into our code."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise BusyError(
            "the database is locked",
            why=f"another process has written for over {BUSY_LIMIT_S:.0f} s",
            mend="try again; `flowtrace doctor` names who holds it",
        ) from error
    except apsw.FullError as error:
        raise ReadOnlyError(
            "cannot write to the database", why="the disk is full", mend="free some space"
        ) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise read_only_error() from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DamagedError(
            "the database file cannot be read",
            why="it is damaged or not a SQLite file",
            mend="run `flowtrace doctor`, or restore a backup",
        ) from error
    except apsw.CantOpenError as error:
        raise StorageError(
            "cannot open the database file",
            why="the data folder is missing or not accessible",
            mend="check FLOWTRACE_HOME and the folder's permissions",
        ) from error
    except apsw.IOError as error:
        raise StorageError(
            "the disk failed under the database",
            why=f"SQLite reports {error}",
            mend="check the disk, then run `flowtrace doctor`",
        ) from error
    except FlowtraceError:
        raise
    except apsw.Error as error:
        raise StorageError(
            "the database refused a statement", why=type(error).__name__, mend="report this"
        ) from error
