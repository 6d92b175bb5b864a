"""The filters that lists of spans and of traces share; `span_queries` reads them."""

from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.edge import ENVIRONMENTS, SENSITIVITIES, STATUSES
from flowtrace_mcp.rest.declared import Form, Parameter
from flowtrace_mcp.rest.questions import Question

_YES: Final = ("true", "1")
_NO: Final = ("false", "0")

TEXT: Final = Parameter(
    name="q",
    also=("query", "full_text_search"),
    means="words that names, arguments, outputs or errors hold, all of them",
)
AGENT: Final = Parameter(name="agent", also=("agent_id",), means="only of this agent")
MODEL: Final = Parameter(
    name="model",
    also=("models",),
    means="only of these models, by commas: names, or parts of them",
)
PROVIDER: Final = Parameter(name="provider", also=("providers",), means="only of this provider")
TOOL: Final = Parameter(
    name="tool",
    also=("tools",),
    means="only runs of these tools, by commas: names, or parts of them",
)
TYPE: Final = Parameter(
    name="span_type",
    also=("span_types", "type"),
    means="only of these types, by commas, such as ToolCall,Generation",
)
STATUS: Final = Parameter(name="status", one_of=STATUSES, means="only of this status")
FAILED: Final = Parameter(name="has_errors", form="boolean", means="true: the same as status=error")
ENVIRONMENT: Final = Parameter(name="environment", one_of=ENVIRONMENTS, means="only of this one")
SENSITIVITY: Final = Parameter(
    name="sensitivity", means=f"any of these, by commas: {', '.join(SENSITIVITIES)}"
)
NO_PII: Final = Parameter(name="exclude_pii", form="boolean", means="true: nothing marked as pii")
NO_SECRETS: Final = Parameter(
    name="exclude_secrets", form="boolean", means="true: nothing marked as secret"
)
TENANT: Final = Parameter(
    name="tenant", form="integer", least=0, also=("tenant_id",), means="only of this tenant"
)
ROOTS: Final = Parameter(name="roots", form="boolean", means="true: only spans without a parent")


def _limit(name: str, form: Form, means: str) -> Parameter:
    return Parameter(name=name, form=form, least=0, means=means)


MIN_US: Final = _limit("min_duration_us", "integer", "that take at least so long")
MAX_US: Final = _limit("max_duration_us", "integer", "that take at most so long")
MIN_MS: Final = _limit("min_latency_ms", "number", "the same in milliseconds")
MAX_MS: Final = _limit("max_latency_ms", "number", "the same in milliseconds")
MIN_TOKENS: Final = _limit("min_tokens", "integer", "with at least so many tokens, in and out")
MAX_TOKENS: Final = _limit("max_tokens", "integer", "with at most so many tokens")
MIN_COST: Final = _limit("min_cost", "number", "that cost at least so many USD")
MAX_COST: Final = _limit("max_cost", "number", "that cost at most so many USD")

FILTERS: Final = (
    TEXT,
    AGENT,
    MODEL,
    PROVIDER,
    TOOL,
    TYPE,
    STATUS,
    FAILED,
    ENVIRONMENT,
    SENSITIVITY,
    NO_PII,
    NO_SECRETS,
    TENANT,
    MIN_US,
    MAX_US,
    MIN_MS,
    MAX_MS,
    MIN_TOKENS,
    MAX_TOKENS,
    MIN_COST,
    MAX_COST,
)


def is_filtered(question: Question) -> bool:
    """Say whether anything is asked of spans besides project, session and time."""
    return any(question.text(one) for one in FILTERS)


def flag(question: Question, parameter: Parameter) -> bool:
    """Return whether a parameter says true.

    Raises:
        InputError: It says neither true nor false.
    """
    text = question.text(parameter).lower()
    if text and text not in _YES + _NO:
        raise no_such(parameter, text, "it is true or false")
    return text in _YES


def no_such(parameter: Parameter, text: str, why: str) -> InputError:
    """Return the error of a filter that is not what it has to be."""
    return InputError(
        f"{parameter.name} cannot be {text[:40]!r}", why=why, mend="correct it or leave it out"
    )
