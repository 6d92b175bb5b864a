"""Trends, correlations and comparisons over REST."""

import pytest

from tests.rest.posted import post
from tests.rest.test_costs import WINDOW, call

BASE = "/api/v1/analytics"


def test_a_trend_has_its_test_and_its_points(client):
    post(client, call(1))

    body = client.get(f"{BASE}/trends", params={"metric": "tokens", "days": 10}).json()

    assert {"trend", "p_value", "slope", "summary", "percent_change"} <= set(body)
    assert body["data"] == body["items"]
    assert len(body["items"]) == 10


def test_a_correlation_has_the_keys_of_other_systems(client):
    body = client.get(f"{BASE}/correlation", params={"unit": "call"}).json()

    assert (body["metric1"], body["metric2"]) == ("tokens", "cost")
    assert {"correlation_coefficient", "relationship", "p_value"} <= set(body)


def test_groups_are_compared(client):
    post(client, *(call(number) for number in range(1, 7)))
    post(client, *(call(number, "nobody-knows-9") for number in range(7, 10)))

    body = client.get(f"{BASE}/comparative", params=WINDOW | {"metric": "tokens"}).json()

    assert [row["calls"] for row in body["groups"]] == [6, 3]
    assert body["baseline"] == "claude-opus-4-1"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("trends", {"metric": "beauty"}),
        ("trends", {"days": "many"}),
        ("trends", {"step": "week"}),
        ("correlation", {"metric1": "beauty"}),
        ("comparative", {"group_by": "colour"}),
        ("comparative", {"baseline": "none"}),
    ],
)
def test_what_cannot_be_asked_is_an_error(client, path, params):
    answer = client.get(f"{BASE}/{path}", params=params)

    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "code", "mend"}
