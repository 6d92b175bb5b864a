"""What may be spent: budgets set and removed, and how far each is."""

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args
from urllib.parse import urlsplit

import msgspec

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import signed_string_id
from flowtrace_mcp.model.periods import PERIODS, period_end_us, period_start_us
from flowtrace_mcp.model.text import one_line, storable
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.storage.budgets import ALL_PROJECTS, BUDGETS_LIMIT, Budget
from flowtrace_mcp.storage.measures import Measures
from flowtrace_mcp.storage.traces import DearTraces
from flowtrace_mcp.storage.use_hours import UseFilter

Unit = Literal["usd", "tokens"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)

NAME_CHARACTERS: Final = 80
TEXT_CHARACTERS: Final = 500
AMOUNT_MOST: Final = 1e12
THRESHOLDS_MOST: Final = 10
PERCENT_MOST: Final = 1000
FULL_PERCENT: Final = 100
# A trace is looked at for so long after its start.
TRACE_WINDOW_US: Final = DAY_US
SPENT_DIGITS: Final = 9
_END_US: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRequest:
    """A budget as somebody wants it; project, agent and model of "" mean all."""

    name: str
    period: str
    amount: float
    unit: str = "usd"
    thresholds: Sequence[int] = (FULL_PERCENT,)
    description: str = ""
    project: str = ""
    agent: str = ""
    model: str = ""
    is_active: bool = True
    stops: bool = False
    webhook: str = ""
    runs_command: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """How far a budget is in its present period."""

    budget: Budget
    period_us: int  # start of the period, 0 = all time
    until_us: int | None  # its end, None where it has none
    spent: float  # of traces, by the one that used most
    unpriced_count: int = 0  # model calls that told tokens and have no price
    trace_id: bytes = b""  # the one that used most

    @property
    def percent(self) -> float:
        """Return the share of the amount that is spent, in percent."""
        return 100 * self.spent / self.budget.amount


def set_budget(context: Context, request: BudgetRequest, budget_id: int | None = None) -> Budget:
    """Keep a budget under its name, or in the place of another.

    What it had reached in the present period is forgotten: it is told anew.

    Args:
        context: The means of the program.
        request: What it is to be.
        budget_id: The one whose place it takes; None = that of the same name, if there is one.

    Raises:
        InputError: It cannot be kept as it is.
        NotFoundError: There is none of that number.
    """
    wanted = _checked(context, request)
    known = {one.budget_id: one for one in context.store.budgets.list_budgets()}
    named = next((one.budget_id for one in known.values() if one.name == wanted.name), None)
    if budget_id is not None and named not in (None, budget_id):
        raise InputError(
            f"there is a budget {wanted.name!r} already",
            why="a name means one budget",
            mend="call it something else",
        )
    number = named if budget_id is None else budget_id
    if number is None:
        number = _new_number(context, len(known))
        created_us = context.now_us()
    elif number in known:
        created_us = known[number].created_us
    else:
        raise no_budget(f"{number % 2**64:016x}")
    kept = msgspec.structs.replace(wanted, budget_id=number, created_us=created_us)
    context.store.budgets.set_budget(kept, period_start_us(kept.period, context.now_us()))
    return kept


def find_budget(context: Context, name: str) -> Budget:
    """Return the budget of a name.

    Raises:
        NotFoundError: There is none.
    """
    wanted = one_line(storable(name), NAME_CHARACTERS)
    for budget in context.store.budgets.list_budgets():
        if budget.name == wanted:
            return budget
    raise no_budget(wanted)


def find_request(context: Context, name: str) -> BudgetRequest | None:
    """Return what was asked for when the budget of a name was set, None where there is none."""
    try:
        budget = find_budget(context, name)
    except NotFoundError:
        return None
    return BudgetRequest(
        name=budget.name,
        period=budget.period,
        amount=budget.amount,
        unit=budget.unit,
        thresholds=budget.thresholds,
        description=budget.description,
        project=project_word(context, budget),
        agent=budget.agent,
        model=budget.model,
        is_active=budget.is_active,
        stops=budget.stops,
        webhook=budget.webhook,
        runs_command=budget.runs_command,
    )


def project_word(context: Context, budget: Budget) -> str:
    """Return the identity of the project that a budget is of, "" for all."""
    for project in context.store.list_projects():
        if project.project_id == budget.project_id:
            return project.identity
    return ""


def state_body(context: Context, state: BudgetState) -> dict[str, object]:
    """Return how far a budget is as JSON has it."""
    budget = state.budget
    return {
        "id": f"{budget.budget_id % 2**64:016x}",
        "name": budget.name,
        "description": budget.description,
        "period": budget.period,
        "unit": budget.unit,
        "amount": budget.amount,
        "spent": round(state.spent, SPENT_DIGITS),
        "percent": round(state.percent, 1),
        "thresholds": list(budget.thresholds),
        "project": project_word(context, budget),
        "agent": budget.agent,
        "model": budget.model,
        "active": budget.is_active,
        "stops": budget.stops,
        "webhook": budget.webhook,
        "command": budget.runs_command,
        "since_us": state.period_us,
        "until_us": state.until_us,
        "unpriced": state.unpriced_count,
        "trace_id": state.trace_id.hex() or None,
    }


def no_budget(told: str) -> NotFoundError:
    """Return the error for a budget that is not there."""
    return NotFoundError(
        f"there is no budget {told!r}",
        why="none was set under that name or id",
        mend="`flowtrace budgets` lists those there are",
    )


def list_states(context: Context) -> list[BudgetState]:
    """Return how far every budget is, by name."""
    return [state_of(context, budget) for budget in context.store.budgets.list_budgets()]


