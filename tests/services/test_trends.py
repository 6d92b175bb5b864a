"""Trends and correlations of stored work."""

import random

import pytest

from flowtrace_mcp.analytics.ranks import mann_kendall, spearman
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.bucket_metrics import METRICS
from flowtrace_mcp.services.trends import Asked, correlation, trend
from tests.services.work import START_US, Work

DAYS = 20
DAY_S = DAY_US / 1_000_000


@pytest.fixture
def told(context, clock):
    """Store a rising number of calls a day, each longer than those before, of two agents."""
    chance = random.Random(2)
    for day in range(DAYS):
        work = Work(context, session=f"s-{day}")
        for number in range(day + 1):
            work.call(
                "claude-opus-4-1",
                day * DAY_S + number * 60,
                for_s=chance.uniform(1, 2),
                tokens=(1000 * (day + 1), 100),
                trace=day * 100 + number + 1,
                **{"gen_ai.agent.name": "coder" if number % 2 else "planner"},
            )
        work.store()
    clock.now_us = START_US - START_US % DAY_US + DAYS * DAY_US + 1


def test_what_rises_is_said_to_rise_with_its_slope(context, told):
    body = trend(context, "model_calls", Asked(count=DAYS))

    values = [item["value"] for item in body["items"]]
    assert values == [float(day + 1) for day in range(DAYS)]
    assert (body["trend"], body["tau"], body["slope"]) == ("rising", 1.0, 1.0)
    assert body["p_value"] == mann_kendall(values).probability < 1e-6
    assert body["percent_change"] == pytest.approx(100 * 19 / 10.5)
    assert body["summary"]["total"] == sum(values)
    assert body["forecast_next_week"]["low"] < body["forecast_next_week"]["total"]


def test_days_on_which_nothing_happened_are_none(context, told):
    body = trend(context, "spans", Asked(count=DAYS + 10))

    assert [item["value"] for item in body["items"]][:11] == [*[0.0] * 10, 1.0]
    rate = trend(context, "error_rate", Asked(count=DAYS + 10))
    assert len(rate["items"]) == DAYS
    assert rate["summary"]["total"] is None


def test_what_stays_alike_has_no_trend(context, told):
    assert trend(context, "duration_p50", Asked(count=DAYS))["trend"] == "none"


def test_few_days_say_nothing(context, told):
    body = trend(context, "cost", Asked(count=3))

    assert (body["trend"], body["p_value"]) == ("unknown", None)
    assert "fewer than" in body["note"]
    assert trend(context, "duration_p95", Asked(unit="hour", count=2))["items"] == []


def test_a_trend_is_of_whom_is_asked(context, told):
    body = trend(context, "model_calls", Asked(count=DAYS, agent="coder"))

    assert [item["value"] for item in body["items"]][:4] == [0.0, 1.0, 1.0, 2.0]
    assert trend(context, "spans", Asked(count=9, model="claude-opus-4-1"))["trend"] == "rising"


def test_what_goes_together_is_found(context, told):
    body = correlation(context, "model_calls", "cost", Asked(count=DAYS))

    assert (body["correlation_coefficient"], body["relationship"]) == (1.0, "strong positive")
    assert body["points"] == DAYS


def test_of_calls_the_correlation_is_that_of_their_values(context, told):
    body = correlation(context, "tokens", "duration", Asked(unit="call", count=DAYS))

    calls = [
        (1100 + 1000 * day, span["end_time"] - span["start_time"])
        for day in range(DAYS)
        for span in spans_of(day)
    ]
    expected = spearman([x for x, _ in calls], [y for _, y in calls])
    assert body["points"] == len(calls) == DAYS * (DAYS + 1) // 2
    assert body["correlation_coefficient"] == round(expected.rho, 4)
    assert body["p_value"] == pytest.approx(expected.probability)
    assert (body["relationship"] == "none") == (expected.probability >= 0.05)


def spans_of(day):
    """Return the spans of a day as they were sent, made again with the same chance."""
    chance = random.Random(2)
    work = Work(None)
    for before in range(day + 1):
        work.spans.clear()
        for _ in range(before + 1):
            work.call("m", 0, for_s=chance.uniform(1, 2))
    return work.spans


def test_sessions_are_points_too(context, told):
    body = correlation(context, "tokens", "duration", Asked(unit="session", count=DAYS + 1))
    of_nobody = Asked(unit="session", count=DAYS + 1, agent="coder")

    assert (body["points"], body["relationship"]) == (DAYS, "strong positive")
    assert correlation(context, "tokens", "cost", of_nobody)["points"] == 0


def test_without_points_nothing_is_known(context):
    body = correlation(context, "tokens", "cost", Asked())

    assert (body["relationship"], body["p_value"]) == ("unknown", None)


@pytest.mark.parametrize("unit", METRICS)
def test_every_metric_of_a_unit_can_be_asked_for(context, told, unit):
    for metric in METRICS[unit]:
        assert correlation(context, metric, metric, Asked(unit=unit))["unit"] == unit


@pytest.mark.parametrize(
    "asked",
    [
        {"metric": "beauty"},
        {"unit": "week"},
        {"unit": "call"},
        {"count": 0},
        {"count": 1001},
        {"metric": "sessions", "agent": "coder"},
    ],
)
def test_what_cannot_be_asked_is_refused(context, told, asked):
    metric = asked.pop("metric", "cost")

    with pytest.raises(InputError):
        trend(context, metric, Asked(**asked))


def test_correlations_that_cannot_be_asked_are_refused(context, told):
    with pytest.raises(InputError):
        correlation(context, "cost", "tokens", Asked(unit="moon"))
    with pytest.raises(InputError):
        correlation(context, "cost", "tokens", Asked(unit="session", model="claude-opus-4-1"))
    with pytest.raises(NotFoundError):
        trend(context, "cost", Asked(agent="nobody"))
