"""Which tools were called: how often, how they ended, and whether an agent went in circles."""

from collections.abc import Iterable, Sequence
from statistics import median

from flowtrace_mcp.evals.repeated_calls import LOOP, evaluate_repeated_calls
from flowtrace_mcp.model.evaluation import ToolCall
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.tool_runs import ToolRun, tool_runs
from flowtrace_mcp.services.trace_reading import TraceReading
from flowtrace_mcp.services.views.rows import Row, Rows, full, ms


def tools_rows(readings: Iterable[TraceReading]) -> Rows:
    """Return tools with calls, failures, repeats and durations, the most called first."""
    runs = tool_runs(readings)
    groups: dict[str, list[ToolRun]] = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    rows = [_row(name, group) for name, group in groups.items()]
    rows.sort(key=lambda row: (-int(str(row["calls"])), str(row["tool"])))
    return Rows(rows=rows, note=_loops(runs))


def _row(name: str, group: Sequence[ToolRun]) -> Row:
    durations = [run.span.record.duration_us for run in group]
    errors = sum(run.is_error for run in group)
    return full(
        {
            "tool": name,
            "calls": len(group),
            "errors": errors,
            "ok": f"{100 * (len(group) - errors) // len(group)}%" if errors else "",
            "repeats": len(group) - len({(run.session, run.arguments_text) for run in group}),
            "p50_ms": ms(median(durations)),
            "max_ms": ms(max(durations)),
            "last": iso_time(max(run.span.record.start_us for run in group)),
        }
    )


def _loops(runs: Sequence[ToolRun]) -> str:
    """Return where an agent called the same tools over and over, "" when nowhere."""
    sessions: dict[str, list[ToolCall]] = {}
    for run in runs:
        call = ToolCall(
            name=run.name,
            arguments_text=run.arguments_text,
            start_us=run.span.record.start_us,
            is_error=run.is_error,
        )
        sessions.setdefault(run.session, []).append(call)
    found = [evaluate_repeated_calls(calls) for calls in sessions.values()]
    return "; ".join(each.explanation for each in found if each.label == LOOP)
