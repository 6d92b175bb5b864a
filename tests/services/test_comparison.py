"""Groups of calls held against each other, and against brute force."""

import random
from statistics import fmean, median

import pytest

from flowtrace_mcp.analytics.distributions import holm
from flowtrace_mcp.analytics.ranks import shift_between
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.comparison import NOT_TOLD, ComparisonRequest, compare
from flowtrace_mcp.services.listing import Window
from tests.services.work import START_US, Work

FAST, SLOW, RARE = "claude-haiku-4-5", "claude-opus-4-1", "nobody-knows-9"


@pytest.fixture
def durations(context, clock):
    """Store calls of three models; return the milliseconds of each, newest first."""
    chance, work = random.Random(4), Work(context)
    found = {FAST: [], SLOW: [], RARE: []}
    for number in range(60):
        for model, usual_s, share in ((FAST, 1.0, 1), (SLOW, 2.0, 2), (RARE, 1.0, 30)):
            if number % share:
                continue
            for_s = usual_s * chance.uniform(0.5, 1.5)
            work.call(
                model,
                number * 10 + len(found[model]) / 100,
                for_s,
                trace=number + 1,
                error="overloaded" if model == SLOW and number % 4 == 0 else "",
                **{
                    "gen_ai.agent.name": "coder" if number % 3 else "planner",
                    "gen_ai.prompt.name": "greet" if model == FAST else "",
                    "llm.prompt_template.version": "1" if number < 30 else "2",
                },
            )
            span = work.spans[-1]
            found[model].insert(0, (span["end_time"] - span["start_time"]) / 1000)
    work.store()
    clock.now_us = START_US + HOUR_US
    return found


def groups(body):
    return {row["group"]: row for row in body["groups"]}


def test_groups_are_held_against_the_largest(context, durations):
    body = compare(context, ComparisonRequest())

    found = groups(body)
    assert body["baseline"] == FAST
    assert list(found) == [FAST, SLOW, RARE]
    assert (found[FAST]["calls"], found[SLOW]["calls"]) == (60, 30)
    assert found[FAST]["mean"] == pytest.approx(fmean(durations[FAST]))
    assert found[SLOW]["median"] == sorted(durations[SLOW])[14]
    assert found[SLOW]["error_rate"] == 0.5
    held = found[SLOW]["against_baseline"]
    differences = [x - y for x in durations[SLOW] for y in durations[FAST]]
    assert held["difference"] == pytest.approx(median(differences))
    assert held["low"] < held["difference"] < held["high"]
    (expected,) = holm([shift_between(durations[SLOW], durations[FAST]).probability])
    assert held["p_value"] == pytest.approx(expected)
    assert held["significant"]
    assert "against_baseline" not in found[FAST]
    assert "against_baseline" not in found[RARE]  # two calls say nothing


def test_another_baseline_turns_it_round(context, durations):
    there = groups(compare(context, ComparisonRequest()))[SLOW]["against_baseline"]
    back = groups(compare(context, ComparisonRequest(baseline=SLOW)))[FAST]["against_baseline"]

    assert back["difference"] == pytest.approx(-there["difference"])
    assert back["superiority"] == pytest.approx(1 - there["superiority"])


def test_rates_are_compared_as_rates(context, durations):
    held = groups(compare(context, ComparisonRequest(metric="error_rate")))[SLOW][
        "against_baseline"
    ]

    assert held["difference"] == 0.5
    assert 0.3 < held["low"] < 0.5 < held["high"] < 0.7
    assert held["significant"]


def test_periods_are_the_window_and_the_one_before(context, durations):
    window = Window(since_us=START_US + 300 * 10**6, until_us=START_US + 600 * 10**6)

    body = compare(context, ComparisonRequest(group_by="period", window=window))

    found = groups(body)
    assert body["baseline"] == "before"
    assert set(found) == {"now", "before"}
    assert found["now"]["calls"] == found["before"]["calls"] == 46
    assert not found["now"]["against_baseline"]["significant"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("agent", {"coder", "planner"}),
        ("environment", {"development"}),
        ("project", {NOT_TOLD}),
        ("prompt", {"greet@1", "greet@2", "1", "2"}),
    ],
)
def test_calls_are_grouped_by_what_is_asked(context, durations, by, names):
    body = compare(context, ComparisonRequest(group_by=by, metric="tokens"))

    assert set(groups(body)) == names


def test_costs_nobody_knows_are_no_samples(context, durations):
    row = groups(compare(context, ComparisonRequest(metric="cost")))[RARE]

    assert (row["calls"], row["samples"], row["mean"], row["cost_usd"]) == (2, 0, None, None)


def test_a_long_list_keeps_the_baseline(context, durations):
    body = compare(context, ComparisonRequest(baseline=RARE, limit=2))

    assert [row["group"] for row in body["groups"]] == [FAST, RARE]
    assert body["more"] == 1


def test_calls_are_narrowed(context, durations):
    body = compare(context, ComparisonRequest(agent="planner", model=FAST, metric="output_tokens"))

    assert [(row["group"], row["calls"]) for row in body["groups"]] == [(FAST, 20)]


def test_without_calls_there_is_nothing_to_compare(context):
    assert compare(context, ComparisonRequest())["groups"] == []
    assert compare(context, ComparisonRequest(group_by="period"))["baseline"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"group_by": "colour"},
        {"metric": "beauty"},
        {"limit": 0},
        {"baseline": "nothing of that name"},
        {"window": Window(since_us=START_US, until_us=START_US - 1)},
    ],
)
def test_what_cannot_be_asked_is_refused(context, durations, asked):
    with pytest.raises(InputError):
        compare(context, ComparisonRequest(**asked))
