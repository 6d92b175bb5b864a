"""The file as a whole: opening it, lending readers, refusing writes, its log, its exit."""

import itertools
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import (
    BusyError,
    DamagedError,
    InputError,
    NewerFileError,
    ReadOnlyError,
    StorageError,
)
from flowtrace_mcp.storage import database as databases
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.database import READERS_LIMIT, Checkpointer, Database, answer_of
from flowtrace_mcp.storage.meta import find_meta, update_meta
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION
from tests.storage.conftest import Clock
from tests.waiting import wait_until

WAIT_S = 8.0
LONG = "x" * 2_000_000  # about 490 pages


def note(name: str, value: str = "") -> Callable[[apsw.Connection], None]:
    return lambda connection: update_meta(connection, name, value)


def read(database: Database, name: str) -> str | None:
    with database.reading() as reader:
        return find_meta(reader, name)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def make_newer(path: Path) -> None:
    with connect(path, writable=True) as other:
        other.pragma("user_version", SCHEMA_VERSION + 1)
    other.close()


def test_a_new_file_is_made_for_its_owner_alone(database: Database, path: Path) -> None:
    database.write(note("a"))
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, path, log_of(path))]

    assert modes == [0o700, 0o600, 0o600]


def test_what_was_written_is_there_after_opening_again(path: Path, clock: Clock) -> None:
    first = Database(path, clock)
    first.write(note("a", "1"))
    first.close()

    second = Database(path, clock)
    found = read(second, "a")
    second.close()

    assert found == "1"


def test_opening_a_present_file_writes_nothing(path: Path, clock: Clock) -> None:
    Database(path, clock).close()
    before = (path.read_bytes(), path.stat().st_mtime_ns, log_of(path).read_bytes())

    again = Database(path, clock)
    read(again, "a")
    again.close()

    assert (path.read_bytes(), path.stat().st_mtime_ns, log_of(path).read_bytes()) == before


def test_the_error_of_a_job_reaches_its_caller(database: Database) -> None:
    def failing(_: apsw.Connection) -> None:
        raise InputError("no")

    with pytest.raises(InputError):
        database.write(failing)


def test_bulk_jobs_are_queued_and_answered(database: Database) -> None:
    assert database.submit(lambda _: 7, is_bulk=True).result(WAIT_S) == 7


def test_a_reader_is_lent_again_after_use_and_not_after_an_error(database: Database) -> None:
    with database.reading() as first:
        pass
    with database.reading() as second:
        pass
    with pytest.raises(InputError), database.reading():
        raise InputError("no")
    with database.reading() as third:
        assert third.execute("SELECT 1").get == 1

    assert second is first
    assert third is not first


def test_an_error_of_sqlite_while_reading_reads_as_one_of_ours(database: Database) -> None:
    with pytest.raises(StorageError), database.reading() as reader:
        reader.execute("SELECT * FROM nowhere")


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(ReadOnlyError), database.reading() as reader:
        update_meta(reader, "a", "1")


def test_more_readers_than_the_limit_wait_and_are_then_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "ANSWER_LIMIT_S", 0.01)
    with ExitStack() as lent:
        readers = {id(lent.enter_context(database.reading())) for _ in range(READERS_LIMIT)}
        with pytest.raises(BusyError, match="too many"), database.reading():
            pass

    assert len(readers) == READERS_LIMIT
    with database.reading() as reader:
        assert reader.execute("SELECT 1").get == 1


def test_a_reader_that_is_out_when_the_file_is_closed_is_closed_on_its_return(
    path: Path, clock: Clock
) -> None:
    database = Database(path, clock)
    with database.reading() as idle:
        pass
    lent = database.reading()
    with lent as reader:
        database.close()
        assert reader.execute("SELECT 1").get == 1

    for closed in (reader, idle):
        with pytest.raises(apsw.ConnectionClosedError):
            closed.execute("SELECT 1")


def test_a_closed_file_takes_no_more_writes(path: Path, clock: Clock) -> None:
    database = Database(path, clock)
    database.write(note("a"))
    database.stop_writing()
    with pytest.raises(StorageError, match="cannot write"):
        database.write(note("b"))

    database.close()
    assert log_of(path).stat().st_size > 0, "the log is left for the next opening"


