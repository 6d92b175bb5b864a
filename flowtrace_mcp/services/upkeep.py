"""Background work of the process that owns the listener, or of the one that has the lease."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.documents import embedded_texts
from flowtrace_mcp.services.meaning import MeaningState
from flowtrace_mcp.services.status import pending_embeddings

EMBED_BATCH: Final = 32
# A memory of 100,000 characters alone has more parts.
EMBED_PARTS: Final = 64
LOAD_PATIENCE_S: Final = 30.0
# Then other work has its turn: who may do this is asked again, and what is new comes first.
RUN_LIMIT_US: Final = 3_000_000
_ABOVE_ALL: Final = 2**62


class Upkeep:
    """Gives vectors to memories that were stored without one, or with one of another model.

    The model is loaded only when a memory waits: a process that nobody asks stays small.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        # Every memory up to this key has a vector of the present model, in the content restored so.
        self._done = (0, "")

    def run_once(self) -> int:
        """Do what waits, newest first, for a few seconds; the next run goes on.

        Returns:
            How many memories got a vector.
        """
        memories, meaning = self._context.store.memories, self._context.meaning
        newest = (memories.newest_key(), self._context.store.restored_mark())
        if newest == self._done or not meaning.is_wanted:
            return 0
        if not meaning.embedder_id and not pending_embeddings(self._context):
            self._done = newest
            return 0
        meaning.load()
        if not meaning.wait(LOAD_PATIENCE_S):
            return 0
        began_us, count, below_key = self._context.now_us(), 0, _ABOVE_ALL
        while done := _embed_below(self._context, below_key):
            count, below_key = count + len(done), min(done)
            if self._context.now_us() - began_us > RUN_LIMIT_US:
                return count
        self._done = newest
        return count


def embed_pending(context: Context) -> int:
    """Give vectors to at most ``EMBED_BATCH`` memories that have none of the present model.

    Returns:
        How many got one; 0 when nothing waits or the model is not loaded here.
    """
    if context.meaning.state is not MeaningState.READY or not pending_embeddings(context):
        return 0
    return len(_embed_below(context, _ABOVE_ALL))


def _embed_below(context: Context, below_key: int) -> list[int]:
    """Give vectors to some memories before a key; return theirs."""
    waiting = context.store.memories.list_pending(
        context.meaning.embedder_id, EMBED_BATCH, below_key
    )
    texts = _first_parts(waiting)
    codes = context.meaning.encode_here([text for _, parts in texts for text in parts])
    if not texts or codes is None:
        return []
    ready = iter(codes)
    context.store.memories.insert_vectors(
        [(key, [next(ready) for _ in parts]) for key, parts in texts]
    )
    return [key for key, _ in texts]


def _first_parts(waiting: Sequence[tuple[int, Memory]]) -> list[tuple[int, list[str]]]:
    """Return the texts of the first memories, whole, up to about ``EMBED_PARTS`` in all."""
    chosen: list[tuple[int, list[str]]] = []
    count = 0
    for key, memory in waiting:
        if count >= EMBED_PARTS:
            break
        parts = embedded_texts(memory)
        chosen.append((key, parts))
        count += len(parts)
    return chosen
