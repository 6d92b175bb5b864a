"""The writer: order, grouping, durability and what becomes of every future."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import BusyError, InputError, ReadOnlyError, StorageError
from flowtrace_mcp.storage import writer as writers
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.writer import BULK_QUEUE_LIMIT_JOBS, URGENT_QUEUE_LIMIT_JOBS, Writer

WAIT_S = 8.0
FILLING = b"x" * 100_000
insert = "INSERT INTO rows_kept (name) VALUES (?)"


class Gate:
    """A job that holds the writer until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.leave = threading.Event()

    def __call__(self, _connection: apsw.Connection) -> None:
        self.entered.set()
        assert self.leave.wait(WAIT_S)


def keep(name: str) -> Callable[[apsw.Connection], str]:
    def job(connection: apsw.Connection) -> str:
        connection.execute(insert, (name,))
        return name

    return job


def fill(connection: apsw.Connection) -> None:
    connection.execute(insert, (FILLING,))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.db"
    with connect(path, writable=True) as connection:
        connection.execute("CREATE TABLE rows_kept (name)")
    connection.close()
    return path


@pytest.fixture
def opened() -> list[apsw.Connection]:
    return []


@pytest.fixture
def make(file: Path, opened: list[apsw.Connection]) -> Iterator[Callable[..., Writer]]:
    writers_made: list[Writer] = []

    def open_connection() -> apsw.Connection:
        opened.append(connect(file, writable=True, patience_s=0.05))
        return opened[-1]

    def build(
        check: Callable[[apsw.Connection], None] = lambda _: None,
        on_commit: Callable[[int], None] = lambda _: None,
        open_connection: Callable[[], apsw.Connection] = open_connection,
    ) -> Writer:
        writers_made.append(Writer(open_connection, check, on_commit))
        return writers_made[-1]

    yield build
    for one in writers_made:
        one.stop(WAIT_S)


def kept(file: Path) -> list[object]:
    reader = connect(file, writable=False)
    try:
        return [row[0] for row in reader.execute("SELECT name FROM rows_kept ORDER BY rowid")]
    finally:
        reader.close()


def hold(writer: Writer) -> Gate:
    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(WAIT_S)
    return gate


def error_of(future: "Future[object]") -> BaseException | None:
    return future.exception(WAIT_S)


def test_an_answer_comes_after_its_row_can_be_read_by_others(
    make: Callable[..., Writer], file: Path
) -> None:
    answer = make().submit(keep("a")).result(WAIT_S)

    assert (answer, kept(file)) == ("a", ["a"])


def test_the_write_connection_waits_for_the_disk_at_every_commit(
    make: Callable[..., Writer],
) -> None:
    full = make().submit(lambda c: c.pragma("synchronous")).result(WAIT_S)

    assert full == 2


def test_jobs_that_wait_together_share_a_commit(make: Callable[..., Writer]) -> None:
    commits: list[int] = []
    writer = make(on_commit=commits.append)
    gate = hold(writer)
    futures = [writer.submit(keep(str(number))) for number in range(20)]

    gate.leave.set()
    for future in futures:
        future.result(WAIT_S)
    writer.stop(WAIT_S)

    assert len(commits) < len(futures)
    assert commits[-1] > 0, "the length of the log in pages is told"


def test_jobs_of_people_go_before_bulk_ones_that_came_first(
    make: Callable[..., Writer], file: Path
) -> None:
    writer = make()
    gate = hold(writer)
    bulk = [writer.submit(keep(f"bulk {n}"), is_bulk=True) for n in range(3)]
    urgent = writer.submit(keep("urgent"))

    gate.leave.set()
    for future in (*bulk, urgent):
        future.result(WAIT_S)

    assert kept(file) == ["urgent", "bulk 0", "bulk 1", "bulk 2"]


def test_a_commit_takes_a_limited_amount_of_work(
    make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "COMMIT_WORK_LIMIT_S", -1.0)
    commits: list[int] = []
    writer = make(on_commit=commits.append)
    gate = hold(writer)
    futures = [writer.submit(keep(str(number)), is_bulk=True) for number in range(5)]

    gate.leave.set()
    for future in futures:
        future.result(WAIT_S)
    writer.stop(WAIT_S)

    assert len(commits) == 6, "one for the gate and one a job"


