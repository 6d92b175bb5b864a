"""What was done to memories: told, taken back, and done again, each in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import apsw

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.memory import ChangeAction, Memory, Outcome
from flowtrace_mcp.storage import (
    memories,
    memory_changes,
    memory_lapses,
    memory_links,
    memory_text,
)
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.memory_changes import Added, Change, Effect, Merged, Retired
from flowtrace_mcp.storage.memory_lapses import Lapse
from flowtrace_mcp.storage.memory_text import MemoryDocument

CHAIN_LIMIT: Final = 200
_UNDONE: Final = "undone"
_SUPERSEDES: Final = Outcome.SUPERSEDES.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One memory in the chain of a fact."""

    memory: Memory
    outcome: Outcome
    older: tuple[str, ...]  # handles of what it superseded
    newer: tuple[str, ...]  # handles of what superseded it
    lapses: tuple[Lapse, ...]  # times in which it was retired, before that was undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A change that was taken back or done again, and the memories as they stand now."""

    change: Change
    memories: tuple[Memory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One undo or redo under way."""

    connection: apsw.Connection
    change: Change
    now_us: int
    document_of: Callable[[Memory], MemoryDocument]
    touched: dict[int, Memory] = field(default_factory=dict)


class MemoryJournal:
    """History of the memories of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def undo(
        self, project_id: int, now_us: int, document_of: Callable[[Memory], MemoryDocument]
    ) -> Turned | None:
        """Take back the last change of a project; None when there is none.

        Args:
            project_id: Whose changes count.
            now_us: When; what was held true until then stays so for ``as_of``.
            document_of: Makes the searched text of a memory.

        Raises:
            InputError: The last change cannot be taken back.
        """

        def job(connection: apsw.Connection) -> Turned | None:
            while change := memory_changes.find_last_change(connection, project_id):
                _refuse_erasure(change)
                turn = _Turn(
                    connection=connection, change=change, now_us=now_us, document_of=document_of
                )
                for effect in _lasting(change):
                    _undo_effect(turn, effect)
                if turn.touched:
                    _refuse_second(turn)
                    memory_changes.update_undone(connection, change.change_id, now_us)
                    return _turned(turn)
                # All of it was removed for good since, from another project.
                memory_changes.delete_change(connection, change.change_id)
            return None

        return self._database.write(job)

    def redo(
        self, project_id: int, now_us: int, document_of: Callable[[Memory], MemoryDocument]
    ) -> Turned | None:
        """Do again what ``undo`` took back last; None when nothing was.

        Raises:
            InputError: Another change came after it, or its topic has another memory by now.
        """

        def job(connection: apsw.Connection) -> Turned | None:
            while change := memory_changes.find_next_undone(connection, project_id):
                turn = _Turn(
                    connection=connection, change=change, now_us=now_us, document_of=document_of
                )
                for effect in change.effects:
                    _redo_effect(turn, effect)
                if turn.touched:
                    _refuse_second(turn)
                    memory_changes.update_undone(connection, change.change_id, None)
                    return _turned(turn)
                memory_changes.delete_change(connection, change.change_id)
            if memory_changes.find_last_undone(connection, project_id) is not None:
                raise InputError(
                    "what was undone cannot be done again",
                    why="memories were changed since",
                    mend="remember it again",
                )
            return None

        return self._database.write(job)

    def list_versions(self, handle: str) -> list[Version]:
        """Return the chain of versions that a memory stands in, oldest first.

        These are the memories that superseded each other, and those of one topic in one layer.
        """
        with self._database.reading() as reader:
            found = memories.find_memory(reader, handle)
            if found is None:
                return []
            chain = _chain(reader, found[0])
            versions = [_version(reader, key, memory) for key, memory in sorted(chain.items())]
        return _in_order(versions)


def _in_order(versions: Sequence[Version]) -> list[Version]:
    """Return versions by time, but each after those it took the place of, whatever the clock said."""
    waiting = sorted(versions, key=lambda version: version.memory.recorded_us)
    behind = {version.memory.handle for version in waiting}
    ordered: list[Version] = []
    while waiting:
        following = next((one for one in waiting if behind.isdisjoint(one.older)), waiting[0])
        waiting.remove(following)
        behind.remove(following.memory.handle)
        ordered.append(following)
    return ordered


def _refuse_erasure(change: Change) -> None:
    if change.action is ChangeAction.ERASE:
        raise InputError(
            "the last change cannot be undone",
            why="it removed a memory for good, and nothing of it was kept",
            mend="remember it again",
        )


def _lasting(change: Change) -> list[Effect]:
    """Return the effects but for the retirement of what the same change had added.

    A batch may hold a memory and the one that supersedes it; before it neither was there.
    """
    added = {effect.key for effect in change.effects if isinstance(effect, Added)}
    return [
        effect
        for effect in change.effects
        if not (isinstance(effect, Retired) and effect.key in added)
    ]


def _undo_effect(turn: _Turn, effect: Effect) -> None:
    match effect:
        case Added(key=key):
            if memories.retract_memory(turn.connection, key, turn.now_us, _UNDONE):
                _touch(turn, key)
        case Retired(key=key):
            if _is_retired(turn, key):
                memories.restore_memory(turn.connection, key, turn.now_us)
                _touch(turn, key)
        case Merged():
            _turn_merge(turn, effect, redo=False)


def _redo_effect(turn: _Turn, effect: Effect) -> None:
    match effect:
        case Added(key=key):
            if _is_retired(turn, key):
                memories.restore_memory(turn.connection, key, turn.now_us)
                _touch(turn, key)
        case Retired(key=key):
            lapses = memory_lapses.list_lapses(turn.connection, key)
            reason = lapses[-1][2] if lapses else turn.change.action.value
            if memories.retract_memory(turn.connection, key, turn.now_us, reason):
                _touch(turn, key)
        case Merged():
            _turn_merge(turn, effect, redo=True)


def _turn_merge(turn: _Turn, merged: Merged, *, redo: bool) -> None:
    if merged.key not in memories.get_memories(turn.connection, [merged.key]):
        return
    memories.update_unseen(turn.connection, merged, turn.now_us, redo=redo)
    _touch(turn, merged.key)
    document = turn.document_of(turn.touched[merged.key])
    memory_text.update_text(turn.connection, merged.key, document)


def _is_retired(turn: _Turn, key: int) -> bool:
    memory = memories.get_memories(turn.connection, [key]).get(key)
    return memory is not None and memory.retracted_us is not None


def _refuse_second(turn: _Turn) -> None:
    """Raise when a topic would have a memory in force besides those of this change."""
    for memory in turn.touched.values():
        if memory.retracted_us is not None:
            continue
        others = memories.get_memories(
            turn.connection, memories.list_topic_versions(turn.connection, memory)
        )
        for other_key, other in others.items():
            if other.retracted_us is None and other_key not in turn.touched:
                raise InputError(
                    f"{memory.handle} cannot come back",
                    why=f"its topic {memory.topic!r} has a newer memory, {other.handle}",
                    mend=f"forget {other.handle} first",
                )


def _touch(turn: _Turn, key: int) -> None:
    turn.touched.update(memories.get_memories(turn.connection, [key]))


def _turned(turn: _Turn) -> Turned:
    return Turned(change=turn.change, memories=tuple(turn.touched.values()))


def _chain(reader: apsw.Connection, first_key: int) -> dict[int, Memory]:
    """Return key -> memory of all that is linked by ``supersedes`` or topic, one by one."""
    chain: dict[int, Memory] = {}
    waiting = [first_key]
    while waiting and len(chain) < CHAIN_LIMIT:
        key = waiting.pop(0)
        memory = memories.get_memories(reader, [key]).get(key)
        if key in chain or memory is None:
            continue
        chain[key] = memory
        links = [
            *memory_links.list_links_from(reader, key),
            *memory_links.list_links_to(reader, key),
        ]
        waiting += [other for other, relation, _ in links if relation == _SUPERSEDES]
        waiting += memories.list_topic_versions(reader, memory)
    return chain


def _version(reader: apsw.Connection, key: int, memory: Memory) -> Version:
    made = memory_links.list_links_from(reader, key)
    older = [other for other, relation, _ in made if relation == _SUPERSEDES]
    newer = [
        other
        for other, relation, _ in memory_links.list_links_to(reader, key)
        if relation == _SUPERSEDES
    ]
    handles = {
        other: stored.handle
        for other, stored in memories.get_memories(reader, [*older, *newer]).items()
    }
    return Version(
        memory=memory,
        outcome=Outcome(made[0][1]) if made else Outcome.NEW,
        older=tuple(handles[other] for other in older if other in handles),
        newer=tuple(handles[other] for other in newer if other in handles),
        lapses=tuple(memory_lapses.list_lapses(reader, key)),
    )
