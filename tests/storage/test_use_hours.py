"""What was used hour by hour is what the spans say, whatever happens to the spans."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.model.edge import EdgeFlag, Environment, SpanType
from flowtrace_mcp.model.ids import signed_string_id
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage import use_hours
from flowtrace_mcp.storage.settled_spans import SettledSpan
from flowtrace_mcp.storage.use_hours import UseFilter
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span, span_id
from tests.storage.test_rollups import fresh_store

HOUR = START_US - START_US % HOUR_US
ALL = UseFilter(since_us=0, until_us=2**52)


def call(number, cost_usd=None, **more):
    said = {
        "span_type": SpanType.GENERATION,
        "usage": TokenUsage(input=5, output=7),
        "provider": "anthropic",
        "model": "claude",
        "agent": "a-1",
    }
    return span(number, cost_usd=cost_usd, **said | more)


def keep(store, *spans):
    store.spans.insert_spans(spans).result(5)


def by(store, dimension, wanted=ALL):
    return {(one.first, one.second): one for one in store.uses.list_uses(dimension, wanted, 100)}


def test_calls_tokens_and_cost_are_summed_by_model(store):
    keep(store, call(1, 0.5), call(2, 0.25), call(3, 1.0, model="gpt", provider="openai"))

    sums = by(store, "model")

    claude = sums[signed_string_id("anthropic"), signed_string_id("claude")]
    assert claude.measures.model_call_count == 2
    assert claude.measures.cost_usd == 0.75
    assert (claude.measures.input_tokens, claude.measures.output_tokens) == (10, 14)
    assert sums[signed_string_id("openai"), signed_string_id("gpt")].measures.cost_usd == 1.0


def test_executions_and_failures_are_summed_by_tool(store):
    ran = {"span_type": SpanType.TOOL_CALL, "tool": "Bash"}
    keep(store, span(1, **ran), span(2, **ran, status=2), span(3))

    sums = by(store, "tool")

    bash = sums[signed_string_id("Bash"), 0].measures
    assert (bash.tool_call_count, bash.error_count) == (2, 1)
    assert store.spans.get_strings([signed_string_id("Bash")])[signed_string_id("Bash")] == "Bash"


def test_a_call_that_told_tokens_and_has_no_price_is_counted(store):
    keep(store, call(1), call(2, 0.5), call(3, usage=None), call(4, flags=EdgeFlag.AGGREGATE))

    (only,) = by(store, "nothing").values()

    assert only.unpriced_count == 1


def test_sums_can_be_of_one_project_agent_or_model_and_of_some_hours(store):
    keep(store, call(1, 1.0, session="s"), call(2, 2.0, agent="a-2"))
    keep(store, call(3, 4.0, start_us=START_US + HOUR_US, model="other"))
    project_id = store.project_id("git:x", "x")
    store.spans.bind_session("s", project_id)
    for hour_us in store.uses.list_stale(10):
        store.uses.recount(hour_us)

    def cost(**said):
        wanted = UseFilter(**{"since_us": 0, "until_us": 2**52} | said)
        return [one.measures.cost_usd for one in store.uses.list_uses("nothing", wanted, 10)]

    assert cost() == [7.0]
    assert cost(project_id=project_id) == [1.0]
    assert cost(agent_id=signed_string_id("a-2")) == [2.0]
    assert cost(model_id=signed_string_id("other")) == [4.0]
    assert cost(since_us=HOUR + HOUR_US) == [4.0]
    assert cost(until_us=HOUR) == []


def test_days_and_hours_are_in_their_order(store):
    keep(store, *(call(n, 1.0, start_us=START_US + n * 9 * HOUR_US) for n in range(4)))

    days = [one.first for one in store.uses.list_uses("day", ALL, 10)]
    hours = [one.first for one in store.uses.list_uses("hour", ALL, 10)]

    assert days == sorted({hour - hour % (24 * HOUR_US) for hour in hours})
    assert hours == [HOUR + n * 9 * HOUR_US for n in range(4)]


def test_spans_that_only_come_need_no_counting(store):
    keep(store, call(1, 0.5), call(2))
    keep(store, call(2))  # sent again

    assert store.uses.list_stale(10) == []
    assert store.uses.check(HOUR).is_equal


def test_a_changed_span_makes_its_hour_stale_until_it_is_counted(store):
    keep(store, call(1, 0.5))
    keep(store, call(1, 0.75, model="other", raw=b"other"))

    assert store.uses.list_stale(10) == [HOUR]
    assert not store.uses.check(HOUR).is_equal
    store.uses.recount(HOUR)
    assert store.uses.list_stale(10) == []
    assert [one.measures.cost_usd for one in by(store, "model").values()] == [0.75]


def test_the_dearest_sessions_come_first(store):
    keep(store, call(1, 1.0, session="cheap"), call(2, 5.0, session="dear"), call(3, session="?"))

    found = store.uses.list_dearest_sessions(ALL, 2)

    assert [row.measures.cost_usd for row in found] == [5.0, 1.0]


def test_what_comes_while_an_hour_is_counted_is_in_its_sums(store):
    keep(store, call(1, 1.0), call(2, 2.0, model="m-2"))
    store._database.write(lambda c: use_hours.mark_stale(c, [HOUR]))
    with store._database.snapshot() as reader:
        counted = use_hours.count_again(reader, HOUR)
    keep(store, call(3, 4.0), call(4, 8.0, model="m-3"))

    store._database.write(lambda c: use_hours.put_counted(c, counted))

    assert store.uses.check(HOUR).is_equal
    assert store.uses.list_stale(10) == []


def test_an_hour_that_is_changed_while_it_is_counted_stays_stale(store):
    keep(store, call(1, 1.0), call(2, 2.0))
    store._database.write(lambda c: use_hours.mark_stale(c, [HOUR]))
    with store._database.snapshot() as reader:
        counted = use_hours.count_again(reader, HOUR)
    keep(store, call(1, 3.0, raw=b"again"))

    store._database.write(lambda c: use_hours.put_counted(c, counted))

    assert store.uses.list_stale(10) == [HOUR]
    store.uses.recount(HOUR)
    assert store.uses.check(HOUR).is_equal


@pytest.mark.parametrize("is_changed", [False, True])
def test_two_that_count_an_hour_at_once_leave_it_right_or_stale(store, is_changed):
    keep(store, call(1, 1.0), call(2, 2.0))
    store._database.write(lambda c: c.execute("UPDATE use_hours SET input_tokens = 9"))
    store._database.write(lambda c: use_hours.begin_count(c, HOUR))
    counts = []
    for _ in range(2):
        with store._database.snapshot() as reader:
            counts.append(use_hours.count_again(reader, HOUR))
        if is_changed:
            keep(store, call(1, 3.0, raw=b"again"))
            is_changed = False

    for counted in counts:
        store._database.write(lambda c, counted=counted: use_hours.put_counted(c, counted))

    assert store.uses.check(HOUR).is_equal or store.uses.list_stale(10) == [HOUR]
    store.uses.recount(HOUR)
    assert store.uses.check(HOUR).is_equal
    assert store.uses.list_stale(10) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["keep", "keep", "keep", "settle", "bind"]),
        st.integers(1, 6),  # span
        st.sampled_from([None, 0.1, 0.25, 2.0]),
        st.sampled_from(["m-1", "m-2"]),
        st.sampled_from(["s-1", "s-2"]),
        st.sampled_from([EdgeFlag.NONE, EdgeFlag.AGGREGATE]),
        st.integers(0, 2),  # hours later
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_after_any_history_hours_that_are_not_stale_say_what_their_spans_say(steps):
    with fresh_store() as store:
        for kind, number, cost, model, session, flags, later in steps:
            match kind:
                case "keep":
                    start_us = START_US + number + later * HOUR_US
                    raw = repr((number, cost, model, session, flags, later)).encode()
                    said = {"model": model, "session": session, "flags": flags, "raw": raw}
                    where = {"start_us": start_us, "environment": Environment.PRODUCTION}
                    keep(store, call(number, cost, **said, **where))
                case "settle":
                    settled = {span_id(number): SettledSpan(counts=cost is None, cost_usd=cost)}
                    store.spans.settle_spans(TRACE, settled)
                case _:
                    store.spans.bind_session(session, store.project_id(f"git:{model}", model))
        stale = set(store.uses.list_stale(100))
        hours = store.uses.list_hours(-1, 100)
        assert all(store.uses.check(hour).is_equal for hour in hours if hour not in stale)
        for hour in stale:
            store.uses.recount(hour)
        hours = {HOUR + n * HOUR_US for n in range(3)}
        assert all(store.uses.check(hour).is_equal for hour in hours)
