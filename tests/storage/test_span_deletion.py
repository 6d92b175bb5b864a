"""A span that is removed leaves nothing that only it needed, and takes nothing that others need."""

import pytest

from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.storage import contents, edges
from flowtrace_mcp.storage.contents import content_id
from flowtrace_mcp.storage.span_deletion import delete_spans
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span

LONG = b"the long value of both " * 400
LONELY = b"the long value of one " * 400
ALL_US = (START_US, START_US + 10**9)


def told(number: int, *values: bytes, **said: object) -> SpanWrite:
    return span(
        number,
        raw=b"head " + b" and ".join(values) + b" tail",
        long_values=values,
        session="s-1",
        **said,
    )


def kept(store: Store, *writes: SpanWrite) -> Store:
    store.spans.insert_spans(writes).result(8)
    return store


def delete(store: Store, number: int, **more: int) -> None:
    def job(connection):
        signed = int.from_bytes(span(number).span_id, "big", signed=True)
        delete_spans(connection, edges.list_same_spans(connection, [signed]), **more)

    store._database.write(job)


def rows(store: Store, table: str) -> int:
    with store._database.reading() as reader:
        return int(reader.execute(f"SELECT count(*) FROM {table}").get)


def test_a_long_value_stays_as_long_as_a_span_needs_it(store: Store) -> None:
    kept(store, told(1, LONG, LONELY), told(2, LONG))
    before = rows(store, "contents")

    delete(store, 1)

    (left,) = store.spans.list_trace_spans(TRACE)
    assert left.payload is not None
    assert left.payload.raw == b"head " + LONG + b" tail"
    assert rows(store, "contents") == before - 1
    delete(store, 2)
    assert rows(store, "contents") == 0
    assert rows(store, "payload_contents") == 0


def test_resource_and_scope_go_with_the_last_that_names_them(store: Store) -> None:
    kept(
        store,
        told(1, resource=b"\x0a\x00resource", scope=b"\x0a\x00scope"),
        told(2, resource=b"\x0a\x00resource", scope=b"\x0a\x00scope"),
    )

    delete(store, 1)
    assert rows(store, "contents") == 2
    delete(store, 2)
    assert rows(store, "contents") == 0


def test_nothing_at_all_is_left_of_the_last_span(store: Store) -> None:
    kept(store, told(1, LONG), told(2))

    delete(store, 1)
    delete(store, 2)

    for table in ("edges", "payloads", "packs", "usage", "sessions", "traces", "project_hours"):
        assert rows(store, table) == 0, table
    assert rows(store, "span_claims") == 0
    assert store.check() == []


def test_roll_ups_tell_of_what_is_left(store: Store) -> None:
    kept(store, told(1, duration_us=10), told(2, duration_us=99, status=2), told(3))

    delete(store, 2)

    trace, session = store.spans.find_trace(TRACE), store.spans.find_session("s-1")
    assert trace is not None
    assert session is not None
    assert (trace.measures.span_count, session.measures.span_count) == (2, 2)
    assert (trace.measures.error_count, session.measures.error_count) == (0, 0)
    (hour,) = store.spans.list_project_hours(0, (0, 2**52), 10)
    assert hour.measures.span_count == 2


@pytest.mark.parametrize("all_before_us", [0, START_US + 10**12])
def test_a_roll_up_that_goes_as_a_whole_is_not_made_again(store: Store, all_before_us: int) -> None:
    kept(store, told(1), told(2))

    delete(store, 1, all_before_us=all_before_us)

    assert rows(store, "traces") == (0 if all_before_us else 1)
    delete(store, 2, all_before_us=all_before_us)
    assert rows(store, "traces") == 0


def test_a_span_that_was_sent_again_leaves_no_older_value(store: Store) -> None:
    kept(store, told(1, LONELY))
    kept(store, told(1, LONG, duration_us=77))

    (left,) = store.spans.list_trace_spans(TRACE)
    assert left.payload is not None
    assert LONG in left.payload.raw
    with store._database.reading() as reader:
        held = contents.get_contents(reader, [content_id(LONG), content_id(LONELY)])
    assert list(held.values()) == [LONG]
