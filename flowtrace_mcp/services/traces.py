"""Answer an agent's questions about what was done, within a token budget."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import msgspec

from flowtrace_mcp.analytics.span_questions import SpanQuestion, read_span_question
from flowtrace_mcp.analytics.tokens import TokenBudget, cut_to_tokens
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import short_ids
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.find_spans import FoundEdge, known_names
from flowtrace_mcp.services.named_spans import named_span, named_trace
from flowtrace_mcp.services.search_spans import SearchRequest, search_asked, unread_note
from flowtrace_mcp.services.trace_reading import TraceReading
from flowtrace_mcp.services.views.asked import matching, noted, read_as, within
from flowtrace_mcp.services.views.cost import cost_rows
from flowtrace_mcp.services.views.diff import diff_rows
from flowtrace_mcp.services.views.errors import errors_rows
from flowtrace_mcp.services.views.fixes import Fixes
from flowtrace_mcp.services.views.found import found_rows
from flowtrace_mcp.services.views.listed import list_rows
from flowtrace_mcp.services.views.path import critical_rows, path_rows
from flowtrace_mcp.services.views.rows import NO_ROW, Row, Rows, line_of
from flowtrace_mcp.services.views.slow import slow_rows
from flowtrace_mcp.services.views.span import span_rows
from flowtrace_mcp.services.views.subject import (
    LAST,
    OWN,
    Subject,
    find_subject,
    look_at,
    newest_trace,
    trace_named,
    trace_of,
    window_of,
)
from flowtrace_mcp.services.views.tools import tools_rows
from flowtrace_mcp.services.views.tree import tree_rows
from flowtrace_mcp.storage.traces import Page, TraceRollup

View = Literal["list", "tree", "path", "errors", "slow", "tools", "cost", "diff", "span"]

LIMIT_MOST: Final = 200
LIMIT_DEFAULT: Final = 20
BUDGET_DEFAULT_TOKENS: Final = 1500
BUDGET_LEAST_TOKENS: Final = 200
BUDGET_MOST_TOKENS: Final = 20_000
TWO: Final = ".."  # between two traces or sessions to compare
_FRAME: Final = '{"view":"errors","rows":[],"note":"","more":100000,"tokens":20000}'
_BELOW: Final = '"more":10000,'
_HANDLES: Final = ("trace", "span")
_NOTE_SHARE: Final = 4  # a note takes no more than this part of the budget


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
class _Reader:
    """A view of traces read back: which can matter, which first, and what it shows of them."""

    show: Callable[[Sequence[TraceReading]], Rows]
    is_wanted: Callable[[TraceRollup], bool] = lambda _: True
    worth: Callable[[TraceRollup], int] | None = None


_READERS: Final[Mapping[str, _Reader]] = {
    "errors": _Reader(show=errors_rows, is_wanted=lambda row: row.measures.error_count > 0),
    "slow": _Reader(show=slow_rows, worth=lambda row: row.end_us - row.start_us),
    "tools": _Reader(show=tools_rows, is_wanted=lambda row: row.measures.tool_call_count > 0),
    "cost": _Reader(show=cost_rows, is_wanted=lambda row: row.measures.model_call_count > 0),
}


def traces(context: Context, request: TracesRequest, caller: Caller) -> TracesAnswer:
    """Return the view asked for, skeleton first, within the budget.

    Raises:
        InputError: The request cannot be understood.
        NotFoundError: No such trace, session or span.
    """
    _check(request)
    if request.span_id and request.view == "path":
        return _fit(request, "path", path_rows(*_span_named(context, request)))
    if request.span_id:
        return _fit(request, "span", Rows(rows=_span_view(context, request)))
    if request.view == "diff":
        return _fit(request, "diff", _diff_view(context, request, caller))
    if request.trace_id:
        view: View = "tree" if request.view in ("list", "span") else request.view
        named = trace_named(context, request.trace_id)
        return _fit(request, view, _view_of_one(context, named, view, caller))
    return _across(context, request, caller)


def _across(context: Context, request: TracesRequest, caller: Caller) -> TracesAnswer:
    """Return a view of a session or of everything, as far as the question in words leaves it."""
    names = known_names(context) if request.query else {}
    asked = read_span_question(request.query, context.now_us(), names)
    if asked.is_error and request.view == "list":
        request = replace(request, view="errors")
    window_us = within(asked, window_of(request.since, request.until))
    subject = find_subject(context, request.session, window_us, caller)
    if request.view in ("tree", "span", "path"):
        view: View = "path" if request.view == "path" else "tree"
        rows = _view_of_one(context, newest_trace(context, subject), view, caller)
        return _fit(request, view, replace(rows, note=subject.note))
    found = _found(context, asked, subject)
    if found and request.view == "list":
        rows = found_rows(context, found[: request.limit], asked.words)
        notes = (read_as(asked), subject.note, unread_note(context))
        return _fit(request, request.view, noted(rows, *notes))
    spans = {one.edge.span_id for one in found}
    rows = matching(_rows(context, request, subject, caller, spans), asked, request.limit, spans)
    if not rows.rows:
        rows = replace(rows, note=_why_none(context, subject, asked))
    return _fit(request, request.view, rows)


def _check(request: TracesRequest) -> None:
    refuse_outside(
        ("limit", request.limit, 1, LIMIT_MOST),
        ("budget", request.budget, BUDGET_LEAST_TOKENS, BUDGET_MOST_TOKENS),
    )


def _found(context: Context, asked: SpanQuestion, subject: Subject) -> Sequence[FoundEdge]:
    """Return the newest spans that a question names by words, models or tools, if it does."""
    has_words = asked.words and context.store.span_texts.is_on
    if not (has_words or asked.models or asked.tools):
        return ()
    request = SearchRequest(
        query="", session=subject.session, window_us=subject.window_us, limit=LIMIT_MOST
    )
    return search_asked(context, asked, request).spans


def _show(
    context: Context,
    view: View,
    readings: Sequence[TraceReading],
    caller: Caller,
    among: Collection[bytes] | None = None,
) -> Rows:
    """Return a view of traces that are read; errors of some spans alone where they are given."""
    if view == "errors":
        return errors_rows(readings, among, Fixes(context, caller).said_of)
    return _READERS[view].show(readings)


def _rows(
    context: Context,
    request: TracesRequest,
    subject: Subject,
    caller: Caller,
    spans: Collection[bytes],
) -> Rows:
    if request.view == "list":
        return list_rows(context, subject, request.limit)
    reader = _READERS[request.view]
    looked = look_at(context, subject, reader.is_wanted, reader.worth)
    rows = _show(context, request.view, looked.readings, caller, spans or None)
    notes = (subject.note, looked.note, rows.note, _unlike(context, request, subject))
    return replace(rows, note="; ".join(note for note in notes if note))


def _unlike(context: Context, request: TracesRequest, subject: Subject) -> str:
    """Return what is unlike before, for who asks what fails or drags everywhere, and now."""
    is_everything = not subject.session and request.since is None and request.until is None
    if not is_everything or request.view not in ("errors", "slow"):
        return ""
    finder = importlib.import_module("flowtrace_mcp.services.insights.trace_note")
    return str(finder.trace_note(context, request.view))


def _view_of_one(context: Context, reading: TraceReading, view: View, caller: Caller) -> Rows:
    match view:
        case "tree":
            return tree_rows(reading)
        case "path":
            return critical_rows(reading)
        case _:
            return _show(context, view, [reading], caller)


def _span_named(context: Context, request: TracesRequest) -> tuple[TraceReading, bytes]:
    """Return the trace and the id of a span named by its id alone, or by its trace's too."""
    told = named_trace(context, request.trace_id) if request.trace_id else b""
    trace_id, span_id = named_span(context, request.span_id, told)
    return trace_of(context, trace_id), span_id


