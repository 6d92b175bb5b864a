"""Versions of the file: older ones are upgraded, newer and foreign ones left as they are."""

import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import DamagedError, NewerFileError
from flowtrace_mcp.storage import migrate as migrations
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.migrate import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    file_version,
    migrate,
    needs_migration,
    refuse_foreign,
)

NOW_US = 1_795_000_000_000_000


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    return connect(tmp_path / "m.db", writable=True)


def applied(connection: apsw.Connection) -> list[tuple[int, int]]:
    return list(connection.execute("SELECT version, applied_us FROM migrations ORDER BY version"))


def test_an_empty_file_gets_every_step_and_a_record_of_each(connection: apsw.Connection) -> None:
    assert needs_migration(connection)

    count = migrate(connection, NOW_US)

    assert count == len(migrations.MIGRATIONS)
    assert file_version(connection) == SCHEMA_VERSION
    assert connection.pragma("application_id") == APPLICATION_ID
    assert applied(connection) == [(version, NOW_US) for version in migrations.MIGRATIONS]


def test_a_present_file_is_left_as_it_is(connection: apsw.Connection) -> None:
    migrate(connection, NOW_US)

    assert migrate(connection, NOW_US + 1) == 0
    assert not needs_migration(connection)
    assert [when for _, when in applied(connection)] == [NOW_US] * SCHEMA_VERSION


def test_every_table_is_strict_and_no_index_lacks_its_table(connection: apsw.Connection) -> None:
    migrate(connection, NOW_US)
    lax = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND strict = 0 AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'memory_text%'"
    )

    assert list(lax) == []


def test_each_file_has_an_id_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for name in ("a.db", "b.db"):
        connection = connect(tmp_path / name, writable=True)
        migrate(connection, NOW_US)
        ids.add(connection.execute("SELECT value FROM meta WHERE name = 'data_folder_id'").get)
        connection.close()

    assert len(ids) == 2
    assert all(len(one) == 32 for one in ids)


def test_a_step_that_fails_leaves_nothing_behind(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade(connection: apsw.Connection, _now_us: int) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise RuntimeError("half way")

    monkeypatch.setattr(migrations, "MIGRATIONS", {1: upgrade})

    with pytest.raises(RuntimeError):
        migrate(connection, NOW_US)

    assert file_version(connection) == 0
    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert not connection.in_transaction


def test_a_full_disk_during_a_step_is_told_and_leaves_nothing_behind(
    connection: apsw.Connection,
) -> None:
    connection.pragma("max_page_count", 5)

    with pytest.raises(apsw.FullError):
        migrate(connection, NOW_US)

    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert not connection.in_transaction


def test_a_new_step_is_applied_to_an_older_file_and_only_once(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection, NOW_US)
    newest = SCHEMA_VERSION + 1

    def upgrade(connection: apsw.Connection, _now_us: int) -> None:
        connection.execute("CREATE TABLE later (a)")

    monkeypatch.setattr(migrations, "MIGRATIONS", {**migrations.MIGRATIONS, newest: upgrade})
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", newest)

    assert migrate(connection, NOW_US + 1) == 1
    assert migrate(connection, NOW_US + 2) == 0
    assert applied(connection)[-1] == (newest, NOW_US + 1)


def test_a_step_that_another_process_did_meanwhile_is_passed_over(tmp_path: Path) -> None:
    first, second = (connect(tmp_path / "m.db", writable=True) for _ in range(2))
    waits = threading.Event()
    counts: list[int] = []

    def wait_for_the_other(_tries: int) -> bool:
        waits.set()
        return True

    second.set_busy_handler(wait_for_the_other)
    first.execute("BEGIN IMMEDIATE")
    thread = threading.Thread(target=lambda: counts.append(migrate(second, NOW_US + 1)))
    thread.start()
    assert waits.wait(8), "the second has seen an empty file and waits for the first"
    for version, upgrade in migrations.MIGRATIONS.items():
        upgrade(first, NOW_US)
        first.execute("INSERT INTO migrations VALUES (?, ?)", (version, NOW_US))
    first.pragma("application_id", APPLICATION_ID)
    first.pragma("user_version", SCHEMA_VERSION)
    first.execute("COMMIT")
    thread.join(8)

    assert counts == [0]
    assert [when for _, when in applied(second)] == [NOW_US] * SCHEMA_VERSION


def test_a_newer_file_is_refused_and_not_touched(connection: apsw.Connection) -> None:
    migrate(connection, NOW_US)
    connection.pragma("user_version", SCHEMA_VERSION + 1)

    with pytest.raises(NewerFileError, match="too old"):
        needs_migration(connection)
    with pytest.raises(NewerFileError):
        migrate(connection, NOW_US)

    assert file_version(connection) == SCHEMA_VERSION + 1


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a)", "PRAGMA application_id = 1196444487"]
)
def test_a_file_of_another_program_is_refused(connection: apsw.Connection, statement: str) -> None:
    connection.execute(statement)

    with pytest.raises(DamagedError, match="not ours"):
        migrate(connection, NOW_US)

    assert file_version(connection) == 0


def test_a_file_that_becomes_ours_between_two_looks_is_not_taken_for_a_foreign_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.db"
    maker, looker = connect(path, writable=True), connect(path, writable=False)
    maker.execute("BEGIN IMMEDIATE")
    maker.execute("CREATE TABLE migrations (a)")
    maker.pragma("application_id", APPLICATION_ID)

    def make_it_ours(statement: str, _bindings: object) -> bool:
        if "sqlite_schema" in statement and maker.in_transaction:
            maker.execute("COMMIT")
        return True

    looker.exec_trace = lambda _cursor, statement, bindings: make_it_ours(statement, bindings)

    refuse_foreign(looker)

    assert not maker.in_transaction, "it was made between the looks"


def test_a_file_that_is_upgraded_leaves_a_copy_of_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.db"
    with closing(Database(path, lambda: NOW_US)):
        pass
    assert not list(tmp_path.glob("*.schema-*")), "a new file was nothing before"

    def upgrade(connection: apsw.Connection, _now_us: int) -> None:
        connection.execute("CREATE TABLE later (a)")

    newest = SCHEMA_VERSION + 1
    monkeypatch.setattr(migrations, "MIGRATIONS", {**migrations.MIGRATIONS, newest: upgrade})
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", newest)
    with closing(Database(path, lambda: NOW_US)) as database, database.reading() as reader:
        assert reader.pragma("user_version") == newest

    kept = tmp_path / f"m.db.schema-{SCHEMA_VERSION}"
    with closing(connect(kept, writable=False)) as older:
        assert older.pragma("user_version") == SCHEMA_VERSION
        assert [row[0] for row in older.execute("PRAGMA integrity_check")] == ["ok"]
    assert kept.stat().st_mode & 0o077 == 0
