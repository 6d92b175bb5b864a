"""Insights as JSON."""

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.rest.declared import PROJECT, Parameter
from flowtrace_mcp.rest.insights import SEVERITY, TYPE, WINDOW
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_insights import (
    InsightsRequest,
    find_insights,
    insight_body,
    summary_body,
)


def list_insights(context: Context, question: Question) -> object:
    """Answer insights, the gravest first."""
    request = InsightsRequest(
        project=question.text(PROJECT),
        window_s=whole_number(question, WINDOW),
        min_severity=question.text(SEVERITY) or str(SEVERITY.default),
        insight_type=question.text(TYPE),
        limit=question.limit,
    )
    answer = find_insights(context, request)
    return {
        "insights": [insight_body(one, answer.generated_us) for one in answer.insights],
        "total_count": answer.total,
        "window_seconds": answer.window_s,
        "generated_at": answer.generated_us,
        "note": answer.note,
    }


def summarise(context: Context, question: Question) -> object:
    """Answer how many insights of which kind there are, and how well all is."""
    request = InsightsRequest(
        project=question.text(PROJECT), window_s=whole_number(question, WINDOW)
    )
    return summary_body(find_insights(context, request))


def whole_number(question: Question, parameter: Parameter) -> int:
    """Return the whole number that is given for a parameter, else its default.

    Raises:
        InputError: It is none, or out of its bounds.
    """
    text = question.text(parameter) or str(parameter.default)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    least, most = parameter.least or 0, parameter.most or 2**62
    if not least <= number <= most:
        raise InputError(
            f"{parameter.name} cannot be {text[:20]!r}",
            why=f"it goes from {least} to {most}",
            mend="ask within that range",
        )
    return number
