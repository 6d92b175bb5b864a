"""Memories in and out: row, text and vector together in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from flowtrace_mcp.analytics.nearness import nearest, shared_rarity
from flowtrace_mcp.analytics.words import fts_query
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import ChangeAction, Memory, MemoryFilter, NewMemory, Outcome
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage import (
    memories,
    memory_links,
    memory_text,
    memory_traits,
    memory_vectors,
    shown_memories,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.memories import KeyedMemory
from flowtrace_mcp.storage.memory_changes import (
    Added,
    ChangeAuthor,
    Effect,
    Retired,
    insert_change,
)
from flowtrace_mcp.storage.memory_text import MemoryDocument
from flowtrace_mcp.storage.memory_traits import Traits
from flowtrace_mcp.storage.memory_vectors import Embedded
from flowtrace_mcp.storage.vector_search import EXACT_VECTORS, VectorSearch

NEAR_LIMIT: Final = 5
NEAR_LOOKED_AT: Final = 40  # those with the most in common, of which the shorter come first
_SUPERSEDED: Final = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """The memories in force that a new one must be held against."""

    same: Memory | None  # the very same text
    topic: Memory | None  # the same topic
    told: Memory | None  # what the caller says it supersedes
    near: Sequence[Memory]  # found by its words, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule decided about a new memory."""

    outcome: Outcome
    old: Memory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of a memory that was to be stored."""

    handle: str
    outcome: Outcome
    old: Memory | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryWrite:
    """A memory with all that is stored beside it."""

    new: NewMemory
    memory_id: bytes
    document: MemoryDocument
    vectors: Sequence[VectorCode]  # of its parts; none: embedded later, in the background
    near_terms: Sequence[str]  # words by which texts like it are found
    near_filter: MemoryFilter
    supersedes: str | int = ""  # a handle, or the index of an earlier write of the batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A candidate answer: its scores, None where an arm did not find it."""

    key: int
    bm25: float | None
    cosine: float | None


