"""The file, its readers, its writer and the thread that checkpoints its write-ahead log."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import apsw

from flowtrace_mcp.errors import BusyError, FlowtraceError, StorageError
from flowtrace_mcp.storage.connection import connect, load_vectors, storage_errors
from flowtrace_mcp.storage.migrate import migrate, refuse_newer
from flowtrace_mcp.storage.writer import Writer

T = TypeVar("T")
Connection = apsw.Connection
Reader = apsw.Connection

READERS_LIMIT: Final = 8
ANSWER_LIMIT_S: Final = 30.0
CHECKPOINT_PAGES: Final = 4096  # 16 MiB of log: start copying it back
RESTART_PAGES: Final = 16384  # 64 MiB: also make the next writer start the log again


class Database:
    """One SQLite file, opened for this process.

    Args:
        path: The database file; its folder is made (mode 0700) when missing.
        now_us: Microseconds since the epoch.
        durable: Whether every commit waits for the disk.

    Raises:
        FlowtraceError: The file cannot be used; a newer file can still be read.
    """

    def __init__(self, path: Path, now_us: Callable[[], int], *, durable: bool = True) -> None:
        self.path = path
        self._now_us = now_us
        self._durable = durable
        self._idle: list[Reader] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(READERS_LIMIT)
        self._checkpointer = Checkpointer(path)
        self.write_refusal: FlowtraceError | None = None
        self._prepare()
        self._writer = Writer(self._open_writer, self._check, self._checkpointer.note)

    def submit(self, job: Callable[[apsw.Connection], T], *, is_bulk: bool = False) -> Future[T]:
        """Queue a write; see ``Writer.submit``."""
        return self._writer.submit(job, is_bulk=is_bulk)

    def write(self, job: Callable[[apsw.Connection], T]) -> T:
        """Run a job in a transaction and return its answer once it is durable.

        Raises:
            BusyError: No commit within 30 s.
            FlowtraceError: What the job or the commit raised.
        """
        future = self._writer.submit(job)
        try:
            return future.result(ANSWER_LIMIT_S)
        except TimeoutError as error:
            raise BusyError(
                "the write was not finished in time",
                why=f"no commit within {ANSWER_LIMIT_S:.0f} s",
                mend="ask whether it is there before writing it again",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Lend a read connection; one snapshot per statement."""
        if not self._free.acquire(timeout=ANSWER_LIMIT_S):
            raise BusyError(
                "too many questions at once", why=f"{READERS_LIMIT} are running", mend="try again"
            )
        try:
            with self._lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                reader = connect(self.path, writable=False)
                load_vectors(reader)
            with storage_errors():
                yield reader
            with self._lock:
                self._idle.append(reader)
        finally:
            self._free.release()

    def scrub_log(self) -> None:
        """Empty the write-ahead log, so that what was deleted is not left in it.

        A log that a reader holds is emptied by the next checkpoint instead.
        """
        self._checkpointer.truncate()

    def stop_writing(self) -> None:
        """Finish the commit under way and take no more; for an exit that cannot wait."""
        self._writer.stop()

    def close(self) -> None:
        """Stop writing and close every connection; the log is left for the next opening."""
        self._writer.stop(limit_s=ANSWER_LIMIT_S)
        self._checkpointer.stop()
        with self._lock:
            for reader in self._idle:
                reader.close()
            self._idle.clear()

    def _prepare(self) -> None:
        """Make or upgrade the file; a present one is only looked at."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StorageError(
                "cannot make the database file",
                why=f"the data folder does not allow it ({error.strerror})",
                mend="set FLOWTRACE_HOME to a folder you may write",
            ) from error
        with storage_errors():
            connection = connect(self.path, writable=os.access(self.path, os.W_OK))
            try:
                migrate(connection, self._now_us())
            except FlowtraceError as error:
                if not _is_readable(connection):
                    raise
                self.write_refusal = error
            finally:
                connection.close()

    def _open_writer(self) -> apsw.Connection:
        connection = connect(self.path, writable=True, durable=self._durable)
        load_vectors(connection)
        return connection

    def _check(self, connection: apsw.Connection) -> None:
        try:
            refuse_newer(connection)
        except FlowtraceError as error:
            self.write_refusal = error
            raise


def _is_readable(connection: apsw.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'memories'").get
    return bool(found)


class Checkpointer:
    """Copies the write-ahead log back into the file, off the committing thread.

    The commit that triggered it paid 42 to 120 ms for it otherwise.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wake = threading.Event()
        self._stopping = False
        self._pages = 0
        self._thread: threading.Thread | None = None

    def note(self, wal_pages: int) -> None:
        """Take note of the log's length after a commit; start work when it is long."""
        self._pages = wal_pages
        if wal_pages < CHECKPOINT_PAGES:
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="flowtrace-checkpoint", daemon=True
            )
            self._thread.start()
        self._wake.set()

    def truncate(self) -> None:
        """Copy the whole log back and cut it to nothing, on the caller's thread."""
        connection = connect(self._path, writable=True)
        try:
            with suppress(apsw.BusyError):
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()

    def stop(self) -> None:
        """End the thread; a checkpoint under way finishes first."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(ANSWER_LIMIT_S)

    def _run(self) -> None:
        connection = connect(self._path, writable=True)
        try:
            while self._wake.wait() and not self._stopping:
                self._wake.clear()
                # A failed checkpoint loses nothing: the log stays and the next one takes it up.
                with suppress(apsw.Error):
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                    if self._pages >= RESTART_PAGES:
                        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        finally:
            connection.close()
