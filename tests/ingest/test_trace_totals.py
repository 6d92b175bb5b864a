import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.ingest.trace_totals import (
    TraceTotals,
    identity_of,
    judge,
    total,
    total_of_totals,
)
from flowtrace_mcp.ingest.trace_tree import TraceSpan, TraceTree
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.usage import TokenUsage

CALL = TokenUsage(input=56, cache_read=64, output=17, reasoning=5)
NO_USAGE = TokenUsage()


def span(name, parent="", *, at=(0, 10), scope="", status=SpanStatus.UNSET, **facts):
    return TraceSpan(
        span_id=name.encode(),
        parent_span_id=parent.encode(),
        start_us=at[0],
        duration_us=at[1] - at[0],
        status=status,
        scope_name=scope,
        facts=SpanFacts(**facts),
    )


def call(name, parent="", *, usage=CALL, **rest):
    return span(name, parent, operation="chat", usage=usage, **rest)


def tool(name, parent="", **rest):
    return span(name, parent, operation="execute_tool", **({"tool_name": "t"} | rest))


def agent(name, parent="", **rest):
    return span(name, parent, operation="invoke_agent", **rest)


def counted(*spans):
    """Names of the spans that count, and the totals."""
    verdicts = judge(TraceTree(spans))
    names = {span_id.decode() for span_id, verdict in verdicts.items() if verdict.counts}
    return names, total(spans, verdicts)


def test_calls_under_an_agent_count_and_its_own_sum_does_not():
    names, totals = counted(
        agent("a", usage=CALL + CALL, is_aggregate=True), call("b", "a"), call("c", "a")
    )
    assert names == {"b", "c"}
    assert totals.usage == CALL + CALL


def test_a_wrapper_around_a_call_is_an_aggregate_however_deep_the_call_lies():
    spans = (call("wrapper"), span("step", "wrapper"), call("inner", "step"))
    names, totals = counted(*spans)
    assert names == {"inner"}
    assert totals.usage == CALL
    assert judge(TraceTree(spans))[b"wrapper"].aggregate


def test_a_wrapper_that_alone_knows_the_usage_counts_for_what_is_inside():
    spans = (call("outer"), call("inner", "outer", usage=None))
    names, totals = counted(*spans)
    assert names == {"outer"}
    assert totals.model_calls == 1
    assert judge(TraceTree(spans))[b"inner"].duplicate_of == b"outer"


def test_failed_attempts_in_a_wrapper_are_calls():
    names, totals = counted(
        call("wrapper", usage=None),
        call("try1", "wrapper", usage=None, status=SpanStatus.ERROR),
        call("try2", "wrapper", usage=None, at=(20, 30), status=SpanStatus.ERROR),
    )
    assert names == {"try1", "try2"}
    assert (totals.model_calls, totals.errors, totals.usage) == (2, 2, NO_USAGE)


def test_a_call_inside_a_tool_is_a_call_of_its_own():
    names, totals = counted(
        call("outer"), tool("t", "outer"), agent("sub", "t"), call("inner", "sub")
    )
    assert names == {"outer", "t", "inner"}
    assert totals.usage == CALL + CALL


@pytest.mark.promise("counted-once")
@pytest.mark.parametrize("same", [{"response_id": "r"}, {"model": "m"}])
def test_two_instrumentations_of_one_call_count_once(same):
    names, totals = counted(
        agent("a"),
        call("x", "a", at=(2, 8), scope="sdk", **same),
        call("y", "a", at=(1, 9), scope="instrumentation", **same),
    )
    assert names == {"y"}
    assert totals.usage == CALL


def test_the_instrumentation_that_knows_more_counts():
    spans = (
        call("x", at=(1, 9), scope="one", response_id="r", usage=TokenUsage(input=1, output=1)),
        call("y", at=(2, 8), scope="two", response_id="r"),
        call("z", at=(3, 7), scope="three", response_id="r", usage=None),
    )
    names, _ = counted(*spans)
    assert names == {"y"}
    verdicts = judge(TraceTree(spans))
    assert verdicts[b"x"].duplicate_of == verdicts[b"z"].duplicate_of == b"y"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"at": (10, 20), "scope": "two", "response_id": "r"}, id="later"),
        pytest.param({"at": (0, 10), "scope": "one", "response_id": "r"}, id="parallel"),
        pytest.param({"at": (0, 10), "scope": "two", "response_id": "q"}, id="other-response"),
        pytest.param({"at": (0, 10), "scope": "two", "model": "n"}, id="other-model"),
    ],
)
def test_two_calls_that_only_resemble_each_other_count_twice(other):
    first = call("x", at=(0, 10), scope="one", response_id="r", model="m")
    names, totals = counted(first, call("y", **({"model": "m"} | other)))
    assert names == {"x", "y"}
    assert totals.model_calls == 2


