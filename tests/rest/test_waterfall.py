"""A trace in columns, and one of its spans opened."""

import json

import pytest

from flowtrace_mcp.services.waterfall import Mark
from tests.rest.conftest import START_US
from tests.rest.posted import post, span

TRACE = f"{1:032x}"
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "why"}]}])


def columns_of(client):
    return client.get(f"/api/v1/traces/{TRACE}/waterfall").json()["columns"]


def opened(client, number):
    return client.get(f"/api/v1/traces/{TRACE}/spans/{number:016x}")


def test_columns_are_equally_long_and_say_who_is_below_whom(client):
    post(client, span(1), span(2, parent_span_id=f"{1:016x}"), span(3, parent_span_id=f"{9:016x}"))
    columns = columns_of(client)
    assert {len(column) for column in columns.values()} == {3}
    assert columns["span_id"] == [f"{number:016x}" for number in (1, 2, 3)]
    assert columns["parent"] == [-1, 0, -1]
    assert columns["start_us"] == [0, 1, 2]
    assert columns["duration_us"] == [1000, 1000, 1000]


def test_it_begins_as_the_trace_does(client):
    post(client, span(1))
    body = client.get(f"/api/v1/traces/{TRACE}/waterfall").json()
    whole = client.get(f"/api/v1/traces/{TRACE}").json()
    assert {name: body[name] for name in body if name != "columns"} == {
        name: whole[name] for name in whole if name != "spans"
    }


def test_what_failed_and_what_was_waited_for_is_marked(client):
    post(
        client,
        span(1, end_time=START_US + 9000),
        span(2, parent_span_id=f"{1:016x}", end_time=START_US + 8000, status="error"),
        span(3, parent_span_id=f"{1:016x}", end_time=START_US + 4000),
    )
    marks = [Mark(mark) for mark in columns_of(client)["marks"]]
    assert marks == [Mark.CRITICAL, Mark.CRITICAL | Mark.ERROR, Mark.NONE]


def test_tokens_and_cost_stand_beside_the_model(client):
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.usage.input_tokens": "100",
        "gen_ai.usage.output_tokens": "10",
    }
    post(client, span(1, attributes=call), span(2))
    columns = columns_of(client)
    assert (columns["model"], columns["tokens"]) == (["gpt-4.1-mini", None], [110, None])
    assert columns["cost_usd"][0] > 0


def test_a_span_is_opened_with_its_texts_and_attributes(client):
    call = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": MESSAGES, "extra": "1"}
    post(client, span(1, attributes=call), span(2))
    body = opened(client, 1).json()
    assert body["input"] == json.loads(MESSAGES)
    assert body["attributes"]["extra"] == "1"
    assert body["is_model_call"] is True
    assert body["span_events"] == []
    assert not {"aggregate", "duplicate_of", "folded"} & body.keys()


def test_a_tool_is_opened_with_arguments_and_result(client):
    call = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Read",
        "gen_ai.tool.call.arguments": '{"path": "a.py"}',
        "gen_ai.tool.call.result": "text",
    }
    post(client, span(1, attributes=call))
    body = opened(client, 1).json()
    assert (body["arguments"], body["result"]) == ({"path": "a.py"}, "text")


@pytest.mark.parametrize("path", [f"{TRACE}/spans/{7:016x}", f"{2:032x}/spans/{1:016x}"])
def test_a_span_of_no_trace_or_another_is_not_found(client, path):
    post(client, span(1))
    answer = client.get(f"/api/v1/traces/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_unknown_trace_has_no_waterfall(client):
    assert client.get(f"/api/v1/traces/{TRACE}/waterfall").status_code == 404