class MemoryStore:
    """Memories of one database.

    Args:
        database: The file.
        exact_vectors: See ``VectorSearch``.
    """

    def __init__(self, database: Database, exact_vectors: int = EXACT_VECTORS) -> None:
        self._database = database
        self._vectors = VectorSearch(exact_vectors)

    def insert_memories(
        self, writes: Sequence[MemoryWrite], judge: Callable[[NewMemory, Kin], Verdict]
    ) -> list[Placed]:
        """Store memories in one transaction; a later one may be judged against an earlier.

        Args:
            writes: What to store, in order.
            judge: The rule; it runs inside the transaction, so no other process can step
                between its decision and the write.
        """

        def job(connection: apsw.Connection) -> list[Placed]:
            placed: list[Placed] = []
            changes: list[_Done] = []
            for write in writes:
                told = write.supersedes
                handle = placed[told].handle if isinstance(told, int) else told
                one, effects = _place(connection, write, handle, judge)
                placed.append(one)
                changes.append((write.new, one.outcome, effects))
            _write_down(connection, changes)
            return placed

        return self._database.write(job)

    def retract(
        self, handle: str, now_us: int, reason: str, author: ChangeAuthor | None = None
    ) -> Memory | None:
        """Retire a memory; None when there is none of that handle.

        Args:
            handle: Which one; it is returned as it was, retired long ago or not.
            now_us: When.
            reason: Why; kept with the memory.
            author: Who, and for which project; None = the memory's own.
        """

        def job(connection: apsw.Connection) -> Memory | None:
            found = memories.find_memory(connection, handle)
            if found is None:
                return None
            key, memory = found
            if memory.retracted_us is None:
                memories.retract_memory(connection, key, now_us, reason)
                by = author or ChangeAuthor(project_id=memory.project_id)
                insert_change(connection, by, ChangeAction.FORGET, [Retired(key=key)], now_us)
            return memory

        return self._database.write(job)

    def delete(
        self, handle: str, now_us: int = 0, author: ChangeAuthor | None = None
    ) -> Memory | None:
        """Remove a memory, its words and its vector for good, out of the log too.

        While another process reads, the log keeps the words until it is done; see
        ``Database.scrub_log``. The journal keeps that something was removed, and none of it.
        """

        def job(connection: apsw.Connection) -> Memory | None:
            found = memories.find_memory(connection, handle)
            if found is None:
                return None
            memory_text.delete_text(connection, found[0])
            memories.delete_memory(connection, found[0])
            by = author or ChangeAuthor(project_id=found[1].project_id)
            insert_change(connection, by, ChangeAction.ERASE, [], now_us)
            return found[1]

        gone = self._database.write(job)
        if gone is not None:
            self._database.scrub_log()
        return gone

    def find_memory(self, handle: str) -> Memory | None:
        """Return the memory of a handle, retired or not, or None."""
        with self._database.reading() as reader:
            found = memories.find_memory(reader, handle)
            return None if found is None else found[1]

    def list_near_handles(self, project_id: int, patterns: Sequence[str], limit: int) -> list[str]:
        """Return handles that fit a pattern; see ``memories.list_near_handles``."""
        with self._database.reading() as reader:
            return memories.list_near_handles(reader, project_id, patterns, limit)

    def search(
        self,
        match: str | None,
        query: VectorCode | None,
        wanted: MemoryFilter,
        limit: int,
        among: Collection[int] | None = None,
    ) -> list[Found]:
        """Return candidates of both arms, each candidate scored by both where it can be.

        Args:
            match: FTS5 expression, or None to ask no words.
            query: The question's vector, or None to ask no meaning.
            wanted: Which memories may be seen.
            limit: At most so many from each arm.
            among: Keys of the memories whose words are asked; None for all that match.
        """
        by_text = self.search_words(match, wanted, limit, among)
        return self.joined(by_text, self.search_meaning(query, wanted, limit), query, wanted)

    def search_words(
        self,
        match: str | None,
        wanted: MemoryFilter,
        limit: int,
        among: Collection[int] | None = None,
    ) -> dict[int, float]:
        """Return memory key -> BM25 score of what the first arm of ``search`` finds."""
        with self._database.reading() as reader:
            return dict(memory_text.search_text(reader, match, wanted, limit, among))

    def search_meaning(
        self, query: VectorCode | None, wanted: MemoryFilter, limit: int
    ) -> dict[int, float]:
        """Return memory key -> cosine of what the second arm of ``search`` finds."""
        if query is None:
            return {}
        with self._database.reading() as reader:
            return dict(self._vectors.search(reader, query, wanted, limit))

    def joined(
        self,
        by_text: Mapping[int, float],
        by_vector: Mapping[int, float],
        query: VectorCode | None,
        wanted: MemoryFilter,
    ) -> list[Found]:
        """Return what both arms of ``search`` found, and what the second says of the first's."""
        missing = [key for key in by_text if key not in by_vector]
        by_vector = {**by_vector, **self.score(query, wanted, missing)}
        return [
            Found(key=key, bm25=by_text.get(key), cosine=by_vector.get(key))
            for key in sorted({*by_text, *by_vector})
        ]

    def list_holders(
        self, matches: Mapping[str, str], keys: Sequence[int]
    ) -> dict[str, tuple[int, set[int]]]:
        """Return word -> (how many rows hold it, which of some memories do).

        Args:
            matches: Word -> FTS5 expression for it; see ``memory_text.list_holders``.
            keys: Keys of the memories to look at.
        """
        with self._database.reading() as reader:
            return {
                word: memory_text.list_holders(reader, match, keys)
                for word, match in matches.items()
            }

    def count_about(self, project_id: int) -> int:
        """Return how many memories a project has; see ``memories.count_about``."""
        with self._database.reading() as reader:
            return memories.count_about(reader, project_id)

    def list_word_rows(self, words: Sequence[str], project_id: int) -> dict[str, set[int]]:
        """Return word -> memories that hold it; see ``memory_text.list_word_rows``."""
        with self._database.reading() as reader:
            count = memories.newest_key(reader)
            return memory_text.list_word_rows(reader, words, project_id, count)

    def score(
        self, query: VectorCode | None, wanted: MemoryFilter, keys: Sequence[int]
    ) -> dict[int, float]:
        """Return memory key -> cosine for those keys that can be scored."""
        if query is None:
            return {}
        with self._database.reading() as reader:
            return self._vectors.score(reader, query, wanted, keys)

    def list_traits(self, keys: Sequence[int]) -> list[Traits]:
        """Return what ranking asks of those memories that exist."""
        with self._database.reading() as reader:
            return memory_traits.list_traits(reader, keys)

    def list_at_places(
        self, places: Sequence[tuple[str, int]], wanted: MemoryFilter, limit: int
    ) -> list[Traits]:
        """Return the memories at some places; see ``memory_traits.list_at_places``."""
        with self._database.reading() as reader:
            return memory_traits.list_at_places(reader, places, wanted, limit)

    def list_shown(self, session: str) -> set[int]:
        """Return the keys of the memories shown unasked in a session."""
        with self._database.reading() as reader:
            return shown_memories.list_shown(reader, session)

    def insert_shown(self, session: str, keys: Sequence[int], now_us: int) -> None:
        """Note that memories were shown unasked in a session; those deleted meanwhile are not."""

        def job(connection: apsw.Connection) -> None:
            still = memories.get_memories(connection, keys)
            shown_memories.insert_shown(connection, session, list(still), now_us)

        self._database.write(job)

    def delete_shown(self, session: str) -> None:
        """Let a session be told afresh what it was shown unasked."""
        self._database.write(lambda connection: shown_memories.delete_shown(connection, session))

    def get_memories(self, keys: Sequence[int]) -> dict[int, Memory]:
        """Return key -> memory for those that exist."""
        with self._database.reading() as reader:
            return memories.get_memories(reader, keys)

    def list_recent(self, wanted: MemoryFilter, limit: int) -> list[KeyedMemory]:
        """Return keyed memories that pass a filter, newest first."""
        with self._database.reading() as reader:
            return memories.list_recent_memories(reader, wanted, limit)

    def list_pending(
        self, embedder: str, limit: int, below_key: int = 2**62
    ) -> list[tuple[int, Memory]]:
        """Return keyed memories that have no vector of an embedder yet, newest first."""
        with self._database.reading() as reader:
            keys = memory_vectors.list_pending(reader, embedder, below_key, limit)
            found = memories.get_memories(reader, keys)
        return [(key, found[key]) for key in keys if key in found]

    def newest_key(self) -> int:
        """Return the key of the memory stored last, 0 when there is none."""
        with self._database.reading() as reader:
            return memories.newest_key(reader)

    def count_embedded(self) -> Embedded:
        """Return how many memories there are, and how many of them each embedder has read."""
        with self._database.reading() as reader:
            return memory_vectors.count_embedded(reader)

    def count_read(self) -> dict[str, int]:
        """Return embedder -> how many memories it has read."""
        with self._database.reading() as reader:
            return memory_vectors.count_read(reader)

    def insert_vectors(self, vectors: Sequence[tuple[int, Sequence[VectorCode]]]) -> None:
        """Keep vectors made in the background: (memory key, codes of its parts) rows."""

        def job(connection: apsw.Connection) -> None:
            # Meanwhile a memory may have been deleted, or have come to another project.
            still = memories.get_memories(connection, [key for key, _ in vectors])
            for key, codes in vectors:
                if key in still:
                    project_id = still[key].project_id
                    memory_vectors.insert_vectors(connection, key, project_id, codes)

        self._database.write(job)


