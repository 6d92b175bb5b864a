"""Insights: found where something is unlike before, and nowhere else."""

import random

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.costs import CostsRequest, costs
from flowtrace_mcp.services.find_insights import (
    InsightsRequest,
    find_insights,
    health_score,
    insight_body,
    summary_body,
)
from flowtrace_mcp.services.insights import looked_at
from flowtrace_mcp.services.insights.shape import Insight
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import START_US, Work

HOURS = 8
FIRST_HOUR_US = START_US - START_US % HOUR_US
MODEL = "claude-opus-4-1"


class Day:
    """Eight hours of calls, the last of which is looked at ten minutes after it has ended."""

    def __init__(self, context, clock):
        self.context = context
        self.work = Work(context)
        self.chance = random.Random(3)
        clock.now_us = FIRST_HOUR_US + HOURS * HOUR_US + 600_000_000

    def at_s(self, hour, number, count):
        since_s = (FIRST_HOUR_US - START_US) / 1_000_000
        return since_s + hour * 3600 + (number + 0.5) * 3500 / count

    def calls(self, hour, count=40, for_s=1.0, model=MODEL, errors=0, tokens=(1000, 100), **more):
        for number in range(count):
            self.work.call(
                model,
                self.at_s(hour, number, count),
                for_s * self.chance.uniform(0.9, 1.1),
                tokens=tokens,
                trace=hour * 1000 + number + 1,
                error="rate limit 429" if number < errors else "",
                **more,
            )

    def tools(self, hour, count=40, errors=0, message="no such file: /tmp/{}"):
        for number in range(count):
            self.work.tool(
                "Read",
                self.at_s(hour, number, count),
                0.5 * self.chance.uniform(0.9, 1.1),
                trace=hour * 1000 + number + 1,
                error=message.format(number) if number < errors else "",
            )

    def find(self, **asked):
        self.work.store()
        return find_insights(self.context, InsightsRequest(**asked))


@pytest.fixture
def day(context, clock):
    return Day(context, clock)


def found(answer):
    return {(one.insight_type, one.metadata.get("subject", "")) for one in answer.insights}


def test_a_day_like_any_other_tells_nothing(day):
    for hour in range(HOURS):
        day.calls(hour)
        day.tools(hour)

    answer = day.find()

    assert answer.insights == ()
    assert health_score(answer.every) == 100


@pytest.mark.promise("insights")
def test_slower_calls_are_told_with_the_slowest_traces(day):
    for hour in range(HOURS):
        day.calls(hour, for_s=4.0 if hour == HOURS - 1 else 1.0)

    (insight,) = day.find().insights

    assert insight.insight_type == "latency_anomaly"
    assert insight.metadata["subject"] == f"model {MODEL}"
    assert insight.metadata["value"] == pytest.approx(4000, rel=0.1)
    assert insight.metadata["baseline_median"] == pytest.approx(1000, rel=0.1)
    assert insight.severity == "critical"
    assert len(insight.related_trace_ids) == 3
    assert "usually" in insight.summary


def test_faster_calls_are_worth_knowing_and_no_alarm(day):
    for hour in range(HOURS):
        day.calls(hour, for_s=0.2 if hour == HOURS - 1 else 1.0)

    (insight,) = day.find().insights

    assert (insight.insight_type, insight.severity) == ("latency_anomaly", "info")
    assert health_score([insight]) == 100


def test_tools_that_fail_more_are_told_and_their_failures_as_one_kind(day):
    for hour in range(HOURS):
        day.tools(hour, errors=20 if hour == HOURS - 1 else 1)

    answer = day.find()

    assert ("error_rate_anomaly", "tool Read") in found(answer)
    (pattern,) = [one for one in answer.insights if one.insight_type == "failure_pattern"]
    assert pattern.metadata["times"] == 20
    assert "Read failed 20 times" in pattern.summary
    assert pattern.severity == "medium"


def test_a_view_of_failures_of_all_says_that_they_are_more_than_usual(day, caller):
    for hour in range(HOURS):
        day.tools(hour, errors=20 if hour == HOURS - 1 else 1)
    day.work.store()

    def note(**asked):
        return traces(day.context, TracesRequest(**asked), caller).note

    assert "insight: tool Read: error rate 50 %, usually 2.5 (" in note(
        view="errors", session="all"
    )
    assert "insight" not in note(view="errors", session="s-1")
    assert "insight" not in note(view="errors", session="all", since=START_US)
    assert "insight" not in note(view="slow", session="all")


def test_tools_that_fail_less_are_no_news(day):
    for hour in range(HOURS):
        day.tools(hour, errors=0 if hour == HOURS - 1 else 20)

    assert found(day.find()) == set()


def test_failed_calls_of_a_model_count_though_they_tell_no_tokens(day):
    for hour in range(HOURS):
        day.calls(hour)
        for number in range(20 if hour == HOURS - 1 else 0):
            day.work.span(
                "chat",
                day.at_s(hour, number, 20),
                error="overloaded",
                trace=hour * 1000 + number + 1,
                **{
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "anthropic",
                    "gen_ai.request.model": MODEL,
                },
            )

    assert ("error_rate_anomaly", f"model {MODEL}") in found(day.find())


