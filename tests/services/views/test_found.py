"""A question in words finds spans by what was put in, what came out and what went wrong."""

import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import START_US, Work


def long_text(word):
    return "filler " * 60 + f"then the {word} came " + "filler " * 60


@pytest.fixture
def ask(context, caller, clock):
    work = Work(context)
    work.call("claude-opus-4-1", 0, 2, trace=1)
    work.tool("Bash", 10, 1, trace=1, arguments={"command": "make deploy"}, error="host down")
    work.tool("Read", 20, 9, trace=2, arguments={"file_path": "src/getUserById.py"})
    work.tool("Bash", 30, 1, trace=3, error="exit code 1")
    work.tool("Bash", 40, 1, trace=3, **{"gen_ai.tool.call.result": long_text("deploys")})
    work.store()
    other = Work(context, "s-2")
    other.tool("Bash", 50, 1, trace=9, arguments={"command": "deploy elsewhere"})
    other.store()
    SpanIndexing(context).run_once()
    clock.now_us = START_US + 60 * 1_000_000

    def ask(query, **more):
        asked = {"session": "s-1", "budget": 4_000, **more}
        return traces(context, TracesRequest(query=query, **asked), caller)

    return ask


def at(seconds):
    return iso_time(START_US + seconds * 1_000_000)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("deploy", [40, 10]),
        ("deployed", [40, 10]),
        ("get_user", [20]),
        ("Read slower than 5 s", [20]),
        ("claude-opus-4-1", [0]),
        ("bash last hour", [40, 30, 10]),
        ("host down", [10]),
    ],
)
def test_spans_are_found_in_the_callers_session_newest_first(ask, query, found):
    answer = ask(query)

    assert [row["start"] for row in answer.rows] == [at(seconds) for seconds in found]
    assert all({"trace", "span", "name"} <= row.keys() for row in answer.rows)


def test_all_sessions_are_searched_where_all_is_asked_for(ask):
    assert len(ask("deploy", session="all").rows) == 3


def test_a_row_says_what_stands_around_the_word(ask):
    found = ask("deploys").rows[0]

    assert "then the deploys came" in found["says"]
    assert found["says"].startswith("…")
    assert ask("make deploy").rows[-1]["says"] == "make deploy"


def test_errors_are_those_of_spans_that_hold_the_words(ask):
    answer = ask("errors last hour deploy")

    assert answer.view == "errors"
    assert [row["message"] for row in answer.rows] == ["host down"]
    assert answer.note.startswith("read as: last hour, errors")


def test_errors_of_a_tool_are_those_of_its_runs(ask):
    assert len(ask("errors of Bash").rows) == 2


def test_other_views_show_rows_of_the_spans_found(ask):
    slow = ask("deploy", view="slow").rows

    assert sorted(row["start"] for row in slow) == [at(10), at(40)]


@pytest.mark.parametrize("budget", [200, 250])
def test_what_is_found_keeps_to_the_budget(ask, budget):
    answer = ask("bash", budget=budget)

    assert answer.tokens <= budget
    assert answer.more > 0
    assert estimate_tokens("\n".join(answer.lines)) <= budget


def test_what_still_waits_to_be_read_is_told(ask, context):
    late = Work(context, "s-1")
    late.tool("Bash", 55, 1, trace=12, arguments={"command": "deploy late"})
    late.store()

    assert "spans are still being read" in ask("deploy").note


def test_without_an_index_rows_are_searched_as_they_are(ask, context):
    context.store.span_texts.switch(is_on=False)

    assert len(ask("bash").rows) == 3
    assert ask("deploy").rows == ()