def _place(
    connection: apsw.Connection,
    write: MemoryWrite,
    supersedes: str,
    judge: Callable[[NewMemory, Kin], Verdict],
) -> tuple[Placed, list[Effect]]:
    new = write.new
    same = memories.find_same_memory(connection, new)
    topics = memories.list_topic_memories(connection, new)
    told = memories.find_memory(connection, supersedes) if supersedes else None
    near = _near(connection, write) if same is None and write.near_terms else {}
    kin = Kin(
        same=same[1] if same else None,
        topic=topics[0][1] if topics else None,
        told=told[1] if told else None,
        near=tuple(near.values()),
    )
    verdict = judge(new, kin)
    if verdict.outcome is Outcome.SAME and same is not None:
        return _count_up(connection, write, same)
    key = _insert(connection, write)
    effects: list[Effect] = [Added(key=key)]
    if verdict.old is not None:
        old_keys = [_key_of(verdict.old, [same, *topics, told], near)]
        if verdict.outcome is Outcome.SUPERSEDES:  # a topic has one memory in force
            again = [same[0]] if same and not same[1].topic and new.topic else []
            topic_keys = (topic_key for topic_key, _ in topics)
            old_keys = list(dict.fromkeys([*old_keys, *topic_keys, *again]))
        for old_key in old_keys:
            effects += _relate(connection, (key, old_key), verdict.outcome, new.recorded_us)
    handle = memory_handle(write.memory_id)
    return Placed(handle=handle, outcome=verdict.outcome, old=verdict.old), effects


