"""Background work of the process that owns the listener, or of the one that has the lease."""

from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.documents import dated_text

EMBED_BATCH: Final = 32


def embed_pending(context: Context) -> int:
    """Give vectors to at most ``EMBED_BATCH`` memories that have none of the present model.

    Returns:
        How many got one; 0 when nothing waits or the model is not loaded here.
    """
    embedder_id = context.meaning.embedder_id
    if not embedder_id:
        return 0
    waiting = context.store.memories.list_pending(embedder_id, EMBED_BATCH)
    codes = context.meaning.encode_here([dated_text(memory) for _, memory in waiting])
    if not waiting or codes is None:
        return 0
    context.store.memories.insert_vectors(
        [(key, memory.project_id, code) for (key, memory), code in zip(waiting, codes, strict=True)]
    )
    return len(waiting)
