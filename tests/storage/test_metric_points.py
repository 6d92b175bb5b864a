import pytest

from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.metric_points import (
    MetricRow,
    count_points,
    insert_points,
    list_points,
)

NAME, SERVICE, SESSION = 2**64 - 2, 2**64 - 3, 2**64 - 4


def row(digest: int, time_us: int, name: int = 1, service: int = 1, session: int = 0) -> MetricRow:
    return (digest, time_us, name, service, session, compress(b"point %d" % digest))


@pytest.fixture(autouse=True)
def _fill(database: Database) -> None:
    rows = [row(1, 30), row(2, 10, name=-2), row(3, 10, service=-3), row(4, 20, -2, -3, -4)]
    database.write(lambda c: insert_points(c, rows))


@pytest.mark.parametrize(
    ("name_id", "service_id", "session_id", "digests"),
    [
        (0, 0, 0, [2, 3, 4, 1]),
        (NAME, 0, 0, [2, 4]),
        (0, SERVICE, 0, [3, 4]),
        (NAME, SERVICE, 0, [4]),
        (99, 0, 0, []),
        (0, 0, SESSION, [4]),
        (NAME, 0, SESSION, [4]),
        (0, SERVICE, SESSION, [4]),
        (99, 0, SESSION, []),
        (0, 99, SESSION, []),
        (0, 0, 99, []),
    ],
)
def test_points_are_listed_oldest_first_by_name_service_and_session(
    database: Database, name_id: int, service_id: int, session_id: int, digests: list[int]
) -> None:
    with database.reading() as reader:
        found = list_points(
            reader,
            after=(0, 0),
            limit=10,
            name_id=name_id,
            service_id=service_id,
            session_id=session_id,
        )

    assert [one.digest for one in found] == digests


def test_a_list_goes_on_after_the_point_last_seen(database: Database) -> None:
    with database.reading() as reader:
        (found,) = list_points(reader, after=(10, 2), limit=1)

    assert (found.digest, found.time_us, found.data) == (3, 10, b"point 3")


def test_only_new_points_are_counted(database: Database) -> None:
    added = database.write(lambda c: insert_points(c, [row(1, 30), row(9, 1)]))

    with database.reading() as reader:
        assert (added, count_points(reader)) == (1, 5)