def _span_view(context: Context, request: TracesRequest) -> list[Row]:
    reading, span_id = _span_named(context, request)
    span = next(each for each in reading.spans if each.record.span_id == span_id)
    return span_rows(span, reading, request.budget)


def _diff_view(context: Context, request: TracesRequest, caller: Caller) -> Rows:
    """Compare two traces, or two sessions; one session alone is compared with one's own."""
    if request.trace_id:
        one, two = _both(request.trace_id, "trace_id")
        return diff_rows([trace_named(context, one)], [trace_named(context, two)])
    window_us = window_of(request.since, request.until)
    told = request.session or LAST
    names = _both(told, "session") if TWO in told else (told, OWN)
    subjects = [find_subject(context, name, window_us, caller) for name in names]
    looked = [look_at(context, subject, lambda _: True) for subject in subjects]
    rows = diff_rows(looked[0].readings, looked[1].readings)
    notes = (*(each.note for each in subjects), *(each.note for each in looked), rows.note)
    return replace(rows, note="; ".join(dict.fromkeys(note for note in notes if note)))


def _both(told: str, name: str) -> tuple[str, str]:
    one, between, two = told.partition(TWO)
    if not between or not one or not two:
        raise InputError(
            f"cannot compare {told[:80]!r}",
            why="view diff is of two",
            mend=f"give {name} as A{TWO}B",
        )
    return one, two


