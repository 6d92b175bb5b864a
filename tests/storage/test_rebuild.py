"""Roll-ups made again where there is nothing, or nothing any more, to make them from."""

from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage.project_hours import list_project_hours
from flowtrace_mcp.storage.rebuild import rebuild_hour, rebuild_session, rebuild_trace
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span

ALL = Page(limit=10)
SESSION = 77


def rebuild_all(store: Store, session_id: int) -> None:
    hour_us = START_US // HOUR_US * HOUR_US
    store._database.write(lambda c: rebuild_trace(c, TRACE))
    store._database.write(lambda c: rebuild_session(c, session_id))
    store._database.write(lambda c: rebuild_hour(c, 0, hour_us))


def everything(store: Store) -> tuple[object, object, int]:
    with store._database.reading() as reader:
        hours = list_project_hours(reader, 0, (0, 2**62), 10)
    return store.spans.list_traces(ALL), store.spans.list_sessions(ALL), len(hours)


def test_nothing_is_made_of_nothing(store: Store) -> None:
    rebuild_all(store, SESSION)

    assert everything(store) == ([], [], 0)


def test_a_rollup_made_again_is_as_it_was(store: Store) -> None:
    spans = [span(1, session="s-1", agent="a", service="shop", user="ann"), span(2)]
    store.spans.insert_spans(spans).result(8)
    before = everything(store)

    rebuild_all(store, store.spans.list_trace_spans(TRACE)[0].edge.session_id)

    assert everything(store) == before


def test_a_rollup_without_spans_is_removed(store: Store) -> None:
    store.spans.insert_spans([span(1, session="s-1")]).result(8)
    session_id = store.spans.list_trace_spans(TRACE)[0].edge.session_id
    store._database.write(lambda c: c.execute("DELETE FROM edges"))

    rebuild_all(store, session_id)

    assert everything(store) == ([], [], 0)
