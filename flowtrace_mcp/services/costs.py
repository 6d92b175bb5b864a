"""What the work cost, and where: sums by model, agent, session, tool or day, within a budget."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import msgspec

from flowtrace_mcp.analytics.forecast import Forecast, forecast
from flowtrace_mcp.analytics.tokens import TokenBudget
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.edge import Environment
from flowtrace_mcp.model.ids import signed_string_id
from flowtrace_mcp.model.price import TOKENS_PER_RATE, rates_for
from flowtrace_mcp.model.times import DAY_US, HOUR_US, iso_time, parse_time_us
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import find_project, project_names
from flowtrace_mcp.services.views.rows import Row, full, usd
from flowtrace_mcp.storage.measures import Measures, sum_measures
from flowtrace_mcp.storage.use_hours import Dimension, UseFilter, UseSum

By = Literal[
    "model",
    "provider",
    "agent",
    "project",
    "session",
    "tool",
    "environment",
    "day",
    "hour",
    "prompt",
    "prompt_day",
]
BYS: Final[tuple[By, ...]] = get_args(By)

WINDOW_DEFAULT_DAYS: Final = 30
LIMIT_DEFAULT: Final = 20
LIMIT_MOST: Final = 1000
BUDGET_DEFAULT_TOKENS: Final = 1000
BUDGET_LEAST_TOKENS: Final = 200
BUDGET_MOST_TOKENS: Final = 20_000
FORECAST_DAYS: Final = 30
# Values of a dimension, or hours of a window, that are summed for one answer.
GROUPS_LIMIT: Final = 10_000
_PAST_DAYS: Final = 28
_FRAME: Final = (
    '{"by":"environment","rows":[],"total":,"forecast_30d":,"note":"","more":100000,"tokens":20000}'
)
_NOT_TOLD: Final = "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsRequest:
    """A question about cost; times are ISO 8601 or microseconds, "" = all."""

    by: By = "model"
    project: str = ""
    agent: str = ""
    model: str = ""
    since: str | int | None = None  # None = 30 days ago
    until: str | int | None = None
    limit: int = LIMIT_DEFAULT
    budget: int = BUDGET_DEFAULT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsAnswer:
    """Rows, what they add up to, and what is to come."""

    by: By
    since_us: int
    until_us: int
    rows: tuple[Row, ...]
    total: Row  # of all rows, those left out included
    forecast: Forecast | None
    note: str
    more: int
    tokens: int


def costs(context: Context, request: CostsRequest) -> CostsAnswer:
    """Return what was used in whole hours of a window, what cost most first.

    Raises:
        InputError: The request cannot be understood.
        NotFoundError: No span names that project, agent or model.
    """
    _check(request)
    context.prices.refresh()
    wanted = _filter(context, request)
    rows = _rows(context, request.by, wanted)
    total = _total(context, wanted)
    coming = _forecast(context, wanted)
    note = "; ".join(_notes(context, request, rows))
    budget = TokenBudget(request.budget)
    sums = (msgspec.json.encode(each).decode() for each in (total, forecast_row(coming)))
    budget.take("".join((_FRAME, note, *sums)))
    taken: list[Row] = []
    for row in rows[: request.limit]:
        if not budget.take(msgspec.json.encode(row).decode() + ","):
            break
        taken.append(row)
    return CostsAnswer(
        by=request.by,
        since_us=wanted.since_us,
        until_us=wanted.until_us,
        rows=tuple(taken),
        total=total,
        forecast=coming,
        note=note,
        more=len(rows) - len(taken),
        tokens=budget.used_tokens,
    )


def _check(request: CostsRequest) -> None:
    refuse_outside(
        ("limit", request.limit, 1, LIMIT_MOST),
        ("budget", request.budget, BUDGET_LEAST_TOKENS, BUDGET_MOST_TOKENS),
    )
    if request.by not in BYS:
        raise InputError(
            f"cost is not kept by {str(request.by)[:40]!r}",
            why="it is kept by " + ", ".join(BYS),
            mend="ask by one of these",
        )


def _filter(context: Context, request: CostsRequest) -> UseFilter:
    now_us = context.now_us()
    until_us = now_us if request.until is None else parse_time_us(request.until, name="until")
    since_us = now_us - WINDOW_DEFAULT_DAYS * DAY_US
    if request.since is not None:
        since_us = parse_time_us(request.since, name="since")
    if since_us >= until_us:
        raise InputError(
            "since is not before until", why="they bound a time window", mend="swap them"
        )
    return UseFilter(
        since_us=since_us - since_us % HOUR_US,
        until_us=until_us + -until_us % HOUR_US,
        project_id=wanted_project(context, request.project),
        agent_id=known_number(context, "agent", request.agent),
        model_id=known_number(context, "model", request.model),
    )


def wanted_project(context: Context, told: str) -> int | None:
    """Return the number of the project that a text means, None where none is asked for.

    Raises:
        NotFoundError: There is none of that name, identity or number.
    """
    text = told.strip()
    found = find_project(context, text) if text else None
    if text and found is None:
        raise NotFoundError(
            f"no project {text[:80]!r}",
            why="nothing was stored under that name",
            mend="`flowtrace project list` names those there are",
        )
    return found


def known_number(context: Context, what: str, name: str) -> int | None:
    """Return the number of a name that some span has said; None = none is asked for.

    Raises:
        NotFoundError: No span has said it.
    """
    if not name.strip():
        return None
    number = signed_string_id(name.strip())
    if number not in context.store.spans.get_strings([number]):
        raise NotFoundError(
            f"no {what} {name.strip()[:80]!r}",
            why=f"no span names that {what}",
            mend=f"ask by {what} for those there are",
        )
    return number


def _rows(context: Context, by: By, wanted: UseFilter) -> list[Row]:
    match by:
        case "session":
            return _session_rows(context, wanted)
        case "prompt" | "prompt_day":
            return _prompt_rows(context, by, wanted)
        case _:
            return _dimension_rows(context, by, wanted)


def _dimension_rows(context: Context, by: Dimension, wanted: UseFilter) -> list[Row]:
    sums = [one for one in _sums(context, by, wanted) if _says_something(by, one.measures)]
    names = _names(context, by, sums)
    rows = [_row(context, by, one, names) for one in sums]
    if by not in ("day", "hour"):
        rows.sort(key=lambda row: (-_number(row, "usd"), -_number(row, "calls")))
    else:
        rows.reverse()  # the latest first: of a long window these matter
    return rows


def _sums(context: Context, by: Dimension, wanted: UseFilter) -> list[UseSum]:
    return context.store.uses.list_uses(by, wanted, GROUPS_LIMIT)


def _says_something(by: str, measures: Measures) -> bool:
    if by == "tool":
        return measures.tool_call_count > 0
    is_of_model = measures.model_call_count > 0 or measures.cost_usd is not None
    return is_of_model or (by not in ("model", "provider") and measures.span_count > 0)


def _names(context: Context, by: Dimension, sums: Iterable[UseSum]) -> Mapping[int, str]:
    match by:
        case "project":
            return project_names(context)
        case "environment":
            return {int(one): one.name.lower() for one in Environment}
        case "day":
            return {one.first: iso_time(one.first)[:10] for one in sums}
        case "hour":
            return {one.first: iso_time(one.first)[:13] + ":00Z" for one in sums}
        case _:
            return context.store.spans.get_strings(
                number for one in sums for number in (one.first, one.second)
            )


def _row(context: Context, by: Dimension, one: UseSum, names: Mapping[int, str]) -> Row:
    measures = one.measures
    if by == "tool":
        counts = {"calls": measures.tool_call_count, "errors": measures.error_count}
        return full({"tool": names.get(one.first, "") or _NOT_TOLD, **counts})
    row: Row = {by: names.get(one.first, "") or _NOT_TOLD}
    if by == "model":
        model, provider = names.get(one.second, ""), names.get(one.first, "")
        saved = cache_saving_usd(context, provider, model, measures)
        row = {"model": model or _NOT_TOLD, "provider": provider, "saved_usd": usd(saved)}
    return full(row | _used(measures) | {"unpriced": one.unpriced_count})


def _used(measures: Measures) -> Row:
    return {
        "calls": measures.model_call_count,
        "input": measures.input_tokens,
        "cache_read": measures.cache_read_tokens,
        "cache_write": measures.cache_write_tokens,
        "output": measures.output_tokens,
        "reasoning": measures.reasoning_tokens,
        "usd": usd(measures.cost_usd),
    }


def _session_rows(context: Context, wanted: UseFilter) -> list[Row]:
    found = context.store.uses.list_dearest_sessions(wanted, LIMIT_MOST)
    names = context.store.spans.get_strings(
        number for row in found for number in (row.session_id, row.agent_id)
    )
    return [
        full(
            {
                "session": names.get(row.session_id, ""),
                "agent": names.get(row.agent_id, ""),
                "start": iso_time(row.start_us),
                **_used(row.measures),
            }
        )
        for row in found
        if _says_something("session", row.measures)
    ]


def _prompt_rows(context: Context, by: By, wanted: UseFilter) -> list[Row]:
    """Return the versions of prompts, or each on each day; calls that name none are left out."""
    found = context.store.uses.list_prompt_uses(wanted)
    names = context.store.spans.get_strings({one.first for one in found})
    groups: dict[tuple[str, str], list[UseSum]] = {}
    for one in found:
        day = iso_time(one.second)[:10] if by == "prompt_day" else ""
        groups.setdefault((names.get(one.first, ""), day), []).append(one)
    rows = [
        full({"prompt": prompt, "day": day, **_used(_sum(uses))} | {"unpriced": _unpriced(uses)})
        for (prompt, day), uses in groups.items()
    ]
    if by == "prompt_day":
        rows.sort(key=lambda row: (str(row["day"]), str(row["prompt"])), reverse=True)
    else:
        rows.sort(key=lambda row: (-_number(row, "usd"), str(row["prompt"])))
    return rows


def _sum(uses: Sequence[UseSum]) -> Measures:
    return sum_measures([one.measures.values() for one in uses])


def _unpriced(uses: Sequence[UseSum]) -> int:
    return sum(one.unpriced_count for one in uses)


def _total(context: Context, wanted: UseFilter) -> Row:
    sums = _sums(context, "nothing", wanted)
    if not sums:
        return {}
    by_model = _rows(context, "model", wanted)
    saved = [_number(row, "saved_usd") for row in by_model if "saved_usd" in row]
    return full(
        _used(sums[0].measures)
        | {
            "unpriced": sums[0].unpriced_count,
            "saved_usd": usd(sum(saved)) if saved else None,
        }
    )


def cache_saving_usd(
    context: Context, provider: str, model: str, measures: Measures
) -> float | None:
    """Return what a model's cache saved, less than 0 where writing it cost more than it saved.

    Formula:
        (read (input rate - read rate) - written (write rate - input rate)) / 1,000,000, at list
        price and at the rates of short calls; None where nothing was cached or no price is known.
    """
    read, written = measures.cache_read_tokens or 0, measures.cache_write_tokens or 0
    known = context.prices.find(provider, model) if read or written else None
    if known is None:
        return None
    rates = rates_for(known.price, 0)
    if rates.input is None or rates.cache_read is None or rates.cache_write is None:
        return None
    saved = read * (rates.input - rates.cache_read) - written * (rates.cache_write - rates.input)
    return saved / TOKENS_PER_RATE


def _forecast(context: Context, wanted: UseFilter) -> Forecast | None:
    """Return what the next 30 days cost, from the whole days since the first of the last 28."""
    today_us = context.now_us() - context.now_us() % DAY_US
    past = replace(wanted, since_us=today_us - _PAST_DAYS * DAY_US, until_us=today_us)
    spent = {one.first: one.measures.cost_usd or 0.0 for one in _sums(context, "day", past)}
    if not spent:
        return None
    days = range(min(spent), today_us, DAY_US)
    found = forecast([spent.get(day, 0.0) for day in days], FORECAST_DAYS)
    return (
        None
        if found is None
        else Forecast(
            total=round(found.total, 4), low=round(found.low, 4), high=round(found.high, 4)
        )
    )


def forecast_row(found: Forecast | None) -> Row:
    """Return a forecast as answers show it, nothing where there is none."""
    return {} if found is None else {"usd": found.total, "low": found.low, "high": found.high}


def _notes(context: Context, request: CostsRequest, rows: Sequence[Row]) -> Iterable[str]:
    if request.since is None:
        yield f"the last {WINDOW_DEFAULT_DAYS} days"
        if told := _unlike(context, request.project):
            yield told
    if request.by in ("day", "hour"):
        yield "times are UTC"
    if request.by in ("prompt", "prompt_day"):
        yield "calls that name no prompt have no row and are in the total"
    if request.by == "session" and (request.agent or request.model):
        yield "sessions are not narrowed by agent or model"
    if not rows:
        is_empty = not context.store.uses.list_hours(-1, 1)
        yield "no spans yet: `status` says how to send" if is_empty else "nothing was used"
    waiting = len(context.store.uses.list_stale(100))
    if waiting:
        yield f"{waiting} hours are being counted again"


def _unlike(context: Context, project: str) -> str:
    """Return whether the last hour was dearer than usual; what finds that is loaded to be asked."""
    finder = importlib.import_module("flowtrace_mcp.services.insights.cost_note")
    return str(finder.cost_note(context, wanted_project(context, project)))


def _number(row: Row, name: str) -> float:
    return float(str(row.get(name) or 0))