def _why_none(context: Context, subject: Subject, asked: SpanQuestion) -> str:
    if not context.store.spans.list_traces(Page(limit=1)):
        return "no spans yet: `status` says how to send"
    place = f" in session {subject.session[:80]!r}" if subject.session else ""
    read = f"; read as: {', '.join(asked.understood)}" if asked.understood else ""
    return f"nothing matches{place}{read}"


def _with_handles(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with ids cut to handles: ten rows of whole ids do not fit in 800 tokens."""
    ids = {str(row[key]) for row in rows for key in _HANDLES if key in row}
    short = {each.hex(): handle for each, handle in short_ids(map(bytes.fromhex, ids)).items()}
    return [
        {key: short[str(value)] if key in _HANDLES else value for key, value in row.items()}
        for row in rows
    ]


def _fit(request: TracesRequest, view: View, rows: Rows) -> TracesAnswer:
    """Take the rows that are worth most until the budget is full; count the rest."""
    budget = TokenBudget(request.budget)
    note, _ = cut_to_tokens(rows.note, request.budget // _NOTE_SHARE)
    budget.take(_FRAME + note)
    every = list(rows.rows) if view == "span" else _with_handles(rows.rows)
    chosen = _chosen(every, rows, budget)
    taken = _with_left_out(every, rows, chosen) if rows.under else [every[at] for at in chosen]
    return TracesAnswer(
        view=view,
        lines=tuple(line_of(view, row) for row in taken),
        rows=tuple(taken),
        note=note,
        more=len(every) - len(taken),
        tokens=budget.used_tokens,
    )


def _chosen(every: Sequence[Row], rows: Rows, budget: TokenBudget) -> list[int]:
    """Return the indexes of the rows that fit, in the order of reading."""
    order = list(range(len(every)))
    if rows.worth:
        order.sort(key=lambda at: -rows.worth[at])
    has_more = set(rows.under)
    chosen: set[int] = set()
    for at in order:
        if rows.under and rows.under[at] not in chosen and rows.under[at] != NO_ROW:
            continue
        reserved = _BELOW if at in has_more else ""
        if not budget.take(msgspec.json.encode(every[at]).decode() + "," + reserved):
            break
        chosen.add(at)
    return sorted(chosen)


def _with_left_out(every: Sequence[Row], rows: Rows, chosen: Sequence[int]) -> list[Row]:
    """Return the chosen rows, each with how many spans below it were left out."""
    shown = set(chosen)
    left_out = dict.fromkeys(chosen, 0)
    for at, row in enumerate(every):
        if at in shown:
            continue
        above = rows.under[at]
        while above not in shown and above != NO_ROW:
            above = rows.under[above]
        if above in left_out:
            left_out[above] += int(str(row.get("times", 1)))
    return [every[at] | ({"more": left_out[at]} if left_out[at] else {}) for at in chosen]
