"""Memories for tests of storage: a whole write of which a test names only what matters to it."""

import hashlib
from typing import Any

from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import (
    MemoryFilter,
    MemoryKind,
    MemoryPlace,
    NewMemory,
    Outcome,
    ScopeName,
)
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage.memory_store import Kin, MemoryStore, MemoryWrite, Placed, Verdict
from flowtrace_mcp.storage.memory_text import MemoryDocument, project_token
from tests.storage.conftest import START_US

PLACE = MemoryPlace(project_id=1, branch="main", session="s-1")
NOW_US = START_US + 1_000


def new_memory(content: str, **said: Any) -> NewMemory:
    values: dict[str, Any] = {
        "kind": MemoryKind.FACT,
        "scope": ScopeName.REPO,
        "place": PLACE,
        "recorded_us": START_US,
        "valid_from_us": START_US,
    }
    return NewMemory(content=content, **{**values, **said})


def write_of(
    new: NewMemory, *, vector: VectorCode | None = None, supersedes: str | int = ""
) -> MemoryWrite:
    return MemoryWrite(
        new=new,
        memory_id=hashlib.blake2b(repr(new).encode(), digest_size=16).digest(),
        document=MemoryDocument(body=" ".join((new.content, *new.aliases)), identifiers=new.topic),
        vectors=() if vector is None else (vector,),
        near_terms=[new.content.split()[0]],
        near_filter=MemoryFilter(place=new.place, now_us=new.recorded_us + 1),
        supersedes=supersedes,
    )


def handle_of(write: MemoryWrite) -> str:
    return memory_handle(write.memory_id)


def by_rule(_new: NewMemory, kin: Kin) -> Verdict:
    """A plain rule: told, then same text, then same topic, then anything near."""
    if kin.told is not None:
        return Verdict(outcome=Outcome.SUPERSEDES, old=kin.told)
    if kin.same is not None:
        return Verdict(outcome=Outcome.SAME, old=kin.same)
    if kin.topic is not None:
        return Verdict(outcome=Outcome.SUPERSEDES, old=kin.topic)
    if kin.near:
        return Verdict(outcome=Outcome.REFINES, old=kin.near[0])
    return Verdict(outcome=Outcome.NEW)


def keep(store: MemoryStore, content: str, **said: Any) -> Placed:
    return store.insert_memories([write_of(new_memory(content, **said))], by_rule)[0]


def matching(word: str, *project_ids: int) -> str:
    """Return an FTS5 expression for a word in some projects."""
    tokens = " OR ".join(project_token(number) for number in project_ids or (1, 0))
    return f'"{word}" AND project : ({tokens})'


def asking(**said: Any) -> MemoryFilter:
    return MemoryFilter(**{"place": PLACE, "now_us": NOW_US, **said})


def code(*dimensions: int, embedder: str = "e@1") -> VectorCode:
    return VectorCode(
        embedder=embedder,
        sign_code=bytes(int(number > 0) for number in dimensions),
        int8_code=b"".join(number.to_bytes(1, "big", signed=True) for number in dimensions),
        scale=1 / 127,
    )