def state_of(context: Context, budget: Budget) -> BudgetState:
    """Return how far a budget is in its present period."""
    now_us = context.now_us()
    if budget.period == "trace":
        dearest = context.store.budgets.list_dear_traces(dear_traces(budget, now_us, 0.0), 1)
        return BudgetState(
            budget=budget,
            period_us=0,
            until_us=None,
            spent=used(budget, dearest[0].measures) if dearest else 0.0,
            trace_id=dearest[0].trace_id if dearest else b"",
        )
    start_us, end_us = period_start_us(budget.period, now_us), period_end_us(budget.period, now_us)
    wanted = UseFilter(
        since_us=start_us,
        until_us=_END_US if end_us is None else end_us,
        project_id=_project_of(budget),
        agent_id=signed_string_id(budget.agent) if budget.agent else None,
        model_id=signed_string_id(budget.model) if budget.model else None,
    )
    sums = context.store.uses.list_uses("nothing", wanted, 1)
    return BudgetState(
        budget=budget,
        period_us=start_us,
        until_us=end_us,
        spent=used(budget, sums[0].measures) if sums else 0.0,
        unpriced_count=sums[0].unpriced_count if sums else 0,
    )


def dear_traces(budget: Budget, now_us: int, least: float) -> DearTraces:
    """Return which traces of the last day a budget of traces means that used at least so much."""
    return DearTraces(
        since_us=now_us - TRACE_WINDOW_US,
        unit=cast("Unit", budget.unit),  # checked when it was set
        least=least,
        project_id=_project_of(budget),
        agent_id=signed_string_id(budget.agent) if budget.agent else None,
    )


def used(budget: Budget, measures: Measures) -> float:
    """Return how much of what a budget counts was used; a cost that nobody knows counts as 0."""
    return (measures.cost_usd or 0.0) if budget.unit == "usd" else float(measures.usage.total)


def _project_of(budget: Budget) -> int | None:
    return None if budget.project_id == ALL_PROJECTS else budget.project_id


def _new_number(context: Context, known_count: int) -> int:
    if known_count >= BUDGETS_LIMIT:
        raise InputError(
            "cannot keep another budget", why=f"there are {BUDGETS_LIMIT}", mend="remove one"
        )
    return int.from_bytes(context.random_bytes(8), "big", signed=True) or 1  # 0 is no id


def _checked(context: Context, request: BudgetRequest) -> Budget:
    _refuse_words(request)
    _refuse_numbers(request)
    _refuse_webhook(request.webhook)
    if request.runs_command and not context.settings.budget_command:
        raise InputError(
            "there is no command to run",
            why="it stands in the settings, never in the database",
            mend="set FLOWTRACE_BUDGET_COMMAND",
        )
    project_id = ALL_PROJECTS
    if request.project.strip():
        project = named_project(context, request.project)
        project_id = context.store.project_id(project.identity, project.name)
    thresholds = {*request.thresholds, *([FULL_PERCENT] if request.stops else [])}
    return Budget(
        budget_id=0,
        name=one_line(storable(request.name), NAME_CHARACTERS),
        description=one_line(storable(request.description), TEXT_CHARACTERS),
        period=request.period,
        unit=request.unit,
        amount=float(request.amount),
        thresholds=tuple(sorted(thresholds)) or (FULL_PERCENT,),
        project_id=project_id,
        agent=storable(request.agent.strip())[:TEXT_CHARACTERS],
        model=storable(request.model.strip())[:TEXT_CHARACTERS],
        is_active=request.is_active,
        stops=request.stops,
        webhook=request.webhook,
        runs_command=request.runs_command,
    )


def _refuse_words(request: BudgetRequest) -> None:
    if not request.name.strip():
        raise InputError("a budget needs a name", why="it is called by it", mend="give it one")
    for what, told, known in (
        ("period", request.period, PERIODS),
        ("unit", request.unit, UNITS),
    ):
        if told not in known:
            raise InputError(
                f"{what} cannot be {told[:40]!r}",
                why="it is one of " + ", ".join(known),
                mend="use one of these",
            )
    if request.period == "trace" and (request.model or request.stops):
        raise InputError(
            "a budget of traces has no model and stops nobody",
            why="a trace is summed as a whole, and is over when it is seen",
            mend="leave these out, or take another period",
        )


def _refuse_numbers(request: BudgetRequest) -> None:
    if not (math.isfinite(request.amount) and 0 < request.amount <= AMOUNT_MOST):
        raise InputError(
            f"amount cannot be {request.amount}",
            why=f"it is above 0 and at most {AMOUNT_MOST:.0f}",
            mend="say how much may be spent",
        )
    thresholds = request.thresholds
    if len(thresholds) > THRESHOLDS_MOST or not all(0 < one <= PERCENT_MOST for one in thresholds):
        raise InputError(
            "cannot take these thresholds",
            why=f"they are at most {THRESHOLDS_MOST} whole percents from 1 to {PERCENT_MOST}",
            mend="give fewer, or others",
        )


def _refuse_webhook(url: str) -> None:
    """Refuse an address that is not of this machine: nothing leaves it."""
    if url and not is_local_address(url):
        raise InputError(
            "the webhook is not on this machine",
            why="nothing leaves it: an address is http:// and 127.0.0.1, ::1 or localhost",
            mend="give such an address, and let a program there pass it on",
        )


def is_local_address(url: str) -> bool:
    """Say whether a URL is plain HTTP to this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or len(url) > TEXT_CHARACTERS or not url.isascii() or port == 0:
        return False
    if any(character <= " " for character in url):  # would end a header
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, whatever it looks like
        return False
