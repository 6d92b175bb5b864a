"""Traces over REST: posted, listed, read whole and as a tree, ids in every spelling."""

import msgspec
import pytest

from tests.rest.conftest import LIMIT_BYTES, START_US
from tests.rest.posted import post, span

SPAN_KEYS = {
    "span_id",
    "parent_span_id",
    "name",
    "display",
    "span_type",
    "operation",
    "status",
    "error",
    "start_us",
    "duration_us",
    "provider",
    "model",
    "request_model",
    "tokens",
    "cost_usd",
    "tool",
    "requested_tools",
    "events",
    "links",
    "aggregate",
    "folded",
    "duplicate_of",
}
TRACE_KEYS = {"trace_id", "session", "agent", "user", "service", "project", "totals", "spans"}
TOTAL_KEYS = {"spans", "errors", "model_calls", "tool_calls", "tokens", "cost_usd"}
TOKEN_KEYS = {"input", "cache_read", "cache_write", "output", "reasoning"}


def test_a_trace_is_answered_in_the_promised_shape(client):
    post(client, span(1, attributes={"session.id": "s-1", "service.name": "shop"}))
    body = client.get(f"/api/v1/traces/{1:032x}").json()
    assert body.keys() >= TRACE_KEYS
    assert body["totals"].keys() == TOTAL_KEYS
    assert body["totals"]["tokens"].keys() == TOKEN_KEYS
    assert body["spans"][0].keys() == SPAN_KEYS
    assert (body["session"], body["service"], body["project"]) == ("s-1", "shop", None)
    assert body["spans"][0]["start_us"] == START_US + 1
    assert body["spans"][0]["duration_us"] == 1000


def test_a_model_call_counts_tokens_that_no_cache_gave(client):
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.output_tokens": 7,
    }
    post(client, span(1, attributes=attributes))
    body = client.get(f"/api/v1/traces/{1:032x}").json()
    assert body["totals"]["model_calls"] == 1
    tokens = body["totals"]["tokens"]
    assert (tokens["input"], tokens["cache_read"], tokens["output"]) == (60, 40, 7)
    assert tokens["reasoning"] is None
    assert body["spans"][0]["span_type"] == "Generation"
    assert body["spans"][0]["request_model"] == "m-1"


def test_a_tool_shows_its_arguments_parsed_and_its_result(client):
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.id": "call-1",
        "gen_ai.tool.call.arguments": '{"command": "ls"}',
        "gen_ai.tool.call.result": "a b",
    }
    post(client, span(1, attributes=attributes))
    tool = client.get(f"/api/v1/traces/{1:032x}").json()["spans"][0]["tool"]
    assert tool == {
        "name": "Bash",
        "call_id": "call-1",
        "server": None,
        "arguments": {"command": "ls"},
        "result": "a b",
    }


def test_an_error_says_its_type_and_message(client):
    attributes = {"error.type": "Timeout"}
    post(client, span(1, status="error", status_message="too slow", attributes=attributes))
    body = client.get(f"/api/v1/traces/{1:032x}").json()
    assert body["totals"]["errors"] == 1
    assert body["spans"][0]["status"] == "error"
    assert body["spans"][0]["error"] == {"type": "Timeout", "message": "too slow"}


@pytest.mark.parametrize(
    "spelling", ["ff" + "0" * 30, "0xFF" + "0" * 30, str(0xFF << 120), "FF" + "0" * 30]
)
def test_ids_are_taken_in_every_spelling_and_given_as_hex(client, spelling):
    post(client, span(1, trace_id="0xff" + "0" * 30))
    body = client.get(f"/api/v1/traces/{spelling}").json()
    assert body["trace_id"] == "ff" + "0" * 30


