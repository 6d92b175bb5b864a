"""The file, its readers, its writer and the thread that checkpoints its write-ahead log."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import apsw

from flowtrace_mcp.errors import BusyError, FlowtraceError, NewerFileError, StorageError
from flowtrace_mcp.storage import meta
from flowtrace_mcp.storage.connection import (
    connect,
    load_vectors,
    read_only_error,
    storage_errors,
)
from flowtrace_mcp.storage.file_copy import copy_database
from flowtrace_mcp.storage.migrate import (
    file_version,
    migrate,
    needs_migration,
    refuse_newer,
)
from flowtrace_mcp.storage.writer import Writer

T = TypeVar("T")
Connection = apsw.Connection
Reader = apsw.Connection

READERS_LIMIT: Final = 8
ANSWER_LIMIT_S: Final = 30.0
CHECKPOINT_PAGES: Final = 4096  # 16 MiB of log: start copying it back
RESTART_PAGES: Final = 16384  # 64 MiB: also make the next writer start the log again
# Cutting or restarting the log holds the write lock while it waits for readers to end.
CHECKPOINT_PATIENCE_S: Final = 0.02
SCRUB_PATIENCE_S: Final = 1.0
RETRY_S: Final = 1.0


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
        self._is_closed = False
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(READERS_LIMIT)
        self._checkpointer = Checkpointer(path)
        self.write_refusal: FlowtraceError | None = None
        self._restored = ""  # the content that waiting jobs were made for
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
        return answer_of(self._writer.submit(job), ANSWER_LIMIT_S)

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
                reader = self._open_reader()
            try:
                with storage_errors():
                    yield reader
            except BaseException:
                reader.close()
                raise
            self._take_back(reader)
        finally:
            self._free.release()

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Lend a read connection whose statements all see the file as it is at the first."""
        with self.reading() as reader, reader:
            yield reader

    def scrub_log(self) -> bool:
        """Empty the write-ahead log, so that what was deleted is not left in it.

        Returns:
            Whether it is empty now. One that a reader holds is emptied in the background as
            soon as the reader is done.
        """
        return self._checkpointer.truncate()

    def written(self) -> tuple[int, int | None]:
        """Return bytes that went into the log since this process writes, and bytes used before."""
        return self._writer.log_bytes_written, self._writer.began_bytes

    def stop_writing(self) -> None:
        """Finish the commit under way and take no more; for an exit that cannot wait."""
        self._writer.stop()

    def close(self) -> None:
        """Stop writing and close every connection; the log is left for the next opening."""
        self._writer.stop(limit_s=ANSWER_LIMIT_S)
        self._checkpointer.stop()
        with self._lock:
            self._is_closed = True
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
        if not self.path.is_file():  # SQLite would say that the disk has failed
            raise StorageError(
                "cannot open the database file",
                why="a folder stands in its place",
                mend="set FLOWTRACE_DB_PATH to a file",
            )
        self._roll_back()
        if self._is_out_of_date():
            self._keep_older()
            with closing(connect(self.path, writable=True)) as connection, storage_errors():
                migrate(connection, self._now_us())
                self._restored = meta.find_meta(connection, meta.RESTORED) or ""
        elif self.write_refusal is None and not os.access(self.path, os.W_OK):
            self.write_refusal = read_only_error()

    def _keep_older(self) -> None:
        """Keep a copy of a file that is about to be brought to a newer schema."""
        with closing(connect(self.path, writable=False)) as connection, storage_errors():
            version = file_version(connection)
        if version:
            kept = self.path.with_name(f"{self.path.name}.schema-{version}")
            with suppress(FileExistsError):  # another process keeps it, or one did before
                copy_database(self.path, kept)

    def _roll_back(self) -> None:
        """Undo what a crash has cut short before the file had a log; only who may write can."""
        journal = self.path.with_name(f"{self.path.name}-journal")
        if journal.exists() and os.access(self.path, os.W_OK):
            with closing(connect(self.path, writable=True)):
                pass

    def _is_out_of_date(self) -> bool:
        with closing(connect(self.path, writable=False)) as connection, storage_errors():
            try:
                if needs_migration(connection):
                    return True
            except NewerFileError as error:
                self.write_refusal = error
            # A damaged page is told to who reads it; opening the file reads as little as it can.
            with suppress(apsw.CorruptError):
                self._restored = meta.find_meta(connection, meta.RESTORED) or ""
            return False

    def _open_writer(self) -> apsw.Connection:
        return _with_vectors(connect(self.path, writable=True, durable=self._durable))

    def _open_reader(self) -> Reader:
        return _with_vectors(connect(self.path, writable=False))

    def _take_back(self, reader: Reader) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(reader)
                return
        reader.close()

    def _check(self, connection: apsw.Connection) -> None:
        try:
            refuse_newer(connection)
        except FlowtraceError as error:
            self.write_refusal = error
            raise
        self._refuse_stale(connection)

    def _refuse_stale(self, connection: apsw.Connection) -> None:
        """Fail what waits when a backup was restored meanwhile: its numbers are of the former file.

        Raises:
            BusyError: Once, for all that waits.
        """
        restored = meta.find_meta(connection, meta.RESTORED) or ""
        if restored != self._restored:
            self._restored = restored
            raise BusyError(
                "a backup was restored just now",
                why="what was to be written was made for the content before",
                mend="try again",
            )


