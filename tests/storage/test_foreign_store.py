from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import DamagedError, InputError
from flowtrace_mcp.storage.foreign_store import read_foreign_rows

COLUMNS = ("content", "tags", "deleted_at")


def foreign_file(path: Path, *contents: str) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT, tags TEXT)")
    with connection:
        connection.executemany(
            "INSERT INTO memories (content, tags) VALUES (?, 'a,b')",
            [(content,) for content in contents],
        )
    return connection


def contents(path: Path) -> list[str]:
    return [row["content"] for _, row in read_foreign_rows(path, "memories", COLUMNS)]


def test_rows_come_with_the_columns_that_the_file_has(tmp_path: Path) -> None:
    foreign_file(tmp_path / "a b#?.db", "one", "two").close()

    rows = list(read_foreign_rows(tmp_path / "a b#?.db", "memories", COLUMNS))

    assert rows == [
        (1, {"content": "one", "tags": "a,b"}),
        (2, {"content": "two", "tags": "a,b"}),
    ]


def test_more_than_a_page_comes_whole(tmp_path: Path) -> None:
    foreign_file(tmp_path / "x.db", *map(str, range(1201))).close()

    assert contents(tmp_path / "x.db") == [str(number) for number in range(1201)]


def test_nothing_is_written_beside_the_file(tmp_path: Path) -> None:
    foreign_file(tmp_path / "x.db", "one").close()
    before = (tmp_path / "x.db").read_bytes()

    contents(tmp_path / "x.db")

    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]
    assert (tmp_path / "x.db").read_bytes() == before


def test_what_is_in_the_log_of_an_open_file_is_read_too(tmp_path: Path) -> None:
    connection = foreign_file(tmp_path / "x.db", "one")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO memories (content) VALUES ('two')")

    assert contents(tmp_path / "x.db") == ["one", "two"]
    connection.close()


def test_a_file_without_the_table_and_one_that_is_damaged_are_told_apart(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("CREATE TABLE songs (x)")
    other.close()
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)

    with pytest.raises(InputError, match="no table"):
        contents(tmp_path / "other.db")
    with pytest.raises(DamagedError):
        contents(tmp_path / "bad.db")
