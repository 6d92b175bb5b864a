import apsw
import pytest

from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.rows import ROWS_PER_STEP, VALUES_PER_STEP, insert_rows, int_array

HEAD = "INSERT INTO strings (string_id, text)"


@pytest.mark.parametrize("count", [0, 1, *ROWS_PER_STEP, sum(ROWS_PER_STEP) + 5, 2 * 512 + 63])
def test_all_rows_are_inserted_however_many_there_are(database: Database, count: int) -> None:
    rows = [(number, f"text {number}") for number in range(count)]

    database.write(lambda c: insert_rows(c, HEAD, rows))

    with database.reading() as reader:
        stored = list(reader.execute("SELECT string_id, text FROM strings ORDER BY string_id"))
    assert stored == rows


@pytest.mark.parametrize("columns", [30, 100])
def test_wide_rows_go_in_steps_that_sqlite_takes(database: Database, columns: int) -> None:
    names = ", ".join(f"c{number}" for number in range(columns))
    rows = [tuple(range(row, row + columns)) for row in range(700)]
    assert len(rows) * columns > VALUES_PER_STEP

    def job(connection: apsw.Connection) -> list[tuple[int, ...]]:
        connection.execute(f"CREATE TEMP TABLE wide ({names})")
        insert_rows(connection, "INSERT INTO wide", rows)
        return list(connection.execute(f"SELECT {names} FROM wide ORDER BY rowid"))

    assert database.write(job) == rows


def test_a_conflict_is_met_as_the_caller_says(database: Database) -> None:
    def insert(text: str) -> None:
        tail = "ON CONFLICT DO NOTHING"
        database.write(lambda c: insert_rows(c, HEAD, [(1, text), (1, text)], tail))

    insert("first")
    insert("second")

    with database.reading() as reader:
        assert reader.execute("SELECT text FROM strings").get == "first"


def test_many_keys_are_bound_as_one_value_and_none_match_nothing(database: Database) -> None:
    database.write(lambda c: insert_rows(c, HEAD, [(1, "a"), (-2, "b"), (3, "c")]))
    wanted = "SELECT text FROM strings WHERE string_id IN carray(?) ORDER BY text"

    with database.reading() as reader:
        found = [
            [row[0] for row in reader.execute(wanted, (int_array(keys),))]
            for keys in ([1, -2, 9], [], {3})
        ]

    assert found == [["a", "b"], [], ["c"]]
