"""Trends, correlations and comparisons as JSON."""

from flowtrace_mcp.rest.analytics import (
    BASELINE,
    COMPARED,
    COUNT,
    GROUP_BY,
    METRIC,
    METRIC_ONE,
    METRIC_OTHER,
    TREND_STEP,
    UNIT,
)
from flowtrace_mcp.rest.costs import AGENT, MODEL
from flowtrace_mcp.rest.declared import PROJECT, Parameter
from flowtrace_mcp.rest.insight_answers import whole_number
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.comparison import LIMIT_MOST, ComparisonRequest, compare
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trends import Asked, correlation, trend


def trends(context: Context, question: Question) -> object:
    """Answer whether a metric rises or falls."""
    body = trend(context, _word(question, METRIC), _asked(question, TREND_STEP))
    return body | {"data": body["items"]}


def correlations(context: Context, question: Question) -> object:
    """Answer how two metrics go together."""
    metrics = _word(question, METRIC_ONE), _word(question, METRIC_OTHER)
    return correlation(context, *metrics, _asked(question, UNIT))


def comparisons(context: Context, question: Question) -> object:
    """Answer groups, each held against one of them."""
    request = ComparisonRequest(
        group_by=_word(question, GROUP_BY),
        metric=_word(question, COMPARED),
        baseline=question.text(BASELINE),
        project=question.text(PROJECT),
        agent=question.text(AGENT),
        model=question.text(MODEL),
        window=question.window,
        limit=min(question.limit, LIMIT_MOST),
    )
    return compare(context, request)


def _asked(question: Question, unit: Parameter) -> Asked:
    return Asked(
        unit=_word(question, unit),
        count=whole_number(question, COUNT),
        project=question.text(PROJECT),
        agent=question.text(AGENT),
        model=question.text(MODEL),
    )


def _word(question: Question, parameter: Parameter) -> str:
    return question.text(parameter) or str(parameter.default)
