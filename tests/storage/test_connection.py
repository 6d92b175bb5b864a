"""Connections: how they are set up, and how SQLite's errors read where they cross."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import (
    BusyError,
    DamagedError,
    FlowtraceError,
    InputError,
    ReadOnlyError,
    StorageError,
)
from flowtrace_mcp.storage import connection as connections
from flowtrace_mcp.storage.connection import connect, load_vectors, storage_errors


def test_a_write_connection_is_durable_overwrites_what_is_deleted_and_never_checkpoints(
    tmp_path: Path,
) -> None:
    writer = connect(tmp_path / "c.db", writable=True)
    set_up = {
        name: writer.pragma(name)
        for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
    }
    writer.execute("CREATE TABLE t (a)")

    assert set_up == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }
    writer.close()
    assert (tmp_path / "c.db-wal").stat().st_size > 0, "closing leaves the log as it is"


def test_a_write_connection_need_not_wait_for_the_disk(tmp_path: Path) -> None:
    assert connect(tmp_path / "c.db", writable=True, durable=False).pragma("synchronous") == 1


def test_a_read_connection_cannot_write(tmp_path: Path) -> None:
    connect(tmp_path / "c.db", writable=True).execute("CREATE TABLE t (a)")
    reader = connect(tmp_path / "c.db", writable=False)

    with pytest.raises(ReadOnlyError), storage_errors():
        reader.execute("INSERT INTO t VALUES (1)")


def test_a_read_connection_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot open"):
        connect(tmp_path / "c.db", writable=False)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told_as_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(b"not a database, but a letter " * 200)
    letter = path.read_bytes()

    for writable in (False, True):
        with pytest.raises(DamagedError):
            connect(path, writable=writable)

    assert path.read_bytes() == letter


def test_a_lock_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    first = connect(tmp_path / "c.db", writable=True)
    second = connect(tmp_path / "c.db", writable=True, patience_s=0.01)
    first.execute("BEGIN IMMEDIATE")

    with pytest.raises(BusyError, match="locked"), storage_errors():
        second.execute("BEGIN IMMEDIATE")


def test_a_new_file_is_opened_by_many_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(6)

    def open_all(_: int) -> None:
        for number in range(20):
            together.wait(5)
            connect(tmp_path / f"{number}.db", writable=True).close()

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(open_all, range(6))) == [None] * 6


def test_the_wait_for_a_lock_begins_anew_with_every_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter([0.0, 9.0, 11.0, 100.0, 101.0])
    monkeypatch.setattr(connections.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(connections.time, "sleep", lambda _: None)
    wait = connections._patient_for(10.0)

    assert [wait(0), wait(1), wait(2), wait(0), wait(1)] == [True, True, False, True, True]


def test_vectors_are_loaded_without_the_package_that_imports_numpy(tmp_path: Path) -> None:
    connection = connect(tmp_path / "c.db", writable=True)

    load_vectors(connection)

    assert connection.execute("SELECT vec_length(vec_int8(x'0102'))").get == 2
    with pytest.raises(apsw.SQLError):
        connection.execute("SELECT load_extension('x')")


def test_a_missing_extension_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(tmp_path / "c.db", writable=True)
    monkeypatch.setattr(connections.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(StorageError, match="search by meaning"):
        load_vectors(connection)


@pytest.mark.parametrize(
    ("raised", "read_as", "words"),
    [
        (apsw.BusyError, BusyError, "locked"),
        (apsw.LockedError, BusyError, "locked"),
        (apsw.FullError, ReadOnlyError, "full"),
        (apsw.ReadOnlyError, ReadOnlyError, "read-only"),
        (apsw.PermissionsError, ReadOnlyError, "read-only"),
        (apsw.CorruptError, DamagedError, "damaged"),
        (apsw.NotADBError, DamagedError, "damaged"),
        (apsw.CantOpenError, StorageError, "cannot open"),
        (apsw.IOError, StorageError, "disk failed"),
        (apsw.ConstraintError, StorageError, "ConstraintError"),
    ],
)
def test_an_error_of_sqlite_reads_as_one_of_ours(
    raised: type[Exception], read_as: type[FlowtraceError], words: str
) -> None:
    with pytest.raises(read_as, match=words) as caught, storage_errors():
        raise raised("somewhere")

    assert type(caught.value) is read_as
    assert caught.value.mend


def test_an_error_of_ours_and_a_foreign_one_pass_as_they_are() -> None:
    for raised in (InputError("no"), KeyError("no")):
        with pytest.raises(type(raised)) as caught, storage_errors():
            raise raised
        assert caught.value is raised
