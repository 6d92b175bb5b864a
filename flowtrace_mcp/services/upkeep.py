"""Background work of the process that owns the listener, or of the one that has the lease."""

from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.documents import dated_text

EMBED_BATCH: Final = 32
LOAD_PATIENCE_S: Final = 30.0


class Upkeep:
    """Gives vectors to memories that were stored without one.

    The model is loaded only when a memory waits: a process that nobody asks stays small.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._done_key = 0  # every memory up to this key has a vector of the present model

    def run_once(self) -> int:
        """Do what waits.

        Returns:
            How many memories got a vector.
        """
        memories, meaning = self._context.store.memories, self._context.meaning
        newest_key = memories.newest_key()
        if newest_key == self._done_key or not meaning.is_wanted:
            return 0
        if not meaning.embedder_id and not memories.has_unembedded(self._done_key):
            self._done_key = newest_key
            return 0
        meaning.load()
        if not meaning.wait(LOAD_PATIENCE_S):
            return 0
        count = 0
        while done := embed_pending(self._context):
            count += done
        self._done_key = newest_key
        return count


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