def test_dearer_calls_are_told_as_cost_and_as_tokens(day):
    for hour in range(HOURS):
        day.calls(hour, tokens=(5000, 100) if hour == HOURS - 1 else (1000, 100))

    answer = day.find()

    assert found(answer) == {
        ("cost_anomaly", f"model {MODEL}"),
        ("cost_anomaly", "all work"),
        ("token_usage_spike", f"model {MODEL}"),
    }
    assert "insight:" in costs(day.context, CostsRequest()).note


def test_much_more_work_is_told_as_traffic(day):
    for hour in range(HOURS):
        day.tools(hour, count=160 if hour == HOURS - 1 else 40)

    assert found(day.find()) == {("traffic_anomaly", "all work")}


def test_hours_in_which_nothing_happened_are_no_baseline(day):
    for hour in (0, 1, HOURS - 1):
        day.tools(hour, count=400 if hour == HOURS - 1 else 40)

    assert found(day.find()) == set()


def test_an_idle_hour_is_no_anomaly(day):
    for hour in range(HOURS - 1):
        day.tools(hour)

    assert found(day.find()) == set()


def test_a_change_of_model_after_which_calls_are_slower_and_dearer_is_a_regression(day):
    agent = {"gen_ai.agent.name": "coder"}
    for hour in range(HOURS):
        is_new = hour >= 5
        day.calls(
            hour,
            for_s=3.0 if is_new else 1.0,
            model=MODEL if is_new else "claude-haiku-4-5",
            **agent,
        )

    answer = day.find(insight_type="performance_regression")

    metrics = {one.metadata["metric"]: one for one in answer.insights}
    assert set(metrics) == {"duration", "cost a call"}
    slower = metrics["duration"]
    assert (slower.metadata["from"], slower.metadata["to"]) == ("claude-haiku-4-5", MODEL)
    assert slower.metadata["shift"] == pytest.approx(2000, rel=0.1)
    assert slower.metadata["low"] < slower.metadata["shift"] < slower.metadata["high"]
    assert slower.severity == "high"


def test_a_new_version_of_a_prompt_after_which_calls_fail_is_a_regression(day):
    for hour in range(HOURS):
        is_new = hour >= 6
        day.calls(
            hour,
            errors=12 if is_new else 1,
            **{
                "gen_ai.prompt.name": "greet",
                "llm.prompt_template.version": "2" if is_new else "1",
            },
        )

    answer = day.find(insight_type="performance_regression")

    (insight,) = answer.insights
    assert insight.metadata["subject"] == "prompt greet"
    assert (insight.metadata["from"], insight.metadata["to"]) == ("greet@1", "greet@2")
    assert insight.metadata["metric"] == "error rate"


def test_a_change_that_makes_nothing_worse_is_not_told(day):
    for hour in range(HOURS):
        version = {"llm.prompt_template.version": "2" if hour >= 5 else "1"}
        day.calls(hour, **{"gen_ai.prompt.name": "greet"}, **version)

    assert day.find(insight_type="performance_regression").insights == ()


def test_a_few_calls_of_another_model_are_no_change(day):
    for hour in range(HOURS):
        day.calls(hour, **{"gen_ai.agent.name": "coder"})
    day.calls(HOURS - 1, count=5, model="claude-haiku-4-5", for_s=9.0)

    assert day.find(insight_type="performance_regression").insights == ()


def test_of_another_project_nothing_is_told(day):
    for hour in range(HOURS):
        day.tools(hour, errors=20 if hour == HOURS - 1 else 1)
    day.context.store.project_id("name:other", "other")

    assert day.find(project="other").insights == ()


def test_of_more_calls_than_are_read_only_whole_windows_count(day, monkeypatch):
    monkeypatch.setattr(looked_at, "CALLS_READ_LIMIT", 100)
    for hour in range(HOURS):
        day.calls(hour, for_s=4.0 if hour == HOURS - 1 else 1.0)

    assert ("latency_anomaly", f"model {MODEL}") not in found(day.find())


def test_insights_are_narrowed_and_counted(day):
    for hour in range(HOURS):
        day.tools(hour, errors=20 if hour == HOURS - 1 else 1)

    answer = day.find(min_severity="high", limit=1)

    assert len(answer.insights) == 1
    assert {one.severity for one in answer.insights} <= {"high", "critical"}
    summary = summary_body(answer)
    assert summary["total_insights"] == len(answer.every) == sum(summary["by_type"].values())
    assert summary["health_score"] == health_score(answer.every) < 100
    assert insight_body(answer.every[0], 5)["generated_at"] == 5


def insight(severity):
    return Insight(
        id="1",
        insight_type="cost_anomaly",
        severity=severity,
        confidence=1.0,
        summary="",
        description="",
    )


def test_health_is_a_hundred_less_what_each_costs():
    assert health_score([insight("critical"), insight("high")]) == 55
    assert health_score([insight("medium"), insight("low"), insight("info")]) == 93
    assert health_score([insight("critical")] * 4) == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"window_s": 0},
        {"window_s": 10**7},
        {"limit": 0},
        {"min_severity": "grave"},
        {"insight_type": "semantic_drift"},
    ],
)
def test_what_cannot_be_asked_is_refused(context, asked):
    with pytest.raises(InputError):
        find_insights(context, InsightsRequest(**asked))
