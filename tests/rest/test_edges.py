"""Edges over REST: one, what led to it, what followed, and the way between two."""

import pytest

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