def answer_of(future: Future[T], limit_s: float) -> T:
    """Return what a queued job answered, once it is durable.

    Args:
        future: From ``Database.submit``.
        limit_s: How long to wait for it.

    Raises:
        BusyError: No commit in that time; the message says whether one may still come.
        FlowtraceError: What the job or the commit raised.
    """
    try:
        return future.result(limit_s)
    except TimeoutError as error:
        if future.done():  # the job's own, or it was ready just now
            return future.result()
        raise BusyError(
            "the write was not finished in time",
            why=f"no commit within {limit_s:.0f} s",
            mend="try again; nothing was written"
            if future.cancel()
            else "ask whether it is there before writing it again",
        ) from error


def _with_vectors(connection: apsw.Connection) -> apsw.Connection:
    try:
        load_vectors(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class Checkpointer:
    """Copies the write-ahead log back into the file, off the committing thread.

    The commit that triggered it paid 42 to 120 ms for it otherwise.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._stopping = False
        self._owes_truncation = False
        self._pages = 0
        self._thread: threading.Thread | None = None

    def note(self, wal_pages: int) -> None:
        """Take note of the log's length after a commit; start work when it is long."""
        self._pages = wal_pages
        if wal_pages >= CHECKPOINT_PAGES:
            self._start()

    def truncate(self) -> bool:
        """Copy the whole log back and cut it to nothing; say whether that is done.

        It is tried on the caller's thread. A log that a reader holds, or that cannot be cut for
        another reason, is cut later, in the background.
        """
        self._owes_truncation = True  # whatever happens here, it is tried again until it is done
        # What was deleted is gone already, so a failure here is not one of the caller's.
        with suppress(FlowtraceError), closing(self._connect(SCRUB_PATIENCE_S)) as connection:
            self._owes_truncation = not _truncate(connection)
        if self._owes_truncation:
            self._start()
        return not self._owes_truncation

    def stop(self) -> None:
        """End the thread; a checkpoint under way finishes first."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(ANSWER_LIMIT_S)

    def _connect(self, patience_s: float) -> apsw.Connection:
        return connect(self._path, writable=True, patience_s=patience_s)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="flowtrace-checkpoint", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        while True:
            self._wake.wait(RETRY_S if self._owes_truncation else None)
            if self._stopping:
                break
            self._wake.clear()
            # A failed checkpoint loses nothing: the log stays and the next one takes it up.
            with suppress(apsw.Error, FlowtraceError):
                if connection is None:
                    connection = self._connect(CHECKPOINT_PATIENCE_S)
                self._checkpoint(connection)
        if connection is not None:
            connection.close()

    def _checkpoint(self, connection: apsw.Connection) -> None:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if self._owes_truncation:
            self._owes_truncation = not _truncate(connection)
        elif self._pages >= RESTART_PAGES:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


def _truncate(connection: apsw.Connection) -> bool:
    with storage_errors():
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
    return True
