"""A trace in the shapes that other systems have for it."""

from pathlib import Path

import pytest

from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.rest.posted import post, span

EXPORT = Path(__file__).parents[1] / "data/otlp/claude-code.traces.pb"
TRACE = "ca1c5d3a1033f257aabe0d84dc80cfb9"


@pytest.fixture
def ask(client, pipeline):
    pipeline.traces(EXPORT.read_bytes(), PayloadEncoding.PROTOBUF)

    def get(shape):
        answer = client.get(f"/api/v1/traces/{TRACE}/{shape}")
        assert answer.status_code == 200
        return answer.json()

    return get


def test_every_span_is_an_observation_and_a_model_call_a_generation_with_its_usage(ask):
    body = ask("observations")

    assert body["items"] == body["observations"]
    assert len(body["items"]) == 6
    generations = [each for each in body["items"] if each["type"] == "generation"]
    assert [each["usage"]["total"] for each in generations] == [233, 233]
    assert all(each["model"] == "claude-sonnet-4-5" for each in generations)
    assert all(each["end_time"] >= each["start_time"] for each in body["items"])


def test_an_observation_of_a_tool_has_what_went_in(ask):
    tool = next(each for each in ask("observations")["items"] if each["metadata"].get("tool_name"))

    assert tool["type"] == "span"
    assert tool["level"] == "DEFAULT"
    assert tool["usage"]["total"] is None


def test_the_graph_has_a_node_a_span_and_an_edge_a_parent(ask):
    body = ask("graph")

    ids = {node["id"] for node in body["nodes"]}
    assert len(ids) == 6
    parents = [edge for edge in body["edges"] if edge["kind"] == "parent"]
    assert len(parents) == 5
    assert all({edge["from"], edge["to"]} <= ids for edge in parents)
    assert body["totals"]["spans"] == 6


def test_children_are_the_spans_right_below_the_root(ask):
    body = ask("children")

    root = ask("attributes")["span_id"]
    assert body["children"] == body["items"]
    assert {each["parent_span_id"] for each in body["items"]} == {root}


def test_attributes_are_those_of_the_root_and_its_resource(ask):
    body = ask("attributes")

    assert body["attributes"]["span.type"] == "interaction"
    assert body["resource"]["service.name"] == "claude-code"


def test_a_trace_whose_spans_are_each_others_parents_has_a_root(client):
    post(
        client,
        span(1, parent_span_id=f"{2:016x}"),
        span(2, parent_span_id=f"{1:016x}"),
    )

    body = client.get(f"/api/v1/traces/{1:032x}/attributes").json()

    assert body["span_id"] == f"{1:016x}"


@pytest.mark.parametrize("shape", ["observations", "graph", "children", "attributes"])
def test_a_trace_that_is_not_there_is_told(client, shape):
    answer = client.get(f"/api/v1/traces/{'ab' * 16}/{shape}")

    assert answer.status_code == 404
    assert answer.json()["mend"]
