"""Strict recall: of what was found, only what surely answers the question, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from flowtrace_mcp.analytics.certainty import (
    WITH_MODEL,
    WORDS_ALONE,
    AskedTerm,
    Evidence,
    choose,
    cosine_of,
    names_in,
    without_word,
)
from flowtrace_mcp.analytics.ranking import Ranked, rarity
from flowtrace_mcp.analytics.words import fts_query, search_terms
from flowtrace_mcp.model.memory import Memory, MemoryFilter, MemoryKind
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.memory_text import project_token

# So many of the best are looked at. Each text costs the model 1 to 3 ms.
LOOKED_AT: Final = 8
WEIGHED_TERMS: Final = 8
READ_CHARACTERS: Final = 600


def sure_of(
    context: Context, query: str, wanted: MemoryFilter, ranked: Sequence[Ranked]
) -> list[Ranked]:
    """Return what surely answers the question, the surest first, scored by probability."""
    best = sorted(ranked, key=lambda one: (-one.strength, one.key))[:LOOKED_AT]
    if not best:
        return []
    keys = [one.key for one in best]
    memories = context.store.memories.get_memories(keys)
    rarities, hits = _held(context, query, wanted, keys)
    cosines, importances = _meant(context, query, rarities, memories)
    names = names_in(query)
    terms = [
        AskedTerm(
            text=term,
            rarity=rarities[term],
            importance=importances.get(term, 0.0),
            is_name=term in names,
        )
        for term in rarities
    ]
    found = [
        Evidence(
            key=key,
            text=memories[key].content,
            hits=frozenset(term for term in rarities if key in hits[term]),
            cosine=cosines.get(key, 0.0),
            is_note=memories[key].kind is MemoryKind.NOTE,
        )
        for key in keys
        if key in memories
    ]
    standing = {one.key: one for one in best}
    sure = choose(query, terms, found, WITH_MODEL if cosines else WORDS_ALONE)
    return [standing[key]._replace(score=chance) for key, chance in sure]


def bare_text(memory: Memory) -> str:
    """Return what of a memory is held against a question: no date, no author, its other names."""
    text = memory.content[:READ_CHARACTERS]
    return f"{text} ({', '.join(memory.aliases)})" if memory.aliases else text


def _held(
    context: Context, query: str, wanted: MemoryFilter, keys: Sequence[int]
) -> tuple[dict[str, float], dict[str, set[int]]]:
    """Return the rarity of each word of the question, and which memories hold it."""
    store, project_id = context.store.memories, wanted.place.project_id
    tokens = [project_token(number) for number in {project_id, 0}]
    matches = {term: fts_query([term], tokens) or "" for term in search_terms(query)}
    holders = store.list_holders(matches, keys)
    count = store.count_about(project_id)
    rarities = {term: rarity(max(count, held), held) for term, (held, _) in holders.items()}
    return rarities, {term: among for term, (_, among) in holders.items()}


def _meant(
    context: Context, query: str, rarities: Mapping[str, float], memories: Mapping[int, Memory]
) -> tuple[dict[int, float], dict[str, float]]:
    """Return the cosine of each memory, and how far the question moves without each word."""
    folded = query.lower()
    rare = sorted(rarities, key=lambda term: (-rarities[term], term))
    weighed = [term for term in rare if term in folded][:WEIGHED_TERMS]
    rests = [without_word(query, term) for term in weighed]
    texts = [query, *rests, *(bare_text(memory) for memory in memories.values())]
    codes = context.meaning.encode([text or "." for text in texts])
    if not codes:
        return {}, dict.fromkeys(weighed, 1.0)
    cosines = [cosine_of(codes[0].int8_code, code.int8_code) for code in codes[1:]]
    importances = {
        term: max(1.0 - cosine, 0.0)
        for term, cosine in zip(weighed, cosines[: len(weighed)], strict=True)
    }
    return dict(zip(memories, cosines[len(weighed) :], strict=True)), importances
