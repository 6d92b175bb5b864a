"""Answer an agent's questions about what was done, within a token budget."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from flowtrace_mcp.analytics.tokens import TokenBudget
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import short_ids
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services import trace_rows
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.named_spans import named_span, named_trace
from flowtrace_mcp.services.trace_reading import TraceReading, read_trace
from flowtrace_mcp.services.trace_rows import Row
from flowtrace_mcp.storage.traces import Page, TraceRollup

View = Literal["list", "tree", "errors", "slow", "tools", "span"]

LIMIT_MOST: Final = 200
LIMIT_DEFAULT: Final = 20
BUDGET_DEFAULT_TOKENS: Final = 1500
BUDGET_LEAST_TOKENS: Final = 200
BUDGET_MOST_TOKENS: Final = 20_000
# How many spans an answer about errors, tools or slowness looks through, newest first.
SCAN_LIMIT_SPANS: Final = 20_000
_FRAME: Final = '{"view":"errors","rows":[],"note":"","more":1000,"tokens":20000}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesRequest:
    """A question about traces; times are ISO 8601 or microseconds."""

    session: str = ""  # "" = the caller's own, "last" = the one before it, "all" = every one
    trace_id: str = ""
    span_id: str = ""
    query: str = ""
    view: View = "list"
    since: str | int | None = None
    until: str | int | None = None
    limit: int = LIMIT_DEFAULT
    budget: int = BUDGET_DEFAULT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesAnswer:
    """Rows, and the same as readable lines; both were counted against the budget."""

    view: View
    lines: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    more: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whose spans are looked at."""

    session: str
    project_id: int | None
    window_us: tuple[int, int]
    note: str


def traces(context: Context, request: TracesRequest, caller: Caller) -> TracesAnswer:
    """Return the view asked for, skeleton first, within the budget.

    Raises:
        InputError: The request cannot be understood.
        NotFoundError: No such trace or span.
    """
    _check(request)
    if request.span_id:
        return _fit(request, "span", _span_view(context, request), "")
    if request.trace_id or request.view in ("tree", "span"):
        reading, note = _trace_asked_for(context, request, caller)
        view: View = "tree" if request.view in ("list", "span") else request.view
        return _fit(request, view, _one_trace(reading, view), note)
    subject = _subject(context, request, caller)
    rows = _VIEWS[request.view](context, request, subject)
    return _fit(request, request.view, rows, subject.note if rows else _why_none(context, subject))


def _why_none(context: Context, subject: _Subject) -> str:
    if not context.store.spans.list_traces(Page(limit=1)):
        return "no spans yet: `status` says how to send"
    place = f" in session {subject.session[:80]!r}" if subject.session else ""
    return f"nothing matches{place}"


def _check(request: TracesRequest) -> None:
    for name, value, least, most in (
        ("limit", request.limit, 1, LIMIT_MOST),
        ("budget", request.budget, BUDGET_LEAST_TOKENS, BUDGET_MOST_TOKENS),
    ):
        if not least <= value <= most:
            raise InputError(
                f"{name} cannot be {value}",
                why=f"it goes from {least} to {most}",
                mend="ask within that range",
            )


def _subject(context: Context, request: TracesRequest, caller: Caller) -> _Subject:
    """Find whose spans are meant; without any of the caller's own, those of the machine."""
    since_us = 0 if request.since is None else parse_time_us(request.since, name="since")
    until_us = 2**52 if request.until is None else parse_time_us(request.until, name="until")
    if since_us >= until_us:
        raise InputError(
            "since is not before until", why="they bound a time window", mend="swap them"
        )
    window_us = (since_us, until_us)
    if request.session == "all":
        return _Subject(session="", project_id=None, window_us=window_us, note="")
    if request.session and request.session != "last":
        if context.store.spans.find_session(request.session) is None:
            raise NotFoundError(
                f"no session {request.session[:80]!r}",
                why="no span names it",
                mend='ask with session "all" for those there are',
            )
        return _Subject(session=request.session, project_id=None, window_us=window_us, note="")
    own = context.store.spans.find_session(caller.session) if caller.session else None
    if request.session == "last":
        return _last_session(context, caller, window_us)
    if own is None:
        note = "no spans of your own session; showing the newest of all"
        return _Subject(session="", project_id=None, window_us=window_us, note=note)
    if not own.project_id:
        context.store.spans.bind_session(caller.session, place_of(context, caller).project_id)
    return _Subject(session=caller.session, project_id=None, window_us=window_us, note="")


def _last_session(context: Context, caller: Caller, window_us: tuple[int, int]) -> _Subject:
    recent = context.store.spans.list_sessions(Page(limit=2))
    names = context.store.spans.get_strings(row.session_id for row in recent)
    others = [name for row in recent if (name := names[row.session_id]) != caller.session]
    if not others:
        raise NotFoundError(
            "there is no session before yours",
            why="no other is stored",
            mend='ask with session "all"',
        )
    return _Subject(session=others[0], project_id=None, window_us=window_us, note="")


def _trace_asked_for(
    context: Context, request: TracesRequest, caller: Caller
) -> tuple[TraceReading, str]:
    """Return the trace of the id, else the newest of the subject."""
    note = ""
    if request.trace_id:
        trace_id = named_trace(context, request.trace_id)
    else:
        subject = _subject(context, request, caller)
        rows = _rollups(context, subject, 1)
        if not rows:
            raise NotFoundError(
                "there is no trace yet",
                why="no span has arrived",
                mend="`status` says how to send some",
            )
        trace_id, note = rows[0].trace_id, subject.note
    return _reading_of(context, trace_id), note


