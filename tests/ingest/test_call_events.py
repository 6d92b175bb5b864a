import pytest

from flowtrace_mcp.ingest.call_events import CallEvent, CallSpan, fuller_usage, join_calls
from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.usage import TokenUsage

USAGE = TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
END_US = 1_795_340_369_517_316


def call(number=1, end_us=END_US, usage=USAGE, request_id="", model="claude-sonnet-4-5"):
    return CallSpan(
        span_id=bytes([number] * 8),
        end_us=end_us,
        request_id=request_id,
        facts=SpanFacts(operation="chat", usage=usage, model=model),
    )


def event(time_us=END_US, usage=USAGE, cost=1.0, request_id="", span=0, model="claude-sonnet-4-5"):
    return CallEvent(
        time_us=time_us,
        span_id=bytes([span] * 8),
        request_id=request_id,
        facts=EventFacts(usage=usage, cost_usd=cost, model=model),
    )


def costs(calls, events):
    return {one[0]: facts.cost_usd for one, facts in join_calls(calls, events).items()}


def test_an_event_joins_the_call_that_ended_at_its_time_with_its_tokens():
    calls = [call(1), call(2, END_US + 315_000)]
    events = [event(END_US + 314_000, cost=2), event(END_US - 300, cost=1)]
    assert costs(calls, events) == {1: 1, 2: 2}


def test_of_calls_that_end_together_each_has_one_event():
    calls = [call(1), call(2)]
    assert costs(calls, [event(cost=1), event(cost=1)]) == {1: 1, 2: 1}
    assert len(costs(calls, [event()])) == 1
    assert len(costs([call(1)], [event(), event()])) == 1


def test_tokens_tell_calls_apart_that_end_together():
    other = TokenUsage(input=9, output=3)
    calls = [call(1), call(2, usage=other)]
    assert costs(calls, [event(usage=other, cost=2), event(cost=1)]) == {1: 1, 2: 2}


def test_an_event_with_other_tokens_is_of_another_call():
    assert costs([call()], [event(usage=TokenUsage(input=120, output=17))]) == {}
    assert costs([call()], [event(usage=TokenUsage(input=216, output=18))]) == {}


def test_an_event_of_another_time_is_of_another_call():
    assert costs([call()], [event(END_US + 250_001)]) == {}
    assert costs([call()], [event(END_US - 250_000)]) == {1: 1}


def test_without_counts_the_end_must_be_the_same_and_the_model_no_other():
    silent = call(usage=None)
    assert costs([silent], [event(END_US + 2000)]) == {1: 1}
    assert costs([silent], [event(END_US + 2001)]) == {}
    assert costs([silent], [event(model="claude-haiku-4-5")]) == {}
    assert costs([call(usage=None, model="")], [event()]) == {1: 1}


def test_the_id_of_a_request_decides_whatever_else_is_said():
    calls = [call(1, request_id="req-1"), call(2, request_id="req-2")]
    events = [event(END_US + 9_000_000, usage=None, request_id="req-2", cost=2)]
    assert costs(calls, events) == {2: 2}
    assert costs(calls, [event(request_id="req-3")]) == {}


def test_an_event_that_names_the_call_is_of_it():
    assert costs([call(1), call(2)], [event(END_US + 9_000_000, span=2, cost=2)]) == {2: 2}


def test_thoughts_that_stand_beside_the_output_of_a_span_are_in_that_of_its_event():
    own = TokenUsage(input=120, output=12)
    told = TokenUsage(input=56, cache_read=64, output=17, reasoning=5)
    assert costs([call(usage=own)], [event(usage=told)]) == {1: 1}
    assert fuller_usage(own, told) == told


@pytest.mark.parametrize("own", [None, USAGE])
def test_counts_are_taken_from_whoever_knows_most(own):
    assert fuller_usage(own, USAGE) == USAGE
    assert fuller_usage(own, None) == own
    assert fuller_usage(USAGE, TokenUsage(input=216, output=17)) == USAGE


def test_among_a_thousand_calls_each_event_finds_its_own():
    calls = [call(1, END_US + 300_000 * number) for number in range(1000)]
    calls = [
        CallSpan(
            span_id=number.to_bytes(8, "big"), end_us=one.end_us, request_id="", facts=one.facts
        )
        for number, one in enumerate(calls)
    ]
    events = [event(END_US + 300_000 * number + 900, cost=number) for number in range(1000)]
    found = join_calls(calls, events)
    assert [found[one.span_id].cost_usd for one in calls] == list(range(1000))
