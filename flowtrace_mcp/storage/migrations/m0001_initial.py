"""The first schema."""

import uuid

import apsw

from flowtrace_mcp.storage import (
    api_keys,
    arrivals,
    audit,
    budgets,
    contents,
    edges,
    leases,
    logs,
    memories,
    memory_changes,
    memory_lapses,
    memory_links,
    memory_text,
    memory_vectors,
    meta,
    metric_points,
    own_calls,
    packs,
    payloads,
    project_hours,
    projects,
    prompt_calls,
    retention_rules,
    sessions,
    shown_memories,
    span_claims,
    span_text,
    strings,
    tool_calls,
    traces,
    transcript_files,
    usage,
    use_hours,
)

_TABLES = (
    meta,
    strings,
    contents,
    projects,
    leases,
    edges,
    packs,
    payloads,
    usage,
    sessions,
    span_claims,
    own_calls,
    arrivals,
    transcript_files,
    traces,
    tool_calls,
    span_text,
    prompt_calls,
    project_hours,
    use_hours,
    logs,
    metric_points,
    memories,
    memory_changes,
    memory_lapses,
    memory_links,
    memory_text,
    memory_vectors,
    shown_memories,
    retention_rules,
    api_keys,
    audit,
    budgets,
)


def upgrade(connection: apsw.Connection, now_us: int) -> None:
    """Make every table of an empty file, and give the file its id."""
    for table in _TABLES:
        connection.execute(table.CREATE)
    meta.update_meta(connection, meta.DATA_FOLDER_ID, uuid.uuid4().hex)
    meta.update_meta(connection, "created_us", str(now_us))