def _near(connection: apsw.Connection, write: MemoryWrite) -> dict[int, Memory]:
    """Return the memories of the same project that share the most with a new one, best first."""
    layer, *_ = memories.layer_of(write.new.scope, write.new.place)
    count = memories.newest_key(connection)
    holders = memory_text.list_word_rows(connection, write.near_terms, layer, count)
    if holders:
        shared = shared_rarity(holders, count)
        keys = nearest(shared, _lengths(connection, write, layer, list(shared)), NEAR_LIMIT)
    else:  # each word is common, or there is none
        match = fts_query(write.near_terms, [memory_text.project_token(layer)])
        found = memory_text.search_text(connection, match, write.near_filter, NEAR_LIMIT)
        keys = [key for key, _ in found]
    stored = memories.get_memories(connection, keys)
    return {key: stored[key] for key in keys}


def _lengths(
    connection: apsw.Connection, write: MemoryWrite, layer: int, keys: Sequence[int]
) -> dict[int, int]:
    """Return the lengths of the first of some memories that may be near, of enough of them."""
    for looked_at in (NEAR_LOOKED_AT, len(keys)):
        found = memories.list_lengths(connection, keys[:looked_at], layer, write.near_filter)
        if len(found) >= NEAR_LIMIT:
            break
    return found


def _count_up(
    connection: apsw.Connection, write: MemoryWrite, same: KeyedMemory
) -> tuple[Placed, list[Effect]]:
    key, old = same
    merged = memories.update_seen(connection, key, write.new)
    further = [alias for alias in write.new.aliases if alias not in old.aliases]
    memory_text.extend_text(connection, key, further, write.document.identifiers)
    return Placed(handle=old.handle, outcome=Outcome.SAME, old=None), [merged]


def _insert(connection: apsw.Connection, write: MemoryWrite) -> int:
    key = memories.insert_memory(connection, write.new, write.memory_id)
    project_id, *_ = memories.layer_of(write.new.scope, write.new.place)
    memory_text.insert_text(connection, key, project_id, write.document)
    memory_vectors.insert_vectors(connection, key, project_id, write.vectors)
    return key


def _key_of(old: Memory, named: Sequence[KeyedMemory | None], near: dict[int, Memory]) -> int:
    keys = {found[1].handle: found[0] for found in named if found is not None}
    keys.update({memory.handle: key for key, memory in near.items()})
    return keys[old.handle]


def _relate(
    connection: apsw.Connection, keys: tuple[int, int], outcome: Outcome, now_us: int
) -> list[Effect]:
    memory_links.insert_link(connection, keys, outcome.value, now_us)
    if outcome is Outcome.SUPERSEDES and memories.retract_memory(
        connection, keys[1], now_us, _SUPERSEDED
    ):
        return [Retired(key=keys[1])]
    return []


_Done = tuple[NewMemory, Outcome, list[Effect]]


def _write_down(connection: apsw.Connection, changes: Sequence[_Done]) -> None:
    """Keep in the journal what one call did, as one change of each project."""
    for project_id in dict.fromkeys(new.place.project_id for new, _, _ in changes):
        own = [change for change in changes if change[0].place.project_id == project_id]
        author = ChangeAuthor(
            project_id=project_id, agent=own[0][0].agent, session=own[0][0].place.session
        )
        effects = [effect for _, _, done in own for effect in done]
        insert_change(connection, author, _action_of(own), effects, own[0][0].recorded_us)


def _action_of(changes: Sequence[_Done]) -> ChangeAction:
    outcomes = {outcome for _, outcome, _ in changes}
    if outcomes == {Outcome.SAME}:
        return ChangeAction.SAME
    if outcomes == {Outcome.SUPERSEDES}:
        return ChangeAction.SUPERSEDE
    return ChangeAction.REMEMBER
