import msgspec
import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.costs import BYS, CostsRequest, costs, forecast_row
from tests.services.work import START_US, Work

DAY_S = DAY_US // 1_000_000


def spend(context, session="s-1", **more):
    """Store a call of each of two models and one of a model without a price."""
    work = Work(context, session=session)
    work.call("claude-haiku-4-5", 0, tokens=(1_000, 100), **more)
    work.call("claude-opus-4-1", 1, tokens=(1_000, 100), **more)
    work.call("nobody-knows-9", 2, tokens=(1_000, 100), **more)
    return work.store()


def ask(context, **said):
    return costs(context, CostsRequest(**{"since": START_US, "until": START_US + DAY_US} | said))


@pytest.mark.promise("costs")
def test_the_dearest_model_comes_first_and_a_model_without_a_price_is_counted(context):
    spend(context)

    answer = ask(context)

    assert [row["model"] for row in answer.rows] == [
        "claude-opus-4-1",
        "claude-haiku-4-5",
        "nobody-knows-9",
    ]
    assert answer.rows[0] == {
        "model": "claude-opus-4-1",
        "provider": "anthropic",
        "calls": 1,
        "input": 1_000,
        "output": 100,
        "usd": 0.0225,
    }
    assert answer.rows[2]["unpriced"] == 1
    assert "usd" not in answer.rows[2]
    assert (answer.total["calls"], answer.total["usd"], answer.total["unpriced"]) == (3, 0.024, 1)


def test_sessions_and_agents_have_their_own_sums(context):
    spend(context, session="s-1", **{"gen_ai.agent.name": "planner"})
    spend(context, session="s-2", **{"gen_ai.agent.name": "coder"}).call("claude-opus-4-1", 5)

    sessions = ask(context, by="session").rows
    agents = ask(context, by="agent").rows
    of_one = ask(context, agent="coder").total

    assert [(row["session"], row["usd"]) for row in sessions] == [("s-2", 0.024), ("s-1", 0.024)]
    assert [(row["agent"], row["calls"]) for row in agents] == [("coder", 3), ("planner", 3)]
    assert of_one["calls"] == 3


def test_tools_are_counted_with_their_failures(context):
    work = Work(context)
    work.tool("Bash", 0)
    work.tool("Bash", 1, error="no such file")
    work.tool("Read", 2)
    work.store()

    assert ask(context, by="tool").rows == (
        {"tool": "Bash", "calls": 2, "errors": 1},
        {"tool": "Read", "calls": 1},
    )


def test_what_a_cache_saved_is_computed_from_its_prices(context):
    work = Work(context)
    cached = {
        "gen_ai.usage.cache_read.input_tokens": 1_000_000,
        "gen_ai.usage.cache_creation.input_tokens": 100_000,
    }
    work.call("claude-opus-4-1", 0, tokens=(1_100_010, 5), **cached)
    work.store()

    (row,) = ask(context).rows

    # Opus 4.1: input 15, cache read 1.50, cache write 18.75 USD a million.
    assert row["saved_usd"] == pytest.approx(13.5 - 0.375)
    assert ask(context).total["saved_usd"] == row["saved_usd"]


def test_days_come_with_the_latest_first(context):
    work = Work(context)
    for day in range(3):
        work.call("claude-opus-4-1", day * DAY_S, trace=day + 1, tokens=(1_000 * (day + 1), 0))
    work.store()

    answer = ask(context, by="day", until=START_US + 3 * DAY_US)

    assert [row["day"] for row in answer.rows] == ["2026-11-20", "2026-11-19", "2026-11-18"]
    assert [row["input"] for row in answer.rows] == [3_000, 2_000, 1_000]
    assert "times are UTC" in answer.note


def test_thirty_days_like_those_before_cost_as_much(context, clock):
    work = Work(context)
    for day in range(10):
        work.call("claude-opus-4-1", day * DAY_S, trace=day + 1, tokens=(10_000, 0))
    work.store()
    clock.now_us = START_US + 10 * DAY_US

    coming = forecast_row(costs(context, CostsRequest()).forecast)

    assert coming == {"usd": 4.5, "low": 4.5, "high": 4.5}


def test_after_few_days_nothing_is_forecast(context, clock):
    spend(context)
    clock.now_us = START_US + DAY_US

    assert costs(context, CostsRequest()).forecast is None


