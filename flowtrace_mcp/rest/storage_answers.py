"""The file's figures as JSON."""

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.rest.storage import TABLES
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.storage_health import health_body, storage_health


def storage(context: Context, question: Question) -> object:
    """Answer the figures of the file."""
    told = question.text(TABLES) or "false"
    if told not in ("true", "false"):
        raise InputError("tables is true or false", why=f"{told[:20]!r} is neither", mend="say one")
    return health_body(storage_health(context, with_tables=told == "true"))


def stats(context: Context, question: Question) -> object:
    """Answer counts and sizes under the keys of other systems."""
    del question
    facts, times = context.store.facts(), context.store.health.span_times()
    used_bytes = context.store.retention.used_bytes()
    return {
        "total_traces": facts.trace_count,
        "total_edges": facts.span_count,
        "storage_bytes": facts.file_bytes + facts.log_bytes,
        "avg_trace_size_bytes": used_bytes // facts.trace_count if facts.trace_count else 0,
        "oldest_timestamp_us": times[0] if times else None,
        "newest_timestamp_us": times[1] if times else None,
        "projects": [one.name for one in context.store.list_projects()],
    }
