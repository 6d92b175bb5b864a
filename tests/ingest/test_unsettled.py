from flowtrace_mcp.ingest.unsettled import TRACES_KEPT, UnsettledTraces
from flowtrace_mcp.model.telemetry import LogRecord, Resource, Scope


class Record:
    """What is looked at of a span."""

    def __init__(self, number):
        self.trace_id = trace(number)


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


def test_a_trace_whose_event_arrives_waits_once():
    traces = UnsettledTraces()
    traces.note_events([event(1), event(2), event(1)])
    assert sorted(traces.take(10)) == [trace(1), trace(2)]
    assert traces.take(10) == []


def test_a_trace_waits_again_when_its_spans_come_after_its_event():
    traces = UnsettledTraces()
    traces.note_events([event(1)])
    traces.take(10)
    traces.note_spans([Record(1), Record(2)])
    assert traces.take(10) == [trace(1)]


def test_spans_without_events_and_events_of_no_trace_wait_for_nothing():
    traces = UnsettledTraces()
    traces.note_spans([Record(1)])
    traces.note_events([event(1, "tool_result"), event(0)])
    traces.note_spans([Record(1)])
    assert traces.take(10) == []


def test_those_that_wait_longest_are_taken_first():
    traces = UnsettledTraces()
    for number in (3, 1, 2):
        traces.note_events([event(number)])
    assert traces.take(2) == [trace(3), trace(1)]
    assert traces.take(2) == [trace(2)]


def test_so_many_traces_are_kept_and_the_oldest_go():
    traces = UnsettledTraces()
    for number in range(1, TRACES_KEPT + 2):
        traces.note_events([event(number)])
    waiting = traces.take(2 * TRACES_KEPT)
    assert len(waiting) == TRACES_KEPT
    assert waiting[0] == trace(2)
