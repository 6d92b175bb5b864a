"""Metric points over REST."""

import json
from pathlib import Path

import pytest

from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.rest.conftest import START_US


def point(number, **more):
    return {"timeUnixNano": str((START_US + number) * 1000), **more}


@pytest.fixture
def send(pipeline):
    def send_metric(service="shop", **metric):
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        request = {
            "resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]
        }
        pipeline.metrics(json.dumps(request).encode(), PayloadEncoding.JSON)

    return send_metric


def test_a_sum_is_answered_with_its_value(client, send):
    points = [point(1, asInt="7", attributes=[{"key": "k", "value": {"stringValue": "v"}}])]
    send(name="tokens", unit="1", sum={"dataPoints": points, "aggregationTemporality": 1})
    (item,) = client.get("/api/v1/metrics/points").json()["items"]
    assert item == {
        "name": "tokens",
        "service": "shop",
        "session": None,
        "kind": "sum",
        "temporality": "delta",
        "unit": "1",
        "start_us": None,
        "time_us": START_US + 1,
        "attributes": {"k": "v"},
        "detail": {},
        "value": 7,
    }


def test_a_histogram_is_answered_with_count_and_sum(client, send):
    points = [point(1, count="3", sum=4.5)]
    send(name="time", histogram={"dataPoints": points, "aggregationTemporality": 2})
    (item,) = client.get("/api/v1/metrics/points").json()["items"]
    assert (item["count"], item["sum"], item["temporality"]) == (3, 4.5, "cumulative")
    assert "value" not in item


def test_points_are_found_by_name_and_service(client, send):
    for name, service in (("a", "shop"), ("b", "shop"), ("a", "bank")):
        send(service, name=name, gauge={"dataPoints": [point(1, asInt="1")]})

    def found(**query):
        items = client.get("/api/v1/metrics/points", params=query).json()["items"]
        return sorted((one["name"], one["service"]) for one in items)

    assert found(name="a") == [("a", "bank"), ("a", "shop")]
    assert found(service="shop") == [("a", "shop"), ("b", "shop")]
    assert found(name="a", service="bank") == [("a", "bank")]


def numbered(number, value):
    series = {"key": "n", "value": {"intValue": str(number % 2)}}
    return point(number // 2, asInt=str(value), attributes=[series])


def test_paging_visits_every_point_once_within_the_window(send, items_of):
    send(name="a", gauge={"dataPoints": [numbered(n, n) for n in range(12)]})
    every = items_of("/api/v1/metrics/points", limit=5)
    assert sorted(one["value"] for one in every) == list(range(12))
    within = items_of("/api/v1/metrics/points", limit=2, until=START_US + 3)
    assert sorted(one["value"] for one in within) == list(range(6))


def test_points_sent_again_are_not_doubled(client, send):
    for _ in range(2):
        send(name="a", gauge={"dataPoints": [point(1, asInt="1")]})
    assert len(client.get("/api/v1/metrics/points").json()["items"]) == 1


def named_session(session):
    return [{"key": "session.id", "value": {"stringValue": session}}]


def test_points_are_found_by_session_whatever_their_name(client, send, items_of):
    for name in ("tokens", "cost"):
        points = [point(n, asInt=str(n), attributes=named_session(f"s-{n % 2}")) for n in range(8)]
        send(name=name, sum={"dataPoints": points, "aggregationTemporality": 1})

    found = items_of("/api/v1/metrics/points", session="s-1", limit=3)
    tokens = items_of("/api/v1/metrics/points", session_id="s-1", name="tokens", limit=3)

    assert {one["session"] for one in found} == {"s-1"}
    assert sorted((one["name"], one["value"]) for one in found) == sorted(
        (name, n) for name in ("tokens", "cost") for n in (1, 3, 5, 7)
    )
    assert [one["value"] for one in tokens] == [1, 3, 5, 7]
    assert client.get("/api/v1/metrics/points?session=s-9").json()["items"] == []


def test_what_an_agent_spent_is_found_by_its_session(client, pipeline):
    recorded = Path(__file__).parent.parent / "data" / "otlp" / "claude-code.metrics.pb"
    for _ in range(2):
        pipeline.metrics(recorded.read_bytes(), PayloadEncoding.PROTOBUF)

    every = client.get("/api/v1/metrics/points").json()["items"]
    (session,) = {one["session"] for one in every}
    found = client.get("/api/v1/metrics/points", params={"session": session}).json()["items"]
    of = {one["name"]: one for one in found}

    assert len(found) == len(every)
    assert of["claude_code.cost.usage"]["value"] > 0
    assert of["claude_code.token.usage"]["attributes"]["type"]


def test_a_histogram_is_answered_with_its_buckets(client, send):
    points = [point(1, count="3", bucketCounts=["1", "2"], explicitBounds=[2.5], min=1)]
    send(name="time", histogram={"dataPoints": points, "aggregationTemporality": 2})
    (item,) = client.get("/api/v1/metrics/points").json()["items"]
    assert item["detail"] == {"bounds": [2.5], "bucket_counts": [1, 2], "min": 1}