def _reading_of(context: Context, trace_id: bytes) -> TraceReading:
    reading = read_trace(context, trace_id)
    if reading is None:
        raise NotFoundError(
            f"no trace {trace_id.hex()}",
            why="no span of it is stored",
            mend='find it with view "list"',
        )
    return reading


def _rollups(context: Context, subject: _Subject, limit: int) -> list[TraceRollup]:
    since_us, until_us = subject.window_us
    page = Page(limit=limit, since_us=since_us, before_us=until_us)
    return context.store.spans.list_traces(
        page, project_id=subject.project_id, session=subject.session
    )


def _list_view(context: Context, request: TracesRequest, subject: _Subject) -> list[Row]:
    found = _rollups(context, subject, request.limit)
    ids = [number for row in found for number in (row.name_id, row.agent_id, row.service_id)]
    names = context.store.spans.get_strings(ids)
    rows = [trace_rows.trace_row(row, names) for row in found]
    return _matching(rows, request.query)


def _errors_view(context: Context, request: TracesRequest, subject: _Subject) -> list[Row]:
    edges = [pair for pair in _edges(context, subject) if trace_rows.is_error(pair[1])]
    spans = trace_rows.decoded(context.store.spans.get_spans(edges))
    return _matching(trace_rows.error_rows(spans), request.query)[: request.limit]


def _slow_view(context: Context, request: TracesRequest, subject: _Subject) -> list[Row]:
    edges = sorted(_edges(context, subject), key=lambda pair: -pair[1].duration_us)
    spans = trace_rows.decoded(context.store.spans.get_spans(edges[: request.limit]))
    return _matching([trace_rows.slow_row(span) for span in spans], request.query)


def _tools_view(context: Context, request: TracesRequest, subject: _Subject) -> list[Row]:
    edges = [pair for pair in _edges(context, subject) if trace_rows.is_tool(pair[1])]
    spans = trace_rows.decoded(context.store.spans.get_spans(edges))
    return _matching(trace_rows.tool_rows(spans), request.query)[: request.limit]


_VIEWS: Final[Mapping[str, Callable[[Context, TracesRequest, _Subject], list[Row]]]] = {
    "list": _list_view,
    "errors": _errors_view,
    "slow": _slow_view,
    "tools": _tools_view,
}


def _edges(context: Context, subject: _Subject) -> list[trace_rows.KeyedEdge]:
    return context.store.spans.list_edges(
        subject.window_us,
        SCAN_LIMIT_SPANS,
        project_id=subject.project_id,
        session=subject.session,
    )


def _one_trace(reading: TraceReading, view: View) -> list[Row]:
    """Return a view of one trace alone."""
    pairs = [(span.record, span.facts) for span in reading.spans]
    if view == "errors":
        return trace_rows.error_rows([pair for pair in pairs if pair[0].status == 2])
    if view == "slow":
        slowest = sorted(pairs, key=lambda pair: -pair[0].duration_us)
        return [trace_rows.slow_row(pair) for pair in slowest]
    if view == "tools":
        return trace_rows.tool_rows(pair for pair in pairs if trace_rows.ran_tool(pair))
    return trace_rows.tree_rows(reading)


def _span_view(context: Context, request: TracesRequest) -> list[Row]:
    """Return a span by its id alone, or by its id and its trace's."""
    told = named_trace(context, request.trace_id) if request.trace_id else b""
    trace_id, span_id = named_span(context, request.span_id, told)
    reading = _reading_of(context, trace_id)
    span = next(each for each in reading.spans if each.record.span_id == span_id)
    return trace_rows.span_rows(span, reading, request.budget)


def _matching(rows: Sequence[Row], query: str) -> list[Row]:
    """Return the rows that hold every word of a query somewhere in their values."""
    words = query.lower().split()
    return [
        row
        for row in rows
        if all(any(word in str(value).lower() for value in row.values()) for word in words)
    ]


def _with_handles(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with ids cut to handles: ten rows of whole ids do not fit in 800 tokens."""
    ids = {str(row[key]) for row in rows for key in ("trace", "span") if key in row}
    short = {each.hex(): handle for each, handle in short_ids(map(bytes.fromhex, ids)).items()}
    return [
        {
            key: short[str(value)] if key in ("trace", "span") else value
            for key, value in row.items()
        }
        for row in rows
    ]


def _fit(request: TracesRequest, view: View, rows: Iterable[Row], note: str) -> TracesAnswer:
    """Take rows in order until the budget is full; count the rest."""
    budget = TokenBudget(request.budget)
    budget.take(_FRAME + note)
    every = list(rows) if view == "span" else _with_handles(list(rows))
    taken: list[Row] = []
    for row in every:
        if not budget.take(msgspec.json.encode(row).decode() + ","):
            break
        taken.append(row)
    return TracesAnswer(
        view=view,
        lines=tuple(trace_rows.line_of(view, row) for row in taken),
        rows=tuple(taken),
        note=note,
        more=len(every) - len(taken),
        tokens=budget.used_tokens,
    )
