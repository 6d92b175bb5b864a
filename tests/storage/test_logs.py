import pytest

from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.logs import (
    LogRow,
    count_logs,
    insert_logs,
    list_logs,
    list_trace_digests,
    list_trace_events,
)

EVENT = to_signed(string_id("event"))
SESSION = 2**64 - 5
TRACE = bytes(8) + bytes([255]) * 8


def row(digest: int, time_us: int, *, trace: int = 0, session: int = 0) -> LogRow:
    return (digest, time_us, trace, 0, session, EVENT, 8, compress(b"log %d" % digest))


@pytest.fixture(autouse=True)
def _fill(database: Database) -> None:
    rows = [row(3, 10), row(-4, 10, trace=-1), row(5, 20, trace=-1, session=-5), row(6, 5)]
    database.write(lambda c: insert_logs(c, rows))


def test_records_are_listed_oldest_first_and_by_digest_within_a_microsecond(
    database: Database,
) -> None:
    with database.reading() as reader:
        found = list_logs(reader, after=(0, 0), limit=10)

    assert [one.digest for one in found] == [6, -4, 3, 5]
    assert (found[0].time_us, found[0].event_id, found[0].data) == (5, EVENT, b"log 6")


def test_a_list_goes_on_after_the_record_last_seen(database: Database) -> None:
    with database.reading() as reader:
        found = list_logs(reader, after=(10, -4), limit=1)

    assert [one.digest for one in found] == [3]


def test_records_of_a_trace_and_of_a_session_are_listed_alone(database: Database) -> None:
    with database.reading() as reader:
        of_trace = list_logs(reader, after=(0, 0), limit=10, trace_id=TRACE)
        of_session = list_logs(reader, after=(0, 0), limit=10, session_id=SESSION)

    assert [one.digest for one in of_trace] == [-4, 5]
    assert [(one.digest, one.session_id) for one in of_session] == [(5, -5)]


def test_only_new_records_are_counted(database: Database) -> None:
    added = database.write(lambda c: insert_logs(c, [row(3, 10), row(9, 1)]))

    with database.reading() as reader:
        assert (added, count_logs(reader)) == (1, 5)


def test_records_of_a_trace_are_listed_by_the_names_of_their_events(database: Database) -> None:
    def listed(*names: str, limit: int = 10) -> list[int]:
        with database.reading() as reader:
            return [one.digest for one in list_trace_events(reader, TRACE, names, limit)]

    assert listed("event", "other") == [-4, 5]
    assert listed("event", limit=1) == [-4]
    assert listed("other") == listed() == []


def test_the_digests_of_a_trace_are_listed(database: Database) -> None:
    with database.reading() as reader:
        assert list_trace_digests(reader, TRACE, 10) == [-4, 5]