def test_a_job_that_fails_takes_nothing_else_with_it(
    make: Callable[..., Writer], file: Path
) -> None:
    def failing(connection: apsw.Connection) -> None:
        connection.execute(insert, ("half",))
        raise InputError("no")

    writer = make()
    gate = hold(writer)
    before, failed, after = (writer.submit(job) for job in (keep("before"), failing, keep("after")))
    gate.leave.set()

    assert isinstance(error_of(failed), InputError)
    assert (before.result(WAIT_S), after.result(WAIT_S)) == ("before", "after")
    assert kept(file) == ["before", "after"]


def test_an_error_of_sqlite_in_a_job_reads_as_one_of_ours(make: Callable[..., Writer]) -> None:
    failed = make().submit(lambda c: c.execute("SELECT * FROM nowhere"))

    assert isinstance(error_of(failed), StorageError)


def test_a_cancelled_job_is_not_run(make: Callable[..., Writer], file: Path) -> None:
    writer = make()
    gate = hold(writer)
    unwanted, wanted = writer.submit(keep("unwanted")), writer.submit(keep("wanted"))

    assert unwanted.cancel()
    gate.leave.set()
    wanted.result(WAIT_S)

    assert kept(file) == ["wanted"]


def test_a_job_under_way_can_no_longer_be_cancelled(make: Callable[..., Writer]) -> None:
    writer = make()
    gate = Gate()
    future = writer.submit(gate)
    assert gate.entered.wait(WAIT_S)

    assert not future.cancel()
    gate.leave.set()
    assert future.result(WAIT_S) is None


@pytest.mark.parametrize(
    ("is_bulk", "limit_jobs"), [(True, BULK_QUEUE_LIMIT_JOBS), (False, URGENT_QUEUE_LIMIT_JOBS)]
)
def test_a_full_queue_refuses_one_more(
    make: Callable[..., Writer], is_bulk: bool, limit_jobs: int
) -> None:
    writer = make()
    gate = hold(writer)
    futures = [writer.submit(lambda _: None, is_bulk=is_bulk) for _ in range(limit_jobs)]

    with pytest.raises(BusyError, match="queue is full"):
        writer.submit(lambda _: None, is_bulk=is_bulk)

    writer.submit(lambda _: None, is_bulk=not is_bulk)  # the other queue still has room
    gate.leave.set()
    assert all(future.result(WAIT_S) is None for future in futures)


def test_stopping_finishes_the_job_under_way_and_refuses_the_rest(
    make: Callable[..., Writer], file: Path
) -> None:
    writer = make()
    gate = Gate()

    def under_way(connection: apsw.Connection) -> None:
        connection.execute(insert, ("under way",))
        gate(connection)

    running = writer.submit(under_way)
    assert gate.entered.wait(WAIT_S)
    waiting = writer.submit(keep("waiting"))

    writer.stop(0)
    assert isinstance(error_of(waiting), StorageError)
    with pytest.raises(StorageError, match="cannot write"):
        writer.submit(keep("late"))
    gate.leave.set()
    running.result(WAIT_S)

    assert kept(file) == ["under way"]


def test_stopping_leaves_a_cancelled_job_cancelled(make: Callable[..., Writer]) -> None:
    writer = make()
    gate = hold(writer)
    cancelled = writer.submit(keep("cancelled"))
    cancelled.cancel()

    writer.stop(0)
    gate.leave.set()

    assert cancelled.cancelled()


def test_stopping_from_the_writer_itself_does_not_wait_for_itself(
    make: Callable[..., Writer],
) -> None:
    writer = make()

    assert writer.submit(lambda _: writer.stop()).result(WAIT_S) is None


def test_a_writer_that_never_wrote_stops_at_once(make: Callable[..., Writer]) -> None:
    writer = make()

    writer.stop()

    with pytest.raises(StorageError):
        writer.submit(keep("late"))


def test_a_failing_check_fails_the_waiting_jobs_and_leaves_no_transaction(
    make: Callable[..., Writer], file: Path, opened: list[apsw.Connection]
) -> None:
    refusals = [InputError("not now")]

    def check(_: apsw.Connection) -> None:
        if refusals:
            raise refusals.pop()

    writer = make(check=check)

    assert isinstance(error_of(writer.submit(keep("refused"))), InputError)
    assert writer.submit(keep("taken")).result(WAIT_S) == "taken"
    assert kept(file) == ["taken"]
    assert len(opened) == 2, "one that was left in a transaction is not used again"