def test_a_write_without_an_end_is_given_up_and_not_done_later(database: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(_: apsw.Connection) -> None:
        entered.set()
        assert leave.wait(WAIT_S)

    held = database.submit(hold)
    assert entered.wait(WAIT_S)
    with pytest.raises(BusyError) as waiting:
        answer_of(database.submit(note("late")), 0)
    with pytest.raises(BusyError) as running:
        answer_of(held, 0)
    leave.set()
    held.result(WAIT_S)
    database.write(note("next"))

    assert "nothing was written" in waiting.value.mend
    assert "ask whether it is there" in running.value.mend
    assert read(database, "late") is None


def test_an_answer_that_comes_as_the_time_is_up_is_taken() -> None:
    class JustInTime(Future[int]):
        def result(self, timeout: float | None = None) -> int:
            if timeout is not None:
                self.set_result(7)
                raise TimeoutError
            return super().result(timeout)

    assert answer_of(JustInTime(), 1.0) == 7


def test_a_time_out_of_the_job_itself_is_its_answer() -> None:
    future: Future[int] = Future()
    future.set_exception(TimeoutError("the job's own"))

    with pytest.raises(TimeoutError, match="own"):
        answer_of(future, 1.0)


def test_a_newer_file_is_read_but_not_written(path: Path, clock: Clock) -> None:
    first = Database(path, clock)
    first.write(note("a", "1"))
    first.close()
    make_newer(path)

    old = Database(path, clock)
    with pytest.raises(NewerFileError, match="too old"):
        old.write(note("a", "2"))
    found = read(old, "a")
    old.close()

    assert isinstance(old.write_refusal, NewerFileError)
    assert found == "1"


def test_a_file_that_is_upgraded_under_an_old_process_makes_it_read_only(
    database: Database, path: Path
) -> None:
    database.write(note("a", "1"))
    assert database.write_refusal is None
    make_newer(path)

    for _ in range(2):
        with pytest.raises(NewerFileError):
            database.write(note("a", "2"))

    assert isinstance(database.write_refusal, NewerFileError)
    assert read(database, "a") == "1"


@pytest.mark.parametrize("content", [b"a letter, not a database " * 300, b"SQLite format 3\0" * 64])
def test_a_damaged_file_is_refused_and_left_as_it_is(
    path: Path, clock: Clock, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(DamagedError):
        Database(path, clock)

    assert path.read_bytes() == content
    assert [place.name for place in path.parent.iterdir()] == [path.name]


def test_a_page_that_is_damaged_is_told_to_who_reads_it(path: Path, clock: Clock) -> None:
    database = Database(path, clock)
    database.write(note("a", "1"))
    assert database.scrub_log()
    with database.reading() as reader:
        page = reader.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").get
    database.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)

    again = Database(path, clock)
    with pytest.raises(DamagedError):
        read(again, "a")
    again.close()


def test_a_file_of_another_program_is_refused_and_left_as_it_is(path: Path, clock: Clock) -> None:
    path.parent.mkdir()
    theirs = apsw.Connection(str(path))
    theirs.execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
    theirs.close()
    before = path.read_bytes()

    with pytest.raises(DamagedError, match="not ours"):
        Database(path, clock)

    assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_file_is_told(path: Path, clock: Clock) -> None:
    path.mkdir(parents=True)

    with pytest.raises(StorageError, match="cannot open"):
        Database(path, clock)


def test_a_file_in_the_place_of_the_folder_is_told(path: Path, clock: Clock) -> None:
    path.parent.write_text("in the way")

    with pytest.raises(StorageError, match="cannot make"):
        Database(path, clock)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs permissions as Linux has them")
def test_a_file_without_write_permission_is_read_and_refuses_writes(
    clock: Clock, outside: Path, as_a_user: AbstractContextManager[None]
) -> None:
    path = outside / "flowtrace.db"
    first = Database(path, clock)
    first.write(note("a", "1"))
    first.scrub_log()
    first.close()
    for place in outside.iterdir():
        place.chmod(0o444)

    with as_a_user:
        database = Database(path, clock)
        refusal = database.write_refusal
        found = read(database, "a")
        with pytest.raises(ReadOnlyError, match="read-only"):
            database.write(note("a", "2"))
        database.close()

    assert isinstance(refusal, ReadOnlyError)
    assert found == "1"


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs permissions as Linux has them")
def test_a_folder_without_write_permission_is_told(
    clock: Clock, outside: Path, as_a_user: AbstractContextManager[None]
) -> None:
    outside.chmod(0o555)

    with as_a_user, pytest.raises(StorageError, match="does not allow it"):
        Database(outside / "flowtrace.db", clock)


def test_a_full_disk_refuses_writes_and_goes_on_once_there_is_room(database: Database) -> None:
    database.write(lambda c: c.pragma("max_page_count", c.pragma("page_count")))
    with pytest.raises(ReadOnlyError, match="disk is full"):
        database.write(note("long", LONG))
    database.write(lambda c: c.pragma("max_page_count", 2**30))

    database.write(note("long", LONG))

    assert read(database, "long") == LONG


def test_a_missing_extension_leaves_no_connection_open(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(path, clock)
    opened: list[apsw.Connection] = []

    def refuse(connection: apsw.Connection) -> None:
        opened.append(connection)
        raise StorageError("cannot search by meaning")

    monkeypatch.setattr(databases, "load_vectors", refuse)

    with pytest.raises(StorageError, match="by meaning"):
        read(database, "a")
    with pytest.raises(apsw.ConnectionClosedError):
        opened[0].execute("SELECT 1")
    database.close()


class TestCheckpointer:
    """The thread that copies the log back into the file."""

    def test_a_long_log_is_copied_back_off_the_committing_thread(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(databases, "CHECKPOINT_PAGES", 100)
        before = path.stat().st_size

        database.write(note("long", LONG))

        wait_until(lambda: path.stat().st_size > before + len(LONG))

    def test_a_short_log_is_left_alone(self, database: Database) -> None:
        database.write(note("a"))

        assert database._checkpointer._thread is None

    def test_a_very_long_log_is_begun_again_by_the_next_writer(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(databases, "CHECKPOINT_PAGES", 100)
        monkeypatch.setattr(databases, "RESTART_PAGES", 200)
        database.write(note("long", LONG))
        length = log_of(path).stat().st_size

        values = map(str, itertools.count())

        def is_begun_again() -> bool:
            database.write(note("b", next(values)))
            return database._checkpointer._pages < 100

        wait_until(is_begun_again)

        assert log_of(path).stat().st_size >= length, "a log begun again is not cut"

    def test_scrubbing_cuts_the_log_to_nothing(self, database: Database, path: Path) -> None:
        database.write(note("secret", "zqzqzq"))
        assert b"zqzqzq" in log_of(path).read_bytes()

        assert database.scrub_log()

        assert log_of(path).stat().st_size == 0
        assert b"zqzqzq" in path.read_bytes()

    def test_a_log_that_a_reader_holds_is_cut_once_the_reader_is_done(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(databases, "SCRUB_PATIENCE_S", 0.01)
        monkeypatch.setattr(databases, "RETRY_S", 0.01)
        database.write(note("a"))
        with database.reading() as reader, reader:
            assert find_meta(reader, "a") == ""
            database.write(note("b"))
            assert not database.scrub_log()
            assert log_of(path).stat().st_size > 0

        wait_until(lambda: log_of(path).stat().st_size == 0)
        assert read(database, "b") == ""

    def test_a_log_that_cannot_be_cut_is_tried_again_and_is_no_error_of_the_caller(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(databases, "RETRY_S", 0.01)
        failures = [StorageError("the disk failed"), StorageError("the disk failed")]
        connect_really = Checkpointer._connect

        def fail_at_first(self: Checkpointer, patience_s: float) -> apsw.Connection:
            if failures:
                raise failures.pop()
            return connect_really(self, patience_s)

        monkeypatch.setattr(Checkpointer, "_connect", fail_at_first)
        database.write(note("a"))

        assert not database.scrub_log()
        wait_until(lambda: log_of(path).stat().st_size == 0)

    def test_stopping_ends_the_thread(self, path: Path, clock: Clock) -> None:
        Database(path, clock).close()
        checkpointer = Checkpointer(path)
        checkpointer.note(databases.CHECKPOINT_PAGES)
        thread = checkpointer._thread
        assert thread is not None

        checkpointer.stop()

        assert not thread.is_alive()

    def test_stopping_one_that_never_worked_is_nothing(self, path: Path) -> None:
        Checkpointer(path).stop()