def test_a_project_is_named_or_numbered_and_must_be_there(context, caller):
    spend(context)
    project = caller.project
    number = context.store.project_id(project.identity, project.name)
    context.store.spans.bind_session("s-1", number)
    for hour_us in context.store.uses.list_stale(10):
        context.store.uses.recount(hour_us)

    assert ask(context, project="shop").total["calls"] == 3
    assert ask(context, project=str(number)).total["calls"] == 3
    assert [row["project"] for row in ask(context, by="project").rows] == ["shop"]
    with pytest.raises(NotFoundError, match="no project 'nowhere'"):
        ask(context, project="nowhere")


@pytest.mark.parametrize("what", ["agent", "model"])
def test_a_name_that_no_span_says_is_refused(context, what):
    spend(context)

    with pytest.raises(NotFoundError, match=f"no {what} 'x'"):
        ask(context, **{what: "x"})


@pytest.mark.parametrize(
    "said",
    [
        {"limit": 0},
        {"budget": 10},
        {"by": "colour"},
        {"since": "2026-11-20", "until": "2026-11-19"},
        {"since": "yesterdayish"},
    ],
)
def test_what_cannot_be_understood_is_refused(context, said):
    with pytest.raises(InputError):
        ask(context, **said)


def test_without_spans_it_says_how_to_get_some(context):
    answer = ask(context)

    assert (answer.rows, answer.total) == ((), {})
    assert "no spans yet" in answer.note


@pytest.mark.promise("budget")
@pytest.mark.parametrize("budget", [200, 400])
@pytest.mark.parametrize("by", BYS)
def test_an_answer_stays_within_its_budget(context, by, budget):
    work = Work(context, session="s-1")
    for number in range(40):
        work.call(f"claude-opus-4-1-{number}", number * 3600, **{"gen_ai.agent.name": str(number)})
        work.tool(f"tool {number}", number)
    work.store()

    answer = ask(context, by=by, until=START_US + 3 * DAY_US, budget=budget)

    body = {
        "by": answer.by,
        "rows": answer.rows,
        "total": answer.total,
        "forecast_30d": forecast_row(answer.forecast),
        "note": answer.note,
        "more": answer.more,
    }
    assert estimate_tokens(msgspec.json.encode(body).decode()) <= answer.tokens <= budget


def test_versions_of_a_prompt_have_their_own_sums_by_day_too(context, clock):
    work = Work(context)
    for day, version, tokens in ((0, "1", 1_000), (0, "2", 2_000), (1, "2", 4_000)):
        named = {"gen_ai.prompt.name": "greet", "llm.prompt_template.version": version}
        work.call("claude-opus-4-1", day * DAY_S, trace=tokens, tokens=(tokens, 0), **named)
    work.call("nobody-knows-9", 5, tokens=(7, 0), **{"llm.prompt_template.version": "x"})
    work.call("claude-opus-4-1", 6, tokens=(9_000, 0))
    work.store()
    clock.now_us = START_US + 2 * DAY_US

    answer = ask(context, by="prompt", until=START_US + 2 * DAY_US)
    daily = ask(context, by="prompt_day", until=START_US + 2 * DAY_US)
    of_one = ask(context, by="prompt", model="nobody-knows-9")

    assert [(row["prompt"], row["calls"], row["input"]) for row in answer.rows] == [
        ("greet@2", 2, 6_000),
        ("greet@1", 1, 1_000),
        ("x", 1, 7),
    ]
    assert answer.rows[2]["unpriced"] == 1
    assert answer.total["calls"] == 5
    assert "name no prompt" in answer.note
    assert [(row["day"], row["prompt"], row["input"]) for row in daily.rows] == [
        ("2026-11-19", "greet@2", 4_000),
        ("2026-11-18", "x", 7),
        ("2026-11-18", "greet@2", 2_000),
        ("2026-11-18", "greet@1", 1_000),
    ]
    assert [row["prompt"] for row in of_one.rows] == ["x"]


def test_a_prompt_is_forgotten_with_its_span(context):
    work = Work(context)
    work.call("claude-opus-4-1", 0, **{"gen_ai.prompt.name": "greet"})
    work.store()
    assert [row["prompt"] for row in ask(context, by="prompt").rows] == ["greet"]

    context.store.retention.delete_old_spans(0, START_US + DAY_US, 10)

    assert ask(context, by="prompt").rows == ()
