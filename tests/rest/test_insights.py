"""Insights over REST."""

import pytest


def test_insights_have_the_keys_of_other_systems(client):
    body = client.get("/api/v1/insights", params={"window_seconds": 7000}).json()

    assert set(body) == {"insights", "total_count", "window_seconds", "generated_at", "note"}
    assert (body["insights"], body["window_seconds"]) == ([], 7200)


def test_the_summary_tells_how_well_all_is(client):
    body = client.get("/api/v1/insights/summary").json()

    assert (body["total_insights"], body["health_score"]) == (0, 100)
    assert {"critical_count", "high_count", "by_severity", "by_type", "top_insights"} <= set(body)


@pytest.mark.parametrize(
    "params",
    [
        {"window_seconds": "0"},
        {"window_seconds": "x"},
        {"min_severity": "grave"},
        {"insight_type": "semantic_drift"},
        {"project": "nowhere"},
    ],
)
def test_what_cannot_be_asked_is_an_error(client, params):
    answer = client.get("/api/v1/insights", params=params)

    assert answer.status_code in (400, 404)
    assert set(answer.json()) == {"error", "code", "mend"}
