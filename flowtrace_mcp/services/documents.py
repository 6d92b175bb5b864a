"""How a memory reads to the two indexes: one text for words, one for meaning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from flowtrace_mcp.analytics.parts import split_text
from flowtrace_mcp.analytics.words import identifier_terms
from flowtrace_mcp.model.memory import Memory, NewMemory
from flowtrace_mcp.storage.memory_text import MemoryDocument

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def dated_text(memory: NewMemory | Memory) -> str:
    """Return ``[8 May 2023] Ada: text``.

    Date and author as part of what is indexed and embedded are worth 4 to 14 points of
    recall@10 on conversations.
    """
    day = _EPOCH + timedelta(microseconds=memory.valid_from_us)
    date = f"[{day.day} {day:%B %Y}]"
    return (
        f"{date} {memory.author}: {memory.content}" if memory.author else f"{date} {memory.content}"
    )


def embedded_texts(memory: NewMemory | Memory) -> list[str]:
    """Return the dated text of each part of a memory, of which an embedder reads all."""
    parts = [part for part in split_text(memory.content) if part.strip()]
    return [dated_text(replace(memory, content=part)) for part in parts or [""]]


def document_of(memory: NewMemory | Memory) -> MemoryDocument:
    """Return what the word index holds of a memory; tags filter and are not searched."""
    body = "\n".join((dated_text(memory), *memory.aliases))
    parts = identifier_terms(" ".join((memory.content, *memory.aliases, *memory.files)))
    return MemoryDocument(body=body, identifiers=" ".join(parts))
