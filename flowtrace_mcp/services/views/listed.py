"""What there is to look at: the traces of a session, or the sessions of the machine."""

from collections.abc import Mapping
from typing import Final

from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import project_names
from flowtrace_mcp.services.views.rows import NAME_CHARACTERS, Row, Rows, full, ms, usd
from flowtrace_mcp.services.views.subject import Subject, list_rollups
from flowtrace_mcp.storage.measures import Measures
from flowtrace_mcp.storage.sessions import SessionRollup
from flowtrace_mcp.storage.traces import Page, TraceRollup

# Traces that name no session are looked for among so many times the rows asked for.
_LONERS_AMONG: Final = 10


def list_rows(context: Context, subject: Subject, limit: int) -> Rows:
    """Return a session's traces; without a session sessions, and traces that name none."""
    if subject.session:
        found = list_rollups(context, subject, limit)
        return Rows(rows=_trace_rows(context, found), note=subject.note)
    loners = [
        row for row in list_rollups(context, subject, limit * _LONERS_AMONG) if not row.session_id
    ]
    since_us, until_us = subject.window_us
    page = Page(limit=limit, since_us=since_us, before_us=until_us)
    sessions = context.store.spans.list_sessions(page)
    dated = [
        *zip((row.start_us for row in sessions), _session_rows(context, sessions), strict=True),
        *zip((row.start_us for row in loners), _trace_rows(context, loners), strict=True),
    ]
    dated.sort(key=lambda pair: -pair[0])
    return Rows(rows=[row for _, row in dated[:limit]], note=subject.note)


def _session_rows(context: Context, found: list[SessionRollup]) -> list[Row]:
    names = context.store.spans.get_strings(
        number for row in found for number in (row.session_id, row.agent_id)
    )
    newest = {
        row.session_id: rollups[0]
        for row in found
        if (
            rollups := context.store.spans.list_traces(
                Page(limit=1), session=names.get(row.session_id, "")
            )
        )
    }
    traces = context.store.spans.get_strings(row.name_id for row in newest.values())
    projects = project_names(context) if any(row.project_id for row in found) else {}
    return [
        full(
            {
                "session": names.get(row.session_id, ""),
                **_newest(newest.get(row.session_id), traces),
                "agent": names.get(row.agent_id, ""),
                "project": projects.get(row.project_id, ""),
                "start": iso_time(row.start_us),
                "ms": ms(row.end_us - row.start_us),
                **_sums(row.measures),
            }
        )
        for row in found
    ]


def _newest(rollup: TraceRollup | None, names: Mapping[int, str]) -> Row:
    """Return the newest trace of a session, by which it is known and opened."""
    if rollup is None:
        return {}
    name = one_line(names.get(rollup.name_id, ""), NAME_CHARACTERS)
    return {"trace": rollup.trace_id.hex(), "name": name}


def _trace_rows(context: Context, found: list[TraceRollup]) -> list[Row]:
    names = context.store.spans.get_strings(
        number for row in found for number in (row.name_id, row.agent_id, row.service_id)
    )
    return [_trace_row(row, names) for row in found]


def _trace_row(rollup: TraceRollup, names: Mapping[int, str]) -> Row:
    return full(
        {
            "trace": rollup.trace_id.hex(),
            "name": one_line(names.get(rollup.name_id, ""), NAME_CHARACTERS),
            "agent": names.get(rollup.agent_id) or names.get(rollup.service_id, ""),
            "start": iso_time(rollup.start_us),
            "ms": ms(rollup.end_us - rollup.start_us),
            **_sums(rollup.measures),
        }
    )


def _sums(measures: Measures) -> Row:
    return {
        "spans": measures.span_count,
        "errors": measures.error_count,
        "calls": measures.model_call_count,
        "tools": measures.tool_call_count,
        "in": measures.usage.input_total,
        "out": measures.output_tokens,
        "usd": usd(measures.cost_usd),
    }
