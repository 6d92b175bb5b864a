"""A memory as it may be shown: without the secrets of rows older than what finds them."""

from dataclasses import replace
from typing import Any

from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.model.redaction import OwnPatterns
from flowtrace_mcp.model.redactor import Redactor


def without_secrets(memory: Memory, own: OwnPatterns) -> Memory:
    """Return a memory of which no text holds a secret.

    Args:
        memory: As it stands in the file, where it may have come before a pattern existed.
        own: What the user listed, as ``Settings.redact`` holds it.
    """
    redactor = Redactor(own=own)
    cleaned: dict[str, Any] = {
        "content": redactor.text(memory.content),
        "topic": redactor.text(memory.topic),
        "author": redactor.text(memory.author),
        "tags": redactor.texts(memory.tags),
        "aliases": redactor.texts(memory.aliases),
        "retraction": redactor.text(memory.retraction),
        "files": redactor.names(memory.files),
        "metadata": redactor.tree(memory.metadata),
    }
    return replace(memory, **cleaned) if redactor.count else memory
