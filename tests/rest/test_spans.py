"""Spans over REST by every filter, and the search by plain words."""

import pytest

from flowtrace_mcp.services.span_indexing import SpanIndexing
from tests.rest.conftest import START_US
from tests.rest.posted import post, span

SECOND_US = 1_000_000
KEYS = {
    "span_id",
    "trace_id",
    "edge_id",
    "parent_span_id",
    "name",
    "display",
    "span_type",
    "operation",
    "status",
    "error",
    "start_us",
    "duration_us",
    "session",
    "agent",
    "project",
    "environment",
    "sensitivity",
    "provider",
    "model",
    "tool",
    "tokens",
    "token_count",
    "cost_usd",
    "input_preview",
    "output_preview",
}


def tool(number, trace=1, *, name="Bash", command="make deploy", result="done", **more):
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": f'{{"command": "{command}"}}',
        "gen_ai.tool.call.result": result,
        "session.id": f"s-{trace}",
        "gen_ai.agent.name": "coder",
    }
    start_us = START_US + number * SECOND_US
    return span(
        number,
        trace,
        start_time=start_us,
        end_time=start_us + more.pop("for_us", 1000),
        attributes=attributes | more.pop("attributes", {}),
        **more,
    )


def call(number, trace=1, *, model="claude-opus-4-1", tokens=100, **more):
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 10,
        "session.id": f"s-{trace}",
    }
    start_us = START_US + number * SECOND_US
    return span(number, trace, start_time=start_us, attributes=attributes, **more)


@pytest.fixture
def worked(context, client):
    post(
        client,
        tool(1),
        tool(2, status="error", status_message="host unreachable", result="getUserById failed"),
        call(3, tokens=5_000),
        tool(4, trace=2, name="Read", command="cat notes", for_us=9 * SECOND_US),
        call(5, trace=2, model="claude-haiku-4-5"),
        tool(6, trace=3, attributes={"flowtrace.sensitivity": "pii"}, parent_span_id=f"{7:016x}"),
    )
    SpanIndexing(context).run_once()
    return client


def numbers(items):
    return [int(each["span_id"], 16) for each in items]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"session": "s-2"}, [5, 4]),
        ({"trace_id": f"{3:032x}"}, [6]),
        ({"model": "claude-opus-4-1"}, [3]),
        ({"model": "OPUS"}, [3]),
        ({"models": "opus, haiku"}, [5, 3]),
        ({"model": "nobodys"}, []),
        ({"tool": "Bash"}, [6, 2, 1]),
        ({"tool": "rea"}, [4]),
        ({"provider": "anthropic"}, [5, 3]),
        ({"agent": "coder"}, [6, 4, 2, 1]),
        ({"span_type": "ToolCall"}, [6, 4, 2, 1]),
        ({"type": "tool_call,15"}, [6, 5, 4, 3, 2, 1]),
        ({"status": "error"}, [2]),
        ({"has_errors": "true"}, [2]),
        ({"has_errors": "false"}, [6, 5, 4, 3, 2, 1]),
        ({"min_duration_us": "9000000"}, [4]),
        ({"min_latency_ms": "9000"}, [4]),
        ({"max_latency_ms": "0.5"}, [5, 3]),
        ({"min_tokens": "1000"}, [3]),
        ({"max_tokens": "200", "model": "claude"}, [5]),
        ({"min_cost": "0.01"}, [3]),
        ({"sensitivity": "pii"}, [6]),
        ({"exclude_pii": "true", "tool": "Bash"}, [2, 1]),
        ({"exclude_secrets": "1", "tool": "Bash"}, [6, 2, 1]),
        ({"environment": "production"}, []),
        ({"tenant_id": "0", "roots": "true"}, [5, 4, 3, 2, 1]),
        ({"q": "deploying"}, [6, 2, 1]),
        ({"full_text_search": "unreachable"}, [2]),
        ({"q": "get_user"}, [2]),
        ({"q": "deploy", "status": "error"}, [2]),
        ({"q": "deploy notes"}, []),
        ({"since": START_US + 3 * SECOND_US, "until": START_US + 5 * SECOND_US}, [4, 3]),
        ({"project": "nobodys"}, []),
    ],
)
def test_a_filter_leaves_the_spans_that_fit(worked, items_of, query, found):
    assert numbers(items_of("/api/v1/spans", **query)) == found
    assert numbers(items_of("/api/v1/spans", limit=1, **query)) == found


