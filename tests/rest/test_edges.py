"""Edges over REST: one, what led to it, what followed, and the way between two."""

import json

import pytest

from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services import causal_walks
from flowtrace_mcp.services.span_indexing import SpanIndexing
from tests.rest.conftest import START_US
from tests.rest.posted import post, span


@pytest.fixture
def tree(client):
    """Post 1 above 2 and 3, 2 above 4, and 5 in another trace."""
    post(
        client,
        span(1),
        span(2, parent_span_id=f"{1:016x}"),
        span(3, parent_span_id=f"{1:016x}"),
        span(4, parent_span_id=f"{2:016x}"),
        span(5, trace=2),
    )


def related(client, number, relation):
    answer = client.get(f"/api/v1/edges/{number:016x}/{relation}")
    assert answer.status_code == 200
    body = answer.json()
    assert body["edges"] == body["items"]
    assert body["total_count"] == len(body["items"])
    return [int(edge["span_id"], 16) for edge in body["items"]]


@pytest.mark.parametrize("typed", [f"{4:016x}", f"0x{4:x}", "4", f"{1:016x}{4:016x}"])
def test_an_edge_is_found_by_its_own_id_and_its_spans(client, tree, typed):
    body = client.get(f"/api/v1/edges/{typed}").json()

    assert body["edge_id"] == f"{1:016x}{4:016x}"
    assert body["causal_parent"] == f"{1:016x}{2:016x}"
    assert body["trace_id"] == f"{1:032x}"
    assert body["schema_version"] == 3


def test_relations_are_those_of_the_tree(client, tree):
    assert related(client, 1, "children") == [2, 3]
    assert related(client, 1, "descendants") == [2, 3, 4]
    assert related(client, 4, "ancestors") == [2, 1]
    assert related(client, 4, f"path/{3:016x}") == [4, 2, 1, 3]
    assert related(client, 4, f"path/{5:016x}") == []


@pytest.mark.parametrize("typed", [f"{9:016x}", f"{1:016x}{9:016x}"])
def test_an_edge_that_is_not_there_is_told(client, tree, typed):
    answer = client.get(f"/api/v1/edges/{typed}/children")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_half_an_id_is_refused(client, tree):
    assert client.get("/api/v1/edges/zz").status_code == 400


def edge(**said):
    return {"timestamp_us": START_US, **said}


def sent(client, **said):
    answer = client.post("/api/v1/edges", json=edge(**said))
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_edge_is_stored_as_the_span_it_tells_of(client):
    body = sent(
        client,
        edge_id=f"{7:016x}{9:016x}",
        duration_us=1_500,
        span_type="ToolCall",
        tool="Bash",
        session_id=999,
        agent_id=42,
        status="error",
        status_message="exit 1",
        sensitivity_flags=1,
    )

    assert body["edge_id"] == f"{7:016x}{9:016x}"
    assert (body["duration_us"], body["status"], body["sensitivity"]) == (1_500, 2, 1)
    assert body["span_type"] == 3
    listed = client.get("/api/v1/spans", params={"session": "999"}).json()["items"]
    assert [(one["tool"], one["agent"], one["error"]) for one in listed] == [
        ("Bash", "42", "exit 1")
    ]


def test_an_edge_of_an_sdk_is_taken_with_all_its_fields(client):
    body = sent(
        client,
        edge_id=0x1234,
        causal_parent=0,
        logical_clock=7,
        tenant_id=1,
        project_id=49_455,
        schema_version=2,
        sensitivity_flags=0,
        agent_id=42,
        session_id=999,
        span_type=2,
        parent_count=0,
        confidence=1.0,
        token_count=150,
        duration_us=1_500_000,
        sampling_rate=1.0,
        compression_type=0,
        has_payload=True,
        flags=0,
        checksum=0,
    )

    assert (body["span_id"], body["span_type"]) == (f"{0x1234:016x}", 2)


def test_an_edge_without_an_id_gets_one(client):
    one, other = sent(client), sent(client)

    assert one["edge_id"] != other["edge_id"]
    assert one["trace_id"] != other["trace_id"]


def test_an_edge_lies_in_the_trace_of_its_parent(client):
    parent = sent(client, name="above")

    below = sent(client, causal_parent=parent["edge_id"], model="m-1", input_token_count=5)

    assert below["trace_id"] == parent["trace_id"]
    assert below["causal_parent"][16:] == parent["span_id"]
    assert (below["input_token_count"], below["span_type"]) == (5, 15)


def test_a_batch_may_hold_parents_and_children(client):
    edges = [
        edge(edge_id=11),
        edge(edge_id=12, causal_parent=11),
        edge(edge_id=13, causal_parent="99"),
        {"name": "no time"},
        edge(span_type="Nothing"),
        7,
        edge(status="broken"),
    ]

    body = client.post("/api/v1/edges/batch", json={"edges": edges}).json()

    assert (body["accepted"], body["rejected"]) == (2, 5)
    assert [one["index"] for one in body["errors"]] == [2, 3, 4, 5, 6]
    assert related(client, 11, "children") == [12]