def test_an_execution_seen_from_client_and_server_counts_once():
    spans = (
        tool("agent", tool_name="mcp__s__t", tool_call_id="c1"),
        tool("client", "agent", tool_name="t"),
        span("http", "client"),
        tool("server", "http", tool_name="t"),
    )
    names, totals = counted(*spans)
    assert names == {"agent"}
    assert totals.tool_calls == 1
    verdicts = judge(TraceTree(spans))
    assert verdicts[b"client"].duplicate_of == verdicts[b"server"].duplicate_of == b"agent"


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param((tool("x"), tool("y", "x", tool_name="u")), id="other-tool"),
        pytest.param(
            (tool("x", tool_call_id="c1"), tool("y", "x", tool_call_id="c2")), id="other-call"
        ),
        pytest.param((tool("x"), agent("a", "x"), tool("y", "a")), id="agent-between"),
        pytest.param((tool("x"), tool("y")), id="siblings"),
        pytest.param(
            (
                tool("x", at=(0, 9), scope="one", tool_call_id="c"),
                tool("y", at=(10, 19), scope="two", tool_call_id="c"),
            ),
            id="one-after-the-other",
        ),
    ],
)
def test_two_executions_count_twice(spans):
    assert counted(*spans)[1].tool_calls == 2


def test_two_instrumentations_of_one_execution_count_once():
    _, totals = counted(
        tool("x", scope="one", tool_call_id="c"), tool("y", scope="two", tool_call_id="c")
    )
    assert totals.tool_calls == 1


def test_a_call_that_names_no_model_has_the_one_it_runs_under():
    spans = (
        span("turn", model="m", provider="p"),
        span("stream", "turn", model="n"),
        call("call", "stream"),
    )
    verdict = judge(TraceTree(spans))[b"call"]
    assert (verdict.model, verdict.provider) == ("n", "p")


@pytest.mark.promise("unknown-cost")
def test_costs_add_up_and_an_unknown_cost_is_not_zero():
    _, totals = counted(call("x", cost_usd=0.5), call("y", at=(20, 30)))
    assert (totals.cost_usd, totals.unpriced_calls) == (0.5, 1)
    _, totals = counted(call("x"))
    assert (totals.cost_usd, totals.unpriced_calls) == (None, 1)
    _, totals = counted(call("x", usage=None))
    assert (totals.cost_usd, totals.unpriced_calls) == (None, 0)


def test_totals_of_traces_add_up():
    one = counted(call("x", cost_usd=0.5), tool("t"))[1]
    none = counted(span("s", status=SpanStatus.ERROR))[1]
    both = total_of_totals([one, none, one])
    assert both == TraceTotals(
        spans=5,
        errors=1,
        model_calls=2,
        tool_calls=2,
        usage=CALL + CALL,
        cost_usd=1.0,
        unpriced_calls=0,
    )
    assert total_of_totals([]).cost_usd is None


def test_the_outermost_span_says_whose_trace_it_is():
    spans = [
        call("c", "b", session="inner", agent="sub", user="u"),
        agent("b", "a", agent="main"),
        span("a", session="s"),
    ]

    identity = identity_of(TraceTree(spans))

    assert (identity.session, identity.user, identity.agent, identity.turn) == (
        "s",
        "u",
        "main",
        "",
    )


ids = st.sampled_from("abcdefgh")
operations = st.sampled_from(["", "chat", "execute_tool", "invoke_agent", "embeddings"])
odd_spans = st.lists(
    st.builds(
        lambda name, parent, operation, start, length, usage, scope, rid: span(
            name,
            parent,
            at=(start, start + length),
            scope=scope,
            operation=operation,
            usage=usage,
            response_id=rid,
            tool_call_id=rid,
        ),
        ids,
        ids | st.just(""),
        operations,
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from([None, CALL]),
        st.sampled_from(["", "one", "two"]),
        st.sampled_from(["", "r"]),
    ),
    unique_by=lambda each: each.span_id,
)


@given(odd_spans)
def test_every_span_is_judged_once_and_stands_for_one_that_counts(spans):
    verdicts = judge(TraceTree(spans))
    assert set(verdicts) == {each.span_id for each in spans}
    for verdict in verdicts.values():
        assert verdict.counts + bool(verdict.duplicate_of) + verdict.aggregate <= 1
        if verdict.duplicate_of:
            assert verdicts[verdict.duplicate_of].counts
    totals = total(spans, verdicts)
    assert totals.model_calls + totals.tool_calls == sum(v.counts for v in verdicts.values())


@given(odd_spans, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(spans, random):
    verdicts = judge(TraceTree(spans))
    random.shuffle(spans)
    assert judge(TraceTree(spans)) == verdicts


@given(odd_spans)
def test_a_tree_has_every_span_once_and_parents_before_children(spans):
    tree = TraceTree(spans)
    assert {each.span_id for each in tree.spans} == {each.span_id for each in spans}
    assert len(tree.spans) == len(spans)
    seen = set()
    for each in tree.spans:
        parent = tree.parent(each)
        assert parent is None or parent.span_id in seen
        seen.add(each.span_id)


def test_spans_that_run_under_each_other_are_judged_all_the_same():
    names, totals = counted(call("x", "y"), call("y", "x"), call("z", "z"))
    assert totals.spans == 3
    assert names


def test_a_long_chain_is_no_deep_recursion():
    chain = [call("0")] + [call(str(i), str(i - 1)) for i in range(1, 3000)]
    assert counted(*chain)[0] == {"2999"}