@pytest.mark.parametrize(
    "query",
    [
        {"status": "broken"},
        {"span_type": "Nothing"},
        {"span_type": "77"},
        {"environment": "moon"},
        {"sensitivity": "very"},
        {"min_tokens": "-1"},
        {"min_tokens": "1" * 20},
        {"min_cost": "much"},
        {"max_cost": "nan"},
        {"has_errors": "perhaps"},
        {"colour": "red"},
        {"trace_id": "zz"},
        {"limit": "1000000000"},
        {"since": START_US + 1, "until": START_US},
    ],
)
def test_a_filter_that_cannot_be_is_refused(client, query):
    answer = client.get("/api/v1/spans", params=query)

    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "code", "mend"}


def test_a_cursor_of_another_question_is_refused(worked):
    page = worked.get("/api/v1/spans", params={"limit": 1, "tool": "Bash"}).json()

    answer = worked.get("/api/v1/spans", params={"limit": 1, "cursor": page["next"]})

    assert answer.status_code == 400


def test_a_span_says_what_it_is(worked):
    body = worked.get("/api/v1/spans", params={"status": "error"}).json()

    assert body["spans"] == body["items"]
    row = body["items"][0]
    assert row.keys() == KEYS
    assert (row["tool"], row["span_type"], row["operation"]) == ("Bash", "ToolCall", "execute_tool")
    assert (row["error"], row["session"], row["agent"]) == ("host unreachable", "s-1", "coder")
    assert (row["environment"], row["sensitivity"]) == ("development", [])


def traces_of(items):
    return [int(each["trace_id"], 16) for each in items]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "error"}, [1]),
        ({"tool": "Bash"}, [3, 1]),
        ({"q": "deploy"}, [3, 1]),
        ({"model": "claude"}, [2, 1]),
        ({"tool": "Bash", "session": "s-1"}, [1]),
        ({"tool": "nobodys"}, []),
    ],
)
def test_traces_are_listed_once_where_a_span_fits(worked, items_of, query, found):
    assert traces_of(items_of("/api/v1/traces", **query)) == found
    assert traces_of(items_of("/api/v1/traces", limit=1, **query)) == found


def test_a_trace_of_many_spans_that_fit_stands_on_one_page(context, client, items_of):
    post(client, *(tool(number, trace=number % 3 + 1) for number in range(1, 40)))

    listed = items_of("/api/v1/traces", limit=2, tool="Bash")

    assert sorted(traces_of(listed)) == [1, 2, 3]


def test_a_question_finds_what_it_is_about_and_says_how_it_was_read(worked):
    answer = worked.post("/api/v1/search", json={"query": "errors of Bash deploy last day"})

    body = answer.json()
    assert answer.status_code == 200
    assert numbers(body["results"]) == [2]
    assert body["count"] == 1
    read = body["query_interpretation"]
    assert (read["error_filter"], read["tool_filter"], read["words"]) == (
        True,
        ["Bash"],
        ["deploy"],
    )
    assert read["time_range"]["since_us"] > 0
    assert body["results"][0]["input_preview"] == "make deploy"
    assert body["results"][0]["output_preview"] == "getUserById failed"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("unreachable", [2]),
        ("more than 1k tokens", [3]),
        ("slower than 5 s", [4]),
        ("claude-opus-4-1", [3]),
        ("cost over $0.01", [3]),
        ("nothing of the kind", []),
    ],
)
def test_a_search_reads_words_limits_and_names(worked, query, found):
    assert numbers(worked.post("/api/v1/search", json={"query": query}).json()["results"]) == found


@pytest.mark.parametrize(
    "body", [{}, {"query": "x", "limit": 501}, {"query": "x", "limit": 0}, {"query": 7}, {"q": "x"}]
)
def test_a_search_that_cannot_be_is_refused(client, body):
    assert client.post("/api/v1/search", json=body).status_code == 400


def test_what_waits_to_be_indexed_is_told(context, client):
    post(client, tool(1))

    body = client.post("/api/v1/search", json={"query": "deploy"}).json()

    assert body["results"] == []
    assert body["note"] == "the words of 1 spans are still being read"


def test_without_an_index_words_are_refused_and_filters_work(context, client):
    post(client, tool(1))
    context.store.span_texts.switch(is_on=False)

    refused = client.get("/api/v1/spans", params={"q": "deploy"})

    assert refused.status_code == 400
    assert "FLOWTRACE_SPAN_SEARCH" in refused.json()["mend"]
    assert len(client.get("/api/v1/spans", params={"tool": "Bash"}).json()["items"]) == 1