@pytest.mark.parametrize(
    "body",
    [
        {},
        edge(colour="red"),
        edge(duration_us=-1),
        edge(edge_id="zz"),
        edge(edge_id=f"{5:016x}{0:016x}"),
        edge(causal_parent="77"),
        edge(duration_us=2**63),
        edge(status="broken"),
    ],
)
def test_an_edge_that_cannot_be_is_refused(client, body):
    assert client.post("/api/v1/edges", json=body).status_code == 400


@pytest.mark.parametrize("body", [{}, {"edges": []}, {"edges": 7}, {"edges": [], "more": 1}])
def test_a_batch_that_is_none_is_refused(client, body):
    assert client.post("/api/v1/edges/batch", json=body).status_code == 400


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, [3, 2, 1]),
        ({"session_id": 999}, [2, 1]),
        ({"agent_id": "a"}, [3]),
        ({"span_type": 3}, [1]),
        ({"exclude_pii": True}, [3, 1]),
        ({"tenant_id": 0, "project_id": 0, "min_confidence": 0.5}, [3, 2, 1]),
        ({"project_id": 70_000}, []),
        ({"tenant_id": 2**70}, []),
    ],
)
def test_edges_are_asked_for_by_what_they_are(client, wanted, found):
    sent(client, edge_id=1, session_id=999, span_type=3)
    sent(client, edge_id=2, session_id=999, timestamp_us=START_US + 1, sensitivity_flags=1)
    sent(client, edge_id=3, agent_id="a", timestamp_us=START_US + 2)
    asked = {
        "start_timestamp_us": START_US,
        "end_timestamp_us": START_US + 10,
        "filter": wanted,
    }

    body = client.post("/api/v1/edges/query", json=asked).json()

    assert [int(one["span_id"], 16) for one in body["edges"]] == found
    assert (body["total_count"], body["has_more"]) == (len(found), False)


def test_more_edges_than_asked_for_are_told(client):
    for number in (1, 2):
        sent(client, edge_id=number)
    asked = {"start_timestamp_us": 0, "end_timestamp_us": 2**60, "limit": 1}

    assert client.post("/api/v1/edges/query", json=asked).json()["has_more"]


@pytest.mark.parametrize(
    "asked",
    [
        {"start_timestamp_us": 5, "end_timestamp_us": 5},
        {"start_timestamp_us": -5, "end_timestamp_us": 5},
        {"start_timestamp_us": 0, "end_timestamp_us": 5, "limit": 0},
        {"start_timestamp_us": 0, "end_timestamp_us": 5, "filter": {"colour": "red"}},
    ],
)
def test_a_question_for_edges_that_cannot_be_is_refused(client, asked):
    assert client.post("/api/v1/edges/query", json=asked).status_code == 400


@pytest.fixture
def linked(context, pipeline):
    """Store 1 above 2 in one trace; 11, of another session, links to 2, and 12 is below 11."""

    def at(trace, number, parent=0, links=()):
        return {
            "traceId": f"{trace:032x}",
            "spanId": f"{number:016x}",
            "parentSpanId": f"{parent:016x}" if parent else "",
            "name": f"step {number}",
            "startTimeUnixNano": str((START_US + number) * 1000),
            "endTimeUnixNano": str((START_US + number + 5) * 1000),
            "links": [{"traceId": f"{t:032x}", "spanId": f"{s:016x}"} for t, s in links],
        }

    spans = [at(1, 1), at(1, 2, 1), at(2, 11, links=[(1, 2), (9, 99)]), at(2, 12, 11)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    pipeline.traces(json.dumps(body).encode(), PayloadEncoding.JSON)
    SpanIndexing(context).run_once()


def over_links(client, number, relation):
    body = client.get(f"/api/v1/edges/{number:016x}/{relation}", params={"links": "true"}).json()
    return [int(one["span_id"], 16) for one in body["items"]]


def test_links_lead_into_other_traces(client, linked):
    assert over_links(client, 12, "ancestors") == [11, 2, 1]
    assert over_links(client, 1, "descendants") == [2, 11, 12]
    assert over_links(client, 12, f"path/{1:016x}") == [12, 11, 2, 1]
    assert over_links(client, 1, f"path/{12:016x}") == [1, 2, 11, 12]


def test_without_links_one_trace_is_walked(client, linked):
    assert related(client, 12, "ancestors") == [11]
    assert related(client, 1, "descendants") == [2]
    assert related(client, 12, f"path/{1:016x}") == []


def test_a_walk_has_a_bound(client, linked, monkeypatch):
    monkeypatch.setattr(causal_walks, "TRACES_LIMIT", 1)
    assert over_links(client, 12, "ancestors") == [11]
    monkeypatch.setattr(causal_walks, "EDGES_LIMIT", 0)
    assert over_links(client, 12, "ancestors") == []


def test_siblings_are_the_others_of_the_parent(client, tree):
    assert related(client, 2, "siblings") == [3]
    assert related(client, 1, "siblings") == []
