"""Rows of mcp-memory-service's SQLite file; the file itself is opened by ``storage``."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US

TABLE: Final = "memories"
COLUMNS: Final = (
    *("content_hash", "content", "tags", "memory_type", "metadata"),
    *("created_at", "deleted_at", "superseded_by"),
)
_KINDS: Final = {
    **{kind.value: kind for kind in MemoryKind},
    "error": MemoryKind.GOTCHA,
    "mistake": MemoryKind.GOTCHA,
    "bug": MemoryKind.GOTCHA,
    "warning": MemoryKind.GOTCHA,
    "planning": MemoryKind.PLAN,
    "task": MemoryKind.PLAN,
    "todo": MemoryKind.PLAN,
    "reference": MemoryKind.FACT,
    "observation": MemoryKind.FACT,
    "learning": MemoryKind.FACT,
}


def parse_service_row(row: Mapping[str, Any]) -> FoundMemory:
    """Return the memory of a row: column -> value, columns that its version lacks left out.

    Raises:
        InputError: Its content is no text.
    """
    content = row.get("content")
    if not isinstance(content, str) or not content.strip():
        raise InputError("cannot read the row", why="its content is no text")
    kind = str(row.get("memory_type") or "").lower()
    created_us = _moment_us(row.get("created_at"))
    retired_us = _moment_us(row.get("deleted_at"))
    if retired_us is None and row.get("superseded_by"):
        retired_us = created_us
    return FoundMemory(
        content=content,
        key=str(row.get("content_hash") or ""),
        kind=_KINDS.get(kind, MemoryKind.NOTE),
        tags=_tags(row.get("tags"), kind),
        when_us=created_us,
        retired_us=retired_us,
        metadata={**_metadata(row.get("metadata")), "source": "mcp-memory-service"},
    )


def _tags(stored: Any, kind: str) -> tuple[str, ...]:
    """Return tags; older versions wrote a JSON list, later ones join them by commas."""
    text = stored if isinstance(stored, str) else ""
    try:
        found = msgspec.json.decode(text, type=list[str])
    except UNDECODABLE:
        found = text.split(",")
    kinds = [kind] if kind and kind not in _KINDS else []
    names = dict.fromkeys(tag.strip() for tag in (*found, *kinds))
    return tuple(name for name in names if name not in {"", "untagged"})


def _metadata(stored: Any) -> dict[str, Any]:
    try:
        return msgspec.json.decode(stored, type=dict[str, Any]) if stored else {}
    except (TypeError, *UNDECODABLE):
        return {"metadata": str(stored)}


def _moment_us(stored: Any) -> int | None:
    """Return microseconds of seconds since 1970, or None where there is no time."""
    if not isinstance(stored, int | float) or not stored:
        return None
    when_us = round(stored * 1e6) if abs(stored) < 1e12 else 0
    return when_us if EARLIEST_US <= when_us < LATEST_US else None
