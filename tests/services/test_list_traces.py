"""Traces are listed from their roll-ups with names in place of numbers."""

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.list_traces import TraceFilter, list_traces
from flowtrace_mcp.services.listing import Position, RollupTokens, Window
from flowtrace_mcp.services.post_spans import post_spans
from tests.services.conftest import START_US


@pytest.fixture
def post(context, clock):
    pipeline = Pipeline(context.store, clock)

    def send(trace, **more):
        span = {
            "trace_id": f"{trace:032x}",
            "span_id": f"{trace:016x}",
            "name": f"run {trace}",
            "start_time": START_US + trace,
            "end_time": START_US + trace + 100,
            **more,
        }
        assert post_spans(pipeline, {"spans": [span]}).accepted == 1

    return send


def listed(context, limit=10, position=None, **wanted):
    return list_traces(context, TraceFilter(**{"window": Window()} | wanted), position, limit)


def test_a_row_has_names_times_and_sums(context, post):
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 5,
        "session.id": "s-1",
        "gen_ai.agent.name": "helper",
        "service.name": "shop",
    }
    post(1, attributes=call)
    context.store.spans.bind_session("s-1", context.store.project_id("name:shop", "the shop"))
    (row,) = listed(context).items
    assert (row.trace_id, row.name, row.start_us) == (f"{1:032x}", "run 1", START_US + 1)
    assert (row.session, row.agent, row.service, row.project) == (
        "s-1",
        "helper",
        "shop",
        "the shop",
    )
    assert row.duration_us == 100
    assert (row.totals.spans, row.totals.model_calls, row.totals.cost_usd) == (1, 1, None)
    assert row.totals.tokens == RollupTokens(
        input=5, cache_read=None, cache_write=None, output=None, reasoning=None
    )


def test_a_trace_without_its_root_has_no_name_yet(context, post):
    post(1, parent_span_id=99)
    assert listed(context).items[0].name is None


def test_a_full_page_says_where_it_goes_on_and_the_last_one_does_not(context, post):
    for trace in (1, 2, 3):
        post(trace)
    first = listed(context, limit=2)
    assert [row.start_us - START_US for row in first.items] == [3, 2]
    rest = listed(context, limit=2, position=first.next)
    assert [row.start_us - START_US for row in rest.items] == [1]
    assert rest.next is None


def test_a_page_at_the_very_end_is_empty(context, post):
    post(1)
    page = listed(context, limit=1)
    assert isinstance(page.next, Position)
    end = listed(context, limit=1, position=page.next)
    assert (list(end.items), end.next) == ([], None)


def test_a_session_of_another_project_gives_pages_without_rows_that_still_go_on(context, post):
    for trace in (1, 2):
        post(trace, attributes={"session.id": "s-1"})
    number = context.store.project_id("name:shop", "shop")
    page = listed(context, limit=1, session="s-1", project=str(number))
    assert list(page.items) == []
    assert page.next is not None
