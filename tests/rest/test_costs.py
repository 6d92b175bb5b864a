"""Cost and use over time over REST."""

import pytest

from tests.rest.conftest import START_US
from tests.rest.posted import post, span

WINDOW = {"since": START_US - 10, "until": START_US + 3_600_000_000}


def call(number, model="claude-opus-4-1", tokens=1_000_000):
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 0,
        "session.id": f"s-{number}",
    }
    return span(number, number, attributes=attributes)


def test_costs_are_summed_by_what_is_asked(client):
    post(client, call(1), call(2), call(3, "nobody-knows-9"))

    by_model = client.get("/api/v1/costs", params=WINDOW).json()
    by_session = client.get("/api/v1/costs", params=WINDOW | {"by": "session"}).json()

    assert [row.get("usd") for row in by_model["items"]] == [30.0, None]
    assert by_model["total"]["unpriced"] == 1
    assert {row["session"] for row in by_session["items"]} == {"s-1", "s-2", "s-3"}


def test_the_breakdown_has_the_keys_of_other_systems(client):
    post(client, call(1), call(2))

    body = client.get("/api/v1/analytics/costs", params=WINDOW).json()

    assert (body["total_cost"], body["total_tokens"], body["total_calls"]) == (30.0, 2_000_000, 2)
    assert body["model_breakdown"][0]["model"] == "claude-opus-4-1"
    assert body["model_breakdown"][0]["input_tokens"] == 2_000_000


def test_shares_have_the_keys_of_other_systems(client):
    post(client, call(1), call(2), call(3, "claude-haiku-4-5"))

    body = client.get("/api/v1/analytics/cost-breakdown", params=WINDOW).json()
    by_prompt = WINDOW | {"group_by": "prompt_day"}
    prompts = client.get("/api/v1/analytics/cost-breakdown", params=by_prompt).json()

    first, second = body["breakdown"]
    assert (first["group_key"], first["request_count"]) == ("claude-opus-4-1", 2)
    assert first["percentage"] + second["percentage"] == pytest.approx(100)
    assert first["avg_cost_per_request"] == 15.0
    assert prompts["breakdown"] == []


def test_a_series_has_a_row_an_hour_and_a_total(client):
    post(client, call(1), call(2))

    body = client.get("/api/v1/analytics/timeseries", params=WINDOW).json()

    assert [row["calls"] for row in body["items"]] == [2]
    assert body["total"]["sessions"] == 2
    assert body["data"] == body["items"]


def test_a_series_without_a_window_is_of_the_last_day(client):
    assert client.get("/api/v1/analytics/timeseries").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/v1/costs", {"by": "colour"}),
        ("/api/v1/costs", {"since": START_US, "until": START_US - 1}),
        ("/api/v1/costs", {"project": "nowhere"}),
        ("/api/v1/analytics/timeseries", {"step": "week"}),
        ("/api/v1/analytics/timeseries", {"since": 0}),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_a_mend(client, path, params):
    answer = client.get(path, params=params)

    assert answer.status_code in (400, 404)
    assert set(answer.json()) == {"error", "code", "mend"}
