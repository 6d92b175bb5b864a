import tracemalloc

import pytest

from flowtrace_mcp.ingest.unsettled import (
    CALL_TRACES_KEPT,
    TRACES_KEPT,
    UnsettledTraces,
    model_calls,
)
from flowtrace_mcp.model.edge import EdgeFlag, SpanType
from flowtrace_mcp.model.telemetry import LogRecord, Resource, Scope
from tests.storage.span_builder import span


def trace(number):
    return number.to_bytes(16, "big")


def event(number, name="api_request"):
    return LogRecord(
        time_us=0,
        trace_id=trace(number) if number else b"",
        span_id=b"",
        severity=9,
        event_name=name,
        body=None,
        attributes={},
        resource=Resource(),
        scope=Scope(),
    )


def call(number=1, start_us=0, scope=b"one", parent=0, trace_id=None, duration_us=10):
    return span(
        number,
        trace_id=trace_id or trace(1),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        start_us=start_us,
        duration_us=duration_us,
        scope=scope,
        span_type=SpanType.GENERATION,
    )


def waiting(traces):
    found = []
    while (trace_id := traces.take()) is not None:
        found.append(trace_id)
    return found


@pytest.fixture
def traces():
    return UnsettledTraces()


def test_a_trace_whose_event_arrives_waits_once(traces):
    traces.note_events([event(1), event(2), event(1)])
    assert sorted(waiting(traces)) == [trace(1), trace(2)]
    assert waiting(traces) == []


def test_a_trace_waits_again_when_its_call_comes_after_its_event(traces):
    traces.note_events([event(1)])
    waiting(traces)
    traces.note_calls([call(1), call(2, trace_id=trace(2))])
    assert waiting(traces) == [trace(1)]


def test_events_of_no_call_or_no_trace_wait_for_nothing(traces):
    traces.note_events([event(1, "tool_result"), event(0)])
    traces.note_calls([call(1)])
    assert waiting(traces) == []


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "views",
    [
        [call(1, scope=b"one"), call(2, 5, scope=b"two")],
        [call(2, 5, scope=b"two"), call(1, scope=b"one")],
        [call(1), call(2, parent=1)],
        [call(2, parent=1), call(1)],
    ],
)
def test_two_views_of_one_call_make_its_trace_wait(traces, views, together):
    for part in [views] if together else [[view] for view in views]:
        traces.note_calls(part)
    assert waiting(traces) == [trace(1)]


@pytest.mark.parametrize(
    "calls",
    [
        [call(1), call(2)],  # parallel calls of one instrumentation
        [call(1, 0, scope=b"one"), call(2, 10, scope=b"two")],
        [call(1), call(2, 20, parent=7), call(3, 40, parent=7)],
        [call(1), call(1)],  # sent again
        [call(1), call(2, scope=b"two", trace_id=trace(2))],
    ],
)
def test_calls_that_are_two_are_left_alone(traces, calls):
    traces.note_calls(calls)
    assert waiting(traces) == []


def test_only_calls_to_models_are_looked_at():
    aggregate = span(2, span_type=SpanType.GENERATION, flags=EdgeFlag.AGGREGATE)
    assert model_calls([call(1), aggregate, span(3)]) == [call(1)]


def test_those_that_wait_longest_are_taken_first(traces):
    for number in (3, 1, 2):
        traces.note_events([event(number)])
    assert waiting(traces) == [trace(3), trace(1), trace(2)]


def test_so_many_traces_are_kept_and_the_oldest_go(traces):
    for number in range(1, TRACES_KEPT + 2):
        traces.note_events([event(number)])
    found = waiting(traces)
    assert len(found) == TRACES_KEPT
    assert found[0] == trace(2)


def test_what_is_kept_of_calls_is_bounded(traces):
    def fill(first):
        for number in range(first, first + CALL_TRACES_KEPT):
            calls = [
                call(each, each, scope=b"%d" % each, parent=each + 1000, trace_id=trace(number + 1))
                for each in range(1, 25)
            ]
            traces.note_calls(calls)
        waiting(traces)

    tracemalloc.start()
    fill(0)
    before, _ = tracemalloc.get_traced_memory()
    fill(CALL_TRACES_KEPT)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert before < 8_000_000
    assert after < before * 1.1
