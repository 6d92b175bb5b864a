"""What is settled of a stored span is in every sum that it is in, and in no other."""

import pytest

from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.settled_spans import SettledSpan
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span, span_id, version_of

USAGE = TokenUsage(input=5, output=7)


def call(number, cost_usd=None, **more):
    said = {"span_type": SpanType.GENERATION, "usage": USAGE, "session": "s-1", "agent": "a-1"}
    return span(number, cost_usd=cost_usd, **said | more)


def settle(store, costs_usd, trace_id=TRACE):
    settled = {one: SettledSpan(cost_usd=cost_usd) for one, cost_usd in costs_usd.items()}
    return store.spans.settle_spans(trace_id, settled)


def keep(store, *spans):
    store.spans.insert_spans(spans).result(5)


def sums(store):
    """Return the measures of the trace, its session and its hour."""
    hour_us = START_US - START_US % HOUR_US
    (hour,) = store.spans.list_project_hours(0, (hour_us, hour_us + HOUR_US), 10)
    session = store.spans.find_session("s-1")
    return [store.spans.find_trace(TRACE).measures, session.measures, hour.measures]


def test_a_known_cost_that_changes_changes_all_sums_by_the_difference(store):
    keep(store, call(1, 0.5), call(2, 1.0))
    assert settle(store, {span_id(1): 0.25}) == 1
    assert [each.cost_usd for each in sums(store)] == [1.25] * 3
    assert [one.usage.cost_usd for one in store.spans.list_trace_spans(TRACE)] == [0.25, 1.0]


def test_a_cost_that_was_not_known_is_added(store):
    keep(store, call(1))
    settle(store, {span_id(1): 0.25})
    assert [each.cost_usd for each in sums(store)] == [0.25] * 3


def test_nothing_but_the_cost_changes(store):
    keep(store, call(1, 0.5, user="u-1", service="v-1", name="root"))
    before, trace = sums(store), store.spans.find_trace(TRACE)
    settle(store, {span_id(1): 0.75})
    for old, new in zip(before, sums(store), strict=True):
        assert new.values()[:-1] == old.values()[:-1]
    again = store.spans.find_trace(TRACE)
    assert again.row()[:13] == trace.row()[:13]
    assert store.spans.find_session("s-1").user_id != 0


def test_the_same_cost_again_and_spans_that_are_not_there_change_nothing(store):
    keep(store, call(1, 0.5), span(2))
    wanted = {span_id(1): 0.5, span_id(2): 3.0, span_id(3): 4.0}
    assert settle(store, wanted) == 0
    assert settle(store, wanted, bytes(16)) == 0
    assert sums(store)[0].cost_usd == 0.5


def test_a_call_that_does_not_count_is_in_no_sum_but_that_of_spans(store):
    keep(store, call(1, 0.5), call(2, 2.0))
    settled = {span_id(1): SettledSpan(), span_id(2): SettledSpan(counts=False)}
    assert store.spans.settle_spans(TRACE, settled) == 1
    for each in sums(store):
        assert (each.cost_usd, each.input_tokens, each.output_tokens) == (0.5, 5, 7)
        assert (each.span_count, each.model_call_count) == (2, 1)
    assert store.spans.settle_spans(TRACE, settled) == 0


def test_a_call_that_counts_after_all_is_in_all_sums_again(store):
    keep(store, call(1, 0.5))
    before = sums(store)
    store.spans.settle_spans(TRACE, {span_id(1): SettledSpan(counts=False, cost_usd=0.5)})
    store.spans.settle_spans(TRACE, {span_id(1): SettledSpan(cost_usd=0.5)})
    assert sums(store) == before


def test_a_failed_call_without_usage_can_be_one_that_does_not_count(store):
    keep(store, call(1, usage=None))
    store.spans.settle_spans(TRACE, {span_id(1): SettledSpan(counts=False)})
    assert [each.model_call_count for each in sums(store)] == [0] * 3


def test_a_span_that_is_sent_again_unchanged_stays_as_it_was_settled(store):
    keep(store, call(1, 0.5), call(2, 2.0))
    store.spans.settle_spans(TRACE, {span_id(2): SettledSpan(counts=False)})
    stored = store.spans.insert_spans([call(1, 0.5), call(2, 2.0)]).result(5)
    assert (stored.same_count, stored.replaced_count) == (2, 0)
    assert [each.cost_usd for each in sums(store)] == [0.5] * 3


def test_what_is_settled_outlives_that_the_session_moves_to_a_project(store):
    keep(store, call(1, 0.5), call(2, 2.0))
    store.spans.settle_spans(TRACE, {span_id(2): SettledSpan(counts=False)})
    project_id = store.project_id("git:example.com/o/shop", "shop")
    store.spans.bind_session("s-1", project_id)
    hour_us = START_US - START_US % HOUR_US
    (hour,) = store.spans.list_project_hours(project_id, (hour_us, hour_us + HOUR_US), 10)
    assert (hour.measures.cost_usd, hour.measures.model_call_count) == (0.5, 1)


def test_a_span_without_a_session_is_in_none(store):
    keep(store, call(1, 0.5, session=""))
    assert settle(store, {span_id(1): 1.0}) == 1
    assert store.spans.list_sessions(Page(limit=10)) == []


def test_a_newer_version_of_the_span_takes_the_place_of_the_changed_one(store):
    keep(store, call(1, 0.5))
    settle(store, {span_id(1): 2.0})
    keep(store, call(1, 0.5, duration_us=20))
    assert [each.cost_usd for each in sums(store)] == pytest.approx([0.5] * 3)


def test_another_cost_is_another_version_of_the_trace(store):
    keep(store, call(1, 0.5))
    before = version_of(store)

    settle(store, {span_id(1): 0.25})

    assert version_of(store) != before
