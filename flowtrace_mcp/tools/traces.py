"""The tool `traces`: what agents did, how long it took, what failed."""

from typing import Annotated, Any, Final

from pydantic import Field

from flowtrace_mcp.services.traces import (
    BUDGET_DEFAULT_TOKENS,
    BUDGET_LEAST_TOKENS,
    BUDGET_MOST_TOKENS,
    LIMIT_DEFAULT,
    LIMIT_MOST,
    TracesAnswer,
    TracesRequest,
    View,
    traces,
)
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Tool, hints


class TracesArguments(Arguments):
    """Whose work to look at, and how."""

    session: Annotated[
        str, Field(description="Session id, 'last' or 'all'; default your own; diff: A..B")
    ] = ""
    trace_id: Annotated[str, Field(description="One trace, from a list; diff: A..B")] = ""
    span_id: Annotated[str, Field(description="One span in full, from a tree; path: its way")] = ""
    query: Annotated[
        str, Field(description="Words in what ran; 'errors last hour', 'slower than 5 s'")
    ] = ""
    view: Annotated[View, Field(description="What to show")] = "list"
    since: Annotated[str, Field(description="Started since, ISO 8601")] = ""
    until: Annotated[str, Field(description="Started before, ISO 8601")] = ""
    limit: Annotated[int, Field(description="Most rows", ge=1, le=LIMIT_MOST)] = LIMIT_DEFAULT
    budget: Annotated[
        int, Field(description="Most tokens", ge=BUDGET_LEAST_TOKENS, le=BUDGET_MOST_TOKENS)
    ] = BUDGET_DEFAULT_TOKENS


class TracesReply(Answer):
    """Rows of the view; ``more`` were left out."""

    view: str
    rows: list[dict[str, Any]]
    note: str = ""
    more: int = 0
    tokens: int


def _run(call: Call, arguments: TracesArguments) -> Reply:
    request = TracesRequest(
        session=arguments.session,
        trace_id=arguments.trace_id,
        span_id=arguments.span_id,
        query=arguments.query,
        view=arguments.view,
        since=arguments.since or None,
        until=arguments.until or None,
        limit=arguments.limit,
        budget=arguments.budget,
    )
    found = traces(call.context, request, call.caller)
    answer = TracesReply(
        view=found.view,
        rows=[dict(row) for row in found.rows],
        note=found.note,
        more=found.more,
        tokens=found.tokens,
    )
    return Reply(answer=answer, text=_text(found))


def _text(found: TracesAnswer) -> str:
    lines = [found.note, *found.lines] if found.note else [*found.lines]
    if found.more:
        lines.append(f"{found.more} more; raise limit or budget.")
    return "\n".join(lines) or "nothing matches"


TOOL: Final = Tool(
    name="traces",
    description=(
        "Call when asked what an agent did, why a run failed or was slow, what it cost, or which"
        " tools it used. Start with the list, open one trace as a tree, then one span; path is the"
        " critical one, diff compares two, and errors, slow, tools and cost look across traces."
        " Reads what agents here sent."
    ),
    arguments=TracesArguments,
    answer=TracesReply,
    annotations=hints(reads=True, repeats=True),
    run=_run,
)
