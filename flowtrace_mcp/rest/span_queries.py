"""The filters of spans, as a query told them."""

import math
from typing import Final

from flowtrace_mcp.rest import span_filters as told_as
from flowtrace_mcp.rest.declared import PROJECT, SESSION, TRACE, Parameter
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.rest.span_filters import flag, no_such
from flowtrace_mcp.services.find_spans import SpanQuery

_US_A_MS: Final = 1000
_MOST: Final = 2**53  # what every reader of JSON holds exactly


def span_query(question: Question) -> SpanQuery:
    """Return which spans are asked for.

    Raises:
        InputError: A filter is not what it has to be.
    """
    told = question.text
    return SpanQuery(
        window=question.window,
        text=told(told_as.TEXT),
        trace_id=question.trace_id(told(TRACE)),
        session=told(SESSION),
        project=told(PROJECT),
        tenant=_integer(question, told_as.TENANT),
        agent=told(told_as.AGENT),
        provider=told(told_as.PROVIDER),
        models=_listed(question, told_as.MODEL),
        tools=_listed(question, told_as.TOOL),
        span_types=_listed(question, told_as.TYPE),
        status="error" if flag(question, told_as.FAILED) else told(told_as.STATUS),
        environment=told(told_as.ENVIRONMENT),
        sensitivity=_listed(question, told_as.SENSITIVITY),
        without=_without(question),
        is_root=flag(question, told_as.ROOTS),
        min_duration_us=_duration(question, told_as.MIN_US, told_as.MIN_MS),
        max_duration_us=_duration(question, told_as.MAX_US, told_as.MAX_MS),
        min_tokens=_integer(question, told_as.MIN_TOKENS),
        max_tokens=_integer(question, told_as.MAX_TOKENS),
        min_cost_usd=_number(question, told_as.MIN_COST),
        max_cost_usd=_number(question, told_as.MAX_COST),
    )


def _listed(question: Question, parameter: Parameter) -> tuple[str, ...]:
    parts = (part.strip() for part in question.text(parameter).split(","))
    return tuple(part for part in parts if part)


def _without(question: Question) -> tuple[str, ...]:
    asked = (("pii", told_as.NO_PII), ("secret", told_as.NO_SECRETS))
    return tuple(name for name, parameter in asked if flag(question, parameter))


def _duration(question: Question, us: Parameter, ms: Parameter) -> int | None:
    """Return microseconds, told in either unit."""
    told_ms = _number(question, ms)
    return _integer(question, us) if told_ms is None else round(told_ms * _US_A_MS)


def _integer(question: Question, parameter: Parameter) -> int | None:
    text = question.text(parameter)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= _MOST):
        raise no_such(parameter, text, f"it is a whole number from 0 to {_MOST}")
    return int(text)


def _number(question: Question, parameter: Parameter) -> float | None:
    text = question.text(parameter)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _MOST:  # not a number is no limit either
        raise no_such(parameter, text, f"it is a number from 0 to {_MOST}")
    return number
