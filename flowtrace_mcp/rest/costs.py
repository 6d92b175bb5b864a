"""Cost and use over time as JSON."""

from typing import Final, cast

from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.rest.declared import (
    LIMIT,
    PROJECT,
    SINCE,
    UNTIL,
    DeclaredRoute,
    Parameter,
)
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import (
    BUDGET_MOST_TOKENS,
    BYS,
    By,
    CostsAnswer,
    CostsRequest,
    costs,
    forecast_row,
)
from flowtrace_mcp.services.timeseries import STEPS, Step, timeseries
from flowtrace_mcp.services.views.rows import Row

BREAKDOWN_ROWS: Final = 10
_KEYS: Final = {"prompt_day": "prompt"}  # where a row calls it otherwise

BY: Final = Parameter(
    name="by", also=("group_by",), one_of=BYS, default="model", means="what to sum by"
)
AGENT: Final = Parameter(name="agent", means="only of this agent")
MODEL: Final = Parameter(name="model", means="only of this model")
STEP: Final = Parameter(
    name="step", one_of=tuple(STEPS), default="hour", means="how long a bucket is"
)


def cost_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of cost and of use over time."""
    return [
        endpoints.get(
            "/api/v1/costs",
            _costs,
            BY,
            PROJECT,
            AGENT,
            MODEL,
            SINCE,
            UNTIL,
            LIMIT,
            says="calls, tokens and cost by one thing, what cost most first; the last 30 days",
        ),
        endpoints.get(
            "/api/v1/analytics/costs",
            _breakdown,
            PROJECT,
            SINCE,
            UNTIL,
            says="the same by model under the keys of other systems",
        ),
        endpoints.get(
            "/api/v1/analytics/cost-breakdown",
            _shares,
            BY,
            PROJECT,
            SINCE,
            UNTIL,
            LIMIT,
            says="the same by anything, with each one's share, under the keys of other systems",
        ),
        endpoints.get(
            "/api/v1/analytics/timeseries",
            _timeseries,
            STEP,
            PROJECT,
            SINCE,
            UNTIL,
            says="calls, tokens, cost, errors, durations and sessions by hour or day; the last day",
        ),
    ]


def _asked(context: Context, question: Question, by: By, limit: int) -> CostsAnswer:
    window = question.window
    request = CostsRequest(
        by=by,
        project=question.text(PROJECT),
        agent=question.text(AGENT),
        model=question.text(MODEL),
        since=window.since_us,
        until=window.until_us,
        limit=limit,
        budget=BUDGET_MOST_TOKENS,
    )
    return costs(context, request)


def _costs(context: Context, question: Question) -> object:
    by = cast("By", question.text(BY) or BY.default)  # what it cannot be, costs() refuses
    answer = _asked(context, question, by, question.limit)
    return {
        "by": answer.by,
        "since_us": answer.since_us,
        "until_us": answer.until_us,
        "items": answer.rows,
        "total": answer.total,
        "forecast_30d": forecast_row(answer.forecast),
        "note": answer.note,
        "more": answer.more,
    }


def _breakdown(context: Context, question: Question) -> object:
    answer = _asked(context, question, "model", BREAKDOWN_ROWS)
    total = answer.total
    return {
        "total_cost": total.get("usd"),
        "total_tokens": _tokens(total),
        "total_calls": total.get("calls", 0),
        "model_breakdown": [
            {
                "model": row["model"],
                "provider": row.get("provider"),
                "cost": row.get("usd"),
                "tokens": _tokens(row),
                "input_tokens": _tokens(row) - _count(row, "output"),
                "output_tokens": _count(row, "output"),
                "calls": row.get("calls", 0),
                "unpriced_calls": row.get("unpriced", 0),
            }
            for row in answer.rows
        ],
        "cache_saved_usd": total.get("saved_usd"),
        "forecast_30d": forecast_row(answer.forecast),
    }


def _shares(context: Context, question: Question) -> object:
    by = cast("By", question.text(BY) or BY.default)
    answer = _asked(context, question, by, question.limit)
    total = float(str(answer.total.get("usd") or 0))
    rows = []
    for row in answer.rows:
        cost, calls = row.get("usd"), _count(row, "calls")
        known = float(str(cost or 0))
        rows.append(
            {
                "group_key": row[_KEYS.get(by, by)],
                "cost": cost,
                "percentage": 100 * known / total if total else 0.0,
                "token_count": _tokens(row),
                "request_count": calls,
                "avg_cost_per_request": known / calls if calls else None,
            }
            | ({"day": row["day"]} if by == "prompt_day" else {})
        )
    return {"breakdown": rows, "forecast_30d": forecast_row(answer.forecast)}


def _timeseries(context: Context, question: Question) -> object:
    step = cast("Step", question.text(STEP) or STEP.default)
    window, now_us = question.window, context.now_us()
    until_us = now_us if window.until_us is None else window.until_us
    since_us = until_us - DAY_US if window.since_us is None else window.since_us
    found = timeseries(context, step, (since_us, until_us), question.text(PROJECT))
    return {"step": step, "items": found.buckets, "data": found.buckets, "total": found.total}


def _tokens(row: Row) -> int:
    return sum(_count(row, name) for name in ("input", "cache_read", "cache_write", "output"))


def _count(row: Row, name: str) -> int:
    return int(str(row.get(name, 0)))
