"""A memory that another program wrote down, before it has an id and a project here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.telemetry import AttributeValue


class SourceKind(StrEnum):
    """What sort of file or folder memories are read from."""

    AUTO = "auto"  # told by what is in it
    FLOWTRACE = "flowtrace"  # an export of ours, lines or pages
    SERVER_MEMORY = "server-memory"  # JSONL of the official memory server
    CLAUDE_MEMORY = "claude-memory"  # what Claude Code itself keeps of a project
    NOTES = "notes"  # MEMORY.md, CLAUDE.md, AGENTS.md, any Markdown
    TRANSCRIPTS = "transcripts"  # sessions of Claude Code
    MEMORY_SERVICE = "memory-service"  # SQLite file of mcp-memory-service
    BASIC_MEMORY = "basic-memory"  # folder of Markdown notes of basic-memory


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMemory:
    """What a parser of foreign memories found; "" and None where the source says nothing."""

    content: str
    key: str = ""  # what its source knows it by; "" = its text
    kind: MemoryKind = MemoryKind.NOTE
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    author: str = ""
    session: str = ""
    folder: str = ""  # of the project that it belongs to
    when_us: int | None = None
    retired_us: int | None = None
    metadata: Mapping[str, AttributeValue] = field(default_factory=dict)