def test_a_file_that_cannot_be_opened_fails_the_job_and_is_tried_again(
    make: Callable[..., Writer], file: Path
) -> None:
    tries: list[int] = []

    def open_connection() -> apsw.Connection:
        tries.append(1)
        if len(tries) == 1:
            raise apsw.CantOpenError("no")
        return connect(file, writable=True)

    writer = make(open_connection=open_connection)

    assert isinstance(error_of(writer.submit(keep("first"))), StorageError)
    assert writer.submit(keep("second")).result(WAIT_S) == "second"


def test_a_lock_that_another_process_holds_too_long_reads_as_busy(
    make: Callable[..., Writer], file: Path
) -> None:
    writer = make()
    other = connect(file, writable=True)
    other.execute("BEGIN IMMEDIATE")

    busy = error_of(writer.submit(keep("shut out")))
    other.execute("ROLLBACK")
    other.close()

    assert isinstance(busy, BusyError)
    assert writer.submit(keep("let in")).result(WAIT_S) == "let in"
    assert kept(file) == ["let in"]


def test_a_disk_that_is_full_in_a_job_fails_the_group_and_spares_what_was_there(
    make: Callable[..., Writer], file: Path
) -> None:
    writer = make()
    writer.submit(keep("old")).result(WAIT_S)
    writer.submit(lambda c: c.pragma("max_page_count", c.pragma("page_count"))).result(WAIT_S)
    gate = hold(writer)
    futures = [writer.submit(keep("new")), writer.submit(fill)]
    gate.leave.set()

    errors = [error_of(future) for future in futures]

    assert all(isinstance(error, ReadOnlyError) for error in errors)
    assert "disk is full" in str(errors[0])
    assert kept(file) == ["old"]
    assert writer.submit(keep("small")).result(WAIT_S) == "small"


class FullDisk(apsw.VFS):
    """The ordinary file system, until its disk is full."""

    def __init__(self) -> None:
        super().__init__("full-disk", "")
        self.is_full = False

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - APSW's name
        return FullDiskFile(self, name, flags)


class FullDiskFile(apsw.VFSFile):
    """A file that takes no more bytes once the disk is full."""

    def __init__(
        self, disk: FullDisk, name: apsw.URIFilename | str | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - APSW's name
        if self._disk.is_full:
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)


def test_a_disk_that_is_full_at_the_commit_fails_every_job_of_it(
    make: Callable[..., Writer], file: Path
) -> None:
    disk = FullDisk()

    def open_connection() -> apsw.Connection:
        connection = apsw.Connection(str(file), vfs="full-disk")
        connection.pragma("synchronous", "FULL")
        return connection

    writer = make(open_connection=open_connection)
    writer.submit(keep("old")).result(WAIT_S)
    disk.is_full = True

    error = error_of(writer.submit(keep("new")))
    disk.is_full = False

    assert isinstance(error, ReadOnlyError)
    assert writer.submit(keep("again")).result(WAIT_S) == "again"
    writer.stop(WAIT_S)
    assert kept(file) == ["old", "again"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_whose_thread_ends_leaves_nobody_waiting(make: Callable[..., Writer]) -> None:
    def leave(_: apsw.Connection) -> None:
        raise SystemExit

    writer = make()
    gate = hold(writer)
    ended, waiting = writer.submit(leave), writer.submit(keep("never"))
    gate.leave.set()

    assert isinstance(error_of(ended), SystemExit)
    assert isinstance(error_of(waiting), StorageError)
    with pytest.raises(StorageError):
        writer.submit(keep("late"))


def test_a_failing_listener_of_commits_does_not_undo_what_is_on_disk(
    make: Callable[..., Writer], file: Path
) -> None:
    def fail(_: int) -> None:
        raise OSError("no more threads")

    writer = make(on_commit=fail)

    assert writer.submit(keep("a")).result(WAIT_S) == "a"
    assert kept(file) == ["a"]


def test_an_urgent_job_ends_the_gap_between_bulk_commits(
    make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "BULK_GAP_S", 1000.0)
    writer = make()
    writer.submit(keep("bulk"), is_bulk=True).result(WAIT_S)

    assert writer.submit(keep("urgent")).result(WAIT_S) == "urgent"
