"""Find what may answer a question: by words, by meaning, and what stands beside the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.analytics.ranking import Candidate, Term, normalise_bm25, rarity, strength_of
from flowtrace_mcp.analytics.unread import presumed_cosine
from flowtrace_mcp.analytics.words import any_of, fts_query, search_terms
from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.beside import started
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.memory_store import Found, MemoryStore
from flowtrace_mcp.storage.memory_text import project_token
from flowtrace_mcp.storage.memory_traits import Traits

# From each arm. With what stands beside the best 30, more of them add nothing.
FOUND_LIMIT: Final = 100
NEIGHBOURED: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What may answer a question, to be ranked."""

    candidates: Sequence[Candidate]
    terms: Sequence[Term]  # the words of the question and who holds them
    has_meaning: bool  # False: found by words alone


def find_candidates(context: Context, query: str, wanted: MemoryFilter) -> Candidates:
    """Return what a search by words and by meaning finds, and the neighbours of the best."""
    store = context.store.memories
    # The model and SQLite both work without the interpreter's lock.
    with started(lambda: _by_words(store, query, wanted)) as asked:
        codes = context.meaning.encode([query])
        code = codes[0] if codes else None
        by_meaning = store.search_meaning(code, wanted, FOUND_LIMIT)
    by_words, terms = asked.result()
    found = store.joined(by_words, by_meaning, code, wanted)
    traits = store.list_traits([one.key for one in found])
    candidates = _candidates(found, traits)
    candidates += _neighbours(context, candidates, traits, code, wanted)
    return Candidates(candidates=candidates, terms=terms, has_meaning=code is not None)


def _by_words(
    store: MemoryStore, query: str, wanted: MemoryFilter
) -> tuple[dict[int, float], list[Term]]:
    """Return what holds the words of a question, scored, and those words."""
    project_id, words = wanted.place.project_id, search_terms(query)
    holders = store.list_word_rows(words, project_id)
    if holders:
        among = set[int]().union(*holders.values())
        match = any_of([word for word, keys in holders.items() if keys]) if among else None
    else:  # each word is common, or there is none
        among, match = None, fts_query(words, [project_token(n) for n in {project_id, 0}])
    count = store.count_about(project_id)
    terms = [
        Term(rarity=rarity(max(count, len(keys)), len(keys)), keys=keys)
        for keys in holders.values()
    ]
    return store.search_words(match, wanted, FOUND_LIMIT, among), terms


def _candidates(found: Sequence[Found], traits: Sequence[Traits]) -> list[Candidate]:
    scores = {one.key: one for one in found}
    presumed = presumed_cosine((one.bm25, one.cosine) for one in found)
    return [
        _candidate(one, presumed if cosine is None else cosine, scores[one.key].bm25)
        for one in traits
        for cosine in (scores[one.key].cosine,)
    ]


def _neighbours(
    context: Context,
    candidates: Sequence[Candidate],
    traits: Sequence[Traits],
    code: VectorCode | None,
    wanted: MemoryFilter,
) -> list[Candidate]:
    """Return what stands just before and after the best, and was not found itself."""
    text = normalise_bm25(candidates)
    best = sorted(candidates, key=lambda one: (-strength_of(one, text), one.key))[:NEIGHBOURED]
    sessions = {one.key: one.session for one in traits}
    known = {(one.session, one.sequence) for one in traits}
    beside = {
        (sessions[one.key], one.sequence + step)
        for one in best
        if sessions[one.key]
        for step in (-1, 1)
    }
    places = sorted(beside - known)
    if not places:
        return []
    store = context.store.memories
    near = store.list_at_places(places, wanted, FOUND_LIMIT)
    cosines = store.score(code, wanted, [one.key for one in near])
    keys = {one.key for one in traits}
    return [_candidate(one, cosines.get(one.key), None) for one in near if one.key not in keys]


def _candidate(one: Traits, cosine: float | None, bm25: float | None) -> Candidate:
    return Candidate(
        one.key,
        cosine,
        bm25,
        string_id(one.session),
        one.sequence,
        one.author,
        one.valid_from_us,
        one.beginning,
    )
