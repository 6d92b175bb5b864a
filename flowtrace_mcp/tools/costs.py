"""The tool `costs`: what the work cost, where, and what it will."""

from typing import Annotated, Any, Final

from pydantic import Field

from flowtrace_mcp.services.costs import (
    BUDGET_DEFAULT_TOKENS,
    BUDGET_LEAST_TOKENS,
    BUDGET_MOST_TOKENS,
    LIMIT_DEFAULT,
    LIMIT_MOST,
    By,
    CostsAnswer,
    CostsRequest,
    costs,
    forecast_row,
)
from flowtrace_mcp.services.views.rows import Row
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Tool, hints


class CostsArguments(Arguments):
    """By what to sum, and of what."""

    by: Annotated[By, Field(description="What to sum by")] = "model"
    project: Annotated[str, Field(description="Only this project; default all")] = ""
    agent: Annotated[str, Field(description="Only this agent")] = ""
    model: Annotated[str, Field(description="Only this model")] = ""
    since: Annotated[str, Field(description="ISO 8601; default 30 days ago")] = ""
    until: Annotated[str, Field(description="ISO 8601; default now")] = ""
    limit: Annotated[int, Field(description="Most rows", ge=1, le=LIMIT_MOST)] = LIMIT_DEFAULT
    budget: Annotated[
        int, Field(description="Most tokens", ge=BUDGET_LEAST_TOKENS, le=BUDGET_MOST_TOKENS)
    ] = BUDGET_DEFAULT_TOKENS


class CostsReply(Answer):
    """Rows, their sum, and what the next 30 days cost."""

    by: str
    rows: list[dict[str, Any]]
    total: dict[str, Any]
    forecast_30d: dict[str, Any] = Field(default_factory=dict)
    note: str = ""
    more: int = 0
    tokens: int


def _run(call: Call, arguments: CostsArguments) -> Reply:
    request = CostsRequest(
        by=arguments.by,
        project=arguments.project,
        agent=arguments.agent,
        model=arguments.model,
        since=arguments.since or None,
        until=arguments.until or None,
        limit=arguments.limit,
        budget=arguments.budget,
    )
    found = costs(call.context, request)
    answer = CostsReply(
        by=found.by,
        rows=[dict(row) for row in found.rows],
        total=dict(found.total),
        forecast_30d=dict(forecast_row(found.forecast)),
        note=found.note,
        more=found.more,
        tokens=found.tokens,
    )
    return Reply(answer=answer, text=_text(found))


def _text(found: CostsAnswer) -> str:
    lines = [found.note] if found.note else []
    lines += map(_words, found.rows)
    if found.more:
        lines.append(f"{found.more} more; raise limit or budget.")
    if found.total:
        lines.append("total: " + _words(found.total))
    return "\n".join(lines)


def _words(row: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in row.items())


TOOL: Final = Tool(
    name="costs",
    description=(
        "Call when asked what agents cost, where tokens or money went, or what the month will"
        " come to. Sums calls, tokens and USD by model, provider, agent, project, session, tool,"
        " environment, day or hour, with what caches saved and a forecast; a call without a"
        " known price is counted as unpriced."
    ),
    arguments=CostsArguments,
    answer=CostsReply,
    annotations=hints(reads=True, repeats=True),
    run=_run,
)
