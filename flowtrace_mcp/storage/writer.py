"""The one thread of this process that writes: it commits what is queued, group by group."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import apsw

from flowtrace_mcp.errors import BusyError, StorageError
from flowtrace_mcp.storage.connection import storage_errors

T = TypeVar("T")
Job = Callable[[apsw.Connection], T]

# A commit takes at most this much work, then lets others in.
COMMIT_WORK_LIMIT_S: Final = 0.020
# Without the gap another process waits 0.8 s behind bulk ingest; with it 3.5 ms.
BULK_GAP_S: Final = 0.005
BULK_QUEUE_LIMIT_JOBS: Final = 64
URGENT_QUEUE_LIMIT_JOBS: Final = 1024
STOP_LIMIT_S: Final = 0.05
_FRAME_HEADER_BYTES: Final = 24  # of each page in the log: SQLite, WAL file format, section 2


@dataclass(slots=True)
class _Queued:
    job: Job[Any]
    is_bulk: bool
    future: Future[Any]


class Writer:
    """Runs jobs in order on one connection and resolves each after its commit is on disk.

    Jobs of people and agents go before bulk ones. Several jobs share a commit; each runs in a
    savepoint, so one that fails takes nothing else with it. Every future that ``submit`` gave
    out is resolved, whatever happens to the file or to this thread; one that its owner cancels
    before its turn is not run.

    Args:
        open_connection: Opens the write connection, on the writer's own thread.
        check: Called at the start of every transaction; raises when the file may not be written.
        on_commit: Called with the length of the write-ahead log in pages after each commit.
    """

    def __init__(
        self,
        open_connection: Callable[[], apsw.Connection],
        check: Job[None],
        on_commit: Callable[[int], None],
    ) -> None:
        self._open_connection = open_connection
        self._check = check
        self._on_commit = on_commit
        self._urgent: deque[_Queued] = deque()
        self._bulk: deque[_Queued] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._wal_pages = 0
        self._log_pages_written = 0
        self._began: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job[T], *, is_bulk: bool = False) -> Future[T]:
        """Queue a job; the future holds its answer once that answer is durable.

        Raises:
            BusyError: The queue is full.
            StorageError: The writer has stopped.
        """
        future: Future[T] = Future()
        queue, limit_jobs = (
            (self._bulk, BULK_QUEUE_LIMIT_JOBS)
            if is_bulk
            else (self._urgent, URGENT_QUEUE_LIMIT_JOBS)
        )
        with self._wake:
            if self._stopping:
                raise StorageError("cannot write", why="this process is ending", mend="try again")
            if len(queue) >= limit_jobs:
                raise BusyError(
                    "the write queue is full",
                    why=f"{limit_jobs} requests are waiting for the disk",
                    mend="send again after a pause",
                )
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="flowtrace-writer", daemon=True
                )
                self._thread.start()
            queue.append(_Queued(job, is_bulk, future))
            self._wake.notify()
        return future

    @property
    def log_bytes_written(self) -> int:
        """Return what went into the write-ahead log since the first job, by every process."""
        page_bytes = self._began[0] if self._began else 0
        return self._log_pages_written * (page_bytes + _FRAME_HEADER_BYTES)

    @property
    def began_bytes(self) -> int | None:
        """Return how much of the file was used before the first job; None where there was none."""
        return self._began[0] * self._began[1] if self._began else None

    def stop(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Let the commit under way finish, refuse the rest; wait at most ``limit_s`` seconds."""
        self._refuse_all(
            StorageError("not written", why="this process is ending", mend="send it again")
        )
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(limit_s)

    def _run(self) -> None:
        try:
            self._serve()
        finally:  # whatever ended this thread, nobody waits for it in vain
            self._refuse_all(
                StorageError("not written", why="the writer has ended", mend="start again")
            )

    def _serve(self) -> None:
        connection: apsw.Connection | None = None
        while self._wait_for_work():
            try:
                if connection is None:
                    connection = self._open()
                had_bulk = self._commit_group(connection)
                self._on_commit(self._wal_pages)
            except Exception as error:  # noqa: BLE001 - the edge of the queue: callers get it
                _fail(self._take_waiting(), error)
                had_bulk = False
            if connection is not None and connection.in_transaction:
                _discard(connection)  # the next job starts on a sound one
                connection = None
            if had_bulk:
                self._leave_gap()
        _discard(connection)

    def _open(self) -> apsw.Connection:
        with storage_errors():
            connection = self._open_connection()
            connection.set_wal_hook(self._note_wal)
            if self._began is None:
                self._begin(connection)
            return connection

    def _begin(self, connection: apsw.Connection) -> None:
        """Note how long file and log are, from which on is counted what is written."""
        pages = int(connection.pragma("page_count")) - int(connection.pragma("freelist_count"))
        self._began = int(connection.pragma("page_size")), pages
        self._wal_pages = max(connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0], 0)

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._urgent or self._bulk or self._stopping):
                self._wake.wait()
            return bool(self._urgent or self._bulk)

    def _leave_gap(self) -> None:
        """Stay off the write lock for a moment, unless somebody here waits for an answer."""
        until_s = time.monotonic() + BULK_GAP_S
        with self._wake:
            while not (self._urgent or self._stopping):
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return
                self._wake.wait(left_s)

    def _next(self) -> _Queued | None:
        """Return the next job that its owner still wants, now beyond cancelling."""
        with self._wake:
            while self._urgent or self._bulk:
                queued = (self._urgent or self._bulk).popleft()
                if queued.future.set_running_or_notify_cancel():
                    return queued
        return None

    def _commit_group(self, connection: apsw.Connection) -> bool:
        """Run queued jobs in one transaction, commit, resolve; say whether any was bulk.

        Raises:
            Exception: The transaction could not begin. One that fails later fails its own jobs.
        """
        taken: list[_Queued] = []
        answers: list[Any] = []
        try:
            with storage_errors():
                connection.execute("BEGIN IMMEDIATE")
                self._check(connection)
                until_s = time.monotonic() + COMMIT_WORK_LIMIT_S
                while (queued := self._next()) is not None:
                    taken.append(queued)
                    answers.append(_run_job(connection, queued))
                    if time.monotonic() > until_s:
                        break
                connection.execute("COMMIT")
        except BaseException as error:
            for queued in taken:
                queued.future.set_exception(error)
            if not (taken and isinstance(error, Exception)):
                raise
            return False
        for queued, answer in zip(taken, answers, strict=True):
            if isinstance(answer, _Failed):
                queued.future.set_exception(answer.error)
            else:
                queued.future.set_result(answer)
        return any(queued.is_bulk for queued in taken)

    def _refuse_all(self, error: StorageError) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        _fail(self._take_waiting(), error)

    def _take_waiting(self) -> list[_Queued]:
        with self._wake:
            waiting = [*self._urgent, *self._bulk]
            self._urgent.clear()
            self._bulk.clear()
        return waiting

    def _note_wal(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        # A log that is shorter than before was begun anew.
        is_longer = pages > self._wal_pages
        self._log_pages_written += pages - self._wal_pages if is_longer else pages
        self._wal_pages = pages
        return apsw.SQLITE_OK


@dataclass(slots=True)
class _Failed:
    error: Exception


def _run_job(connection: apsw.Connection, queued: _Queued) -> Any:
    connection.execute("SAVEPOINT job")
    try:
        with storage_errors():
            answer = queued.job(connection)
            connection.execute("RELEASE job")
            return answer
    except Exception as error:  # the edge of the queue: the caller gets it
        if not connection.in_transaction:  # a full disk rolls the whole transaction back
            raise
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return _Failed(error)


def _fail(waiting: Iterable[_Queued], error: Exception) -> None:
    for queued in waiting:
        if queued.future.set_running_or_notify_cancel():
            queued.future.set_exception(error)


def _discard(connection: apsw.Connection | None) -> None:
    """Close a connection; what it had not committed is rolled back."""
    if connection is not None:
        with suppress(apsw.Error):
            connection.close()
