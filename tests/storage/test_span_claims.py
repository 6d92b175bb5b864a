"""Spans that tell the same: the one with the most authority stays, whichever comes first."""

import itertools

import apsw
import pytest

from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.span_write import Authority
from flowtrace_mcp.storage import span_claims
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span

HOOKS_TRACE = bytes(range(101, 117))
SECOND_US = 1_000_000


def tool(number, authority, claims, **more):
    more = {"trace_id": HOOKS_TRACE} | more if authority < Authority.TELEMETRY else more
    return span(
        number,
        session="s",
        span_type=SpanType.TOOL_CALL,
        claims=claims,
        authority=authority,
        **more,
    )


def rollups(store):
    """Return what the roll-ups count: of the session, of each trace, of the hour."""
    session = store.spans.find_session("s")
    traces = store.spans.list_traces(Page(limit=10))
    hours = store.spans.list_project_hours(0, (0, 2**52), 10)
    counts = [row.measures.tool_call_count for row in (*([session] if session else []), *hours)]
    return counts, {row.trace_id: row.measures.tool_call_count for row in traces}


CERTAIN = [
    tool(1, Authority.HOOK_CALL, ("call c", "~Bash")),
    tool(2, Authority.TELEMETRY, ("call c", "~Bash"), start_us=START_US + 9 * SECOND_US),
]


@pytest.mark.parametrize("writes", [CERTAIN, CERTAIN[::-1]])
@pytest.mark.parametrize("together", [True, False])
def test_a_call_told_twice_is_kept_as_opentelemetry_tells_it(store, writes, together):
    for batch in [writes] if together else [[write] for write in writes]:
        store.spans.insert_spans(batch).result()

    assert rollups(store) == ([1, 1], {TRACE: 1})


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_three_views_one_stays_in_every_order(store, order):
    views = [
        tool(1, Authority.HOOK, ("~Shell",)),
        tool(2, Authority.HOOK_CALL, ("call c", "~Shell")),
        tool(3, Authority.TELEMETRY, ("call c", "~Shell")),
    ]

    for number in order:
        store.spans.insert_spans([views[number]]).result()

    assert rollups(store) == ([1, 1], {TRACE: 1})


def test_a_likely_claim_holds_only_while_both_run(store):
    early = tool(1, Authority.HOOK, ("~Shell",), duration_us=SECOND_US)
    late = tool(2, Authority.TELEMETRY, ("~Shell",), start_us=START_US + 2 * SECOND_US)

    store.spans.insert_spans([early]).result()
    store.spans.insert_spans([late]).result()

    assert rollups(store) == ([2, 2], {TRACE: 1, HOOKS_TRACE: 1})


def test_equal_authority_decides_nothing(store):
    calls = [tool(number, Authority.HOOK, ("~Shell",)) for number in (1, 2)]

    store.spans.insert_spans(calls).result()

    assert rollups(store) == ([2, 2], {HOOKS_TRACE: 2})


def test_another_session_tells_something_else(store):
    hook = tool(1, Authority.HOOK_CALL, ("call c",))
    other = span(2, session="t", claims=("call c",), span_type=SpanType.TOOL_CALL)

    store.spans.insert_spans([hook, other]).result()

    assert store.facts().span_count == 2


def test_what_gave_way_does_not_come_back(store):
    hook, telemetry = CERTAIN
    for write in (hook, telemetry, hook):
        store.spans.insert_spans([write]).result()

    assert rollups(store) == ([1, 1], {TRACE: 1})


def test_a_span_sent_again_keeps_what_it_claims(store):
    hook, telemetry = CERTAIN
    for write in (telemetry, telemetry, hook):
        store.spans.insert_spans([write]).result()

    assert rollups(store) == ([1, 1], {TRACE: 1})


def test_of_a_long_session_only_what_ran_at_the_time_is_looked_at():
    connection = apsw.Connection(":memory:")
    connection.execute(span_claims.CREATE)
    runs = [
        tool(number, Authority.HOOK, ("~Shell",), start_us=START_US + number * SECOND_US)
        for number in range(1, 1001)
    ]
    span_claims.settle_claims(connection, runs)
    rows = []
    connection.row_trace = lambda _, row: rows.append(row) or row
    told = tool(2000, Authority.TELEMETRY, ("~Shell",), start_us=runs[500].start_us)

    settled = span_claims.settle_claims(connection, [told])

    assert settled.withdrawn == {int.from_bytes(runs[500].span_id, "big", signed=True)}
    assert len(rows) == 1