@pytest.mark.parametrize(
    ("trace_id", "status", "code"),
    [(f"{9:032x}", 404, "not_found"), ("no-id", 400, "bad_input"), ("0" * 32, 400, "bad_input")],
)
@pytest.mark.parametrize("tail", ["", "/tree"])
def test_a_trace_that_is_not_there_is_an_error(client, trace_id, status, code, tail):
    answer = client.get(f"/api/v1/traces/{trace_id}{tail}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_trace_is_read_anew_after_a_span_is_added_and_after_one_is_replaced(client):
    path = f"/api/v1/traces/{1:032x}"
    post(client, span(1))
    assert client.get(path).json() == client.get(path).json()
    post(client, span(2))
    assert client.get(path).json()["totals"]["spans"] == 2
    post(client, span(2, name="renamed", attributes={"x": "y"}))
    assert [one["name"] for one in client.get(path).json()["spans"]] == ["step 1", "renamed"]


def test_a_tree_lists_parents_before_children_with_depths(client):
    post(
        client,
        span(3, parent_span_id=f"{1:016x}", start_time=START_US + 30),
        span(2, parent_span_id=f"{1:016x}", start_time=START_US + 20),
        span(1, start_time=START_US + 10),
        span(4, parent_span_id=f"{2:016x}", start_time=START_US + 40),
    )
    body = client.get(f"/api/v1/traces/{1:032x}/tree").json()
    found = [(one["span_id"][-1], one["depth"], one["children"]) for one in body["spans"]]
    assert body["root"] == f"{1:016x}"
    assert [(number, depth) for number, depth, _ in found] == [
        ("1", 0),
        ("2", 1),
        ("4", 2),
        ("3", 1),
    ]
    assert found[0][2] == [f"{2:016x}", f"{3:016x}"]


def test_a_span_whose_parent_never_came_is_a_root_of_the_tree(client):
    post(client, span(2, parent_span_id=f"{1:016x}"), span(3))
    body = client.get(f"/api/v1/traces/{1:032x}/tree").json()
    assert [one["depth"] for one in body["spans"]] == [0, 0]


def test_the_list_is_newest_first_under_both_keys(client):
    for trace in (1, 2, 3):
        post(client, span(1, trace, start_time=START_US + trace, end_time=None))
    body = client.get("/api/v1/traces").json()
    assert [int(one["trace_id"], 16) for one in body["items"]] == [3, 2, 1]
    assert body["traces"] == body["items"]
    assert body["next"] is None


def test_paging_visits_every_trace_once_even_when_all_start_at_one_time(client, items_of):
    starts = [START_US + number // 5 for number in range(1, 24)]
    for number, start_us in enumerate(starts, 1):
        post(client, span(number, number, start_time=start_us, end_time=None))
    found = items_of("/api/v1/traces", limit=4)
    assert sorted(int(one["trace_id"], 16) for one in found) == list(range(1, 24))
    assert [one["start_us"] for one in found] == sorted(starts, reverse=True)


def test_the_list_takes_a_time_window_under_three_names(client):
    for trace in (1, 2, 3):
        post(client, span(1, trace, start_time=START_US + trace, end_time=None))
    for since, until in (("since", "until"), ("start_ts", "end_ts"), ("start_time", "end_time")):
        query = {since: START_US + 2, until: START_US + 3}
        body = client.get("/api/v1/traces", params=query).json()
        assert [int(one["trace_id"], 16) for one in body["items"]] == [2]


def test_the_list_filters_by_session_and_project(client, context):
    post(client, span(1, 1, attributes={"session.id": "s-1"}))
    post(client, span(1, 2, attributes={"session.id": "s-2"}))
    project_id = context.store.project_id("name:shop", "shop")
    context.store.spans.bind_session("s-2", project_id)

    def found(**query):
        items = client.get("/api/v1/traces", params=query).json()["items"]
        return [int(one["trace_id"], 16) for one in items]

    assert found(session="s-1") == found(session_id="s-1") == [1]
    assert found(project="shop") == found(project_id=project_id) == [2]
    assert found(project="shop", session="s-1") == []
    assert found(project="nobody") == []


def test_a_cursor_of_other_filters_is_refused(client):
    for trace in (1, 2):
        post(client, span(1, trace))
    cursor = client.get("/api/v1/traces", params={"limit": 1}).json()["next"]
    for query in ({"session": "s-1"}, {"cursor": "AAAA"}, {"cursor": "%%%"}):
        answer = client.get("/api/v1/traces", params={"cursor": cursor} | query)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    answer = client.get("/api/v1/sessions", params={"cursor": cursor})
    assert answer.status_code == 400


def test_posted_spans_are_durable_and_refused_ones_say_why(client, context):
    body = post(client, span(1), span(2, start_time=5), span(3, trace_id="0"), {"name": "x"})
    assert (body["accepted"], body["rejected"]) == (1, 3)
    assert [fault["index"] for fault in body["errors"]] == [1, 2, 3]
    assert all(fault["error"] for fault in body["errors"])
    assert context.store.facts().span_count == 1


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"spans": []}', b'{"spans": {}}', b"[]", b"nonsense", b'{"spans": [1], "x": 1}'],
)
def test_a_request_without_spans_is_refused(client, body):
    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/traces", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_more_spans_than_allowed_are_refused(make_client, endpoints, context):
    object.__setattr__(endpoints, "limit_bytes", 10 * LIMIT_BYTES)
    answer = make_client().post("/api/v1/traces", json={"spans": [0] * 10_001})
    assert answer.status_code == 400
    assert "10000" in answer.json()["error"]
    assert context.store.facts().span_count == 0


def test_an_answer_with_two_keys_encodes_its_items_once(client):
    post(client, span(1))
    text = client.get("/api/v1/traces").text
    assert msgspec.json.decode(text)["items"] == msgspec.json.decode(text)["traces"]
