"""Find memories: words and meaning, filtered inside the query, ranked, cut to a token budget."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from flowtrace_mcp.analytics.instructions import reads_as_instruction
from flowtrace_mcp.analytics.passages import passage_start
from flowtrace_mcp.analytics.ranking import Ranked, collapse_duplicates, cut_relative, rank
from flowtrace_mcp.analytics.similarity import fold_text
from flowtrace_mcp.analytics.tokens import TokenBudget, cut_to_tokens, estimate_tokens
from flowtrace_mcp.analytics.words import search_terms
from flowtrace_mcp.errors import BusyError, InputError, StorageError
from flowtrace_mcp.model.ids import short_ids
from flowtrace_mcp.model.memory import Memory, MemoryFilter, MemoryKind, ScopeName
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.times import iso_time, parse_time_us
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.candidates import find_candidates
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.evidence import Checks, changes_of
from flowtrace_mcp.services.handles import find_named_memory
from flowtrace_mcp.services.meaning import MeaningState
from flowtrace_mcp.services.recall_bounds import (
    BUDGET_DEFAULT_TOKENS,
    BUDGET_LEAST_TOKENS,
    BUDGET_MOST_TOKENS,
    LIMIT_DEFAULT,
    LIMIT_MOST,
)
from flowtrace_mcp.services.showing import without_secrets
from flowtrace_mcp.services.shown import not_shown, note_shown
from flowtrace_mcp.services.strict_recall import sure_of
from flowtrace_mcp.services.upkeep import embed_pending

# What may be said unasked: a prompt pays for every word of it.
STRICT_BUDGET_TOKENS: Final = 200
QUERY_LIMIT_CHARACTERS: Final = 2000
EXPAND_LIMIT: Final = 20
# Read beyond the limit, for texts that say the same but for case and punctuation count once.
SPARE_ROWS: Final = 5
FOLDED_CHARACTERS: Final = 1000
# How much of its text a row shows; `expand` opens the rest.
WHOLE_ROWS: Final = 3
WHOLE_ROW_TOKENS: Final = 200
SHORT_ROW_TOKENS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is strong enough to show, on the scale of ``ranking``: cosine plus 0.3 for words."""

    ratio: float  # of the strongest
    floor: float


ASKED_CUT: Final = Cut(ratio=0.3, floor=0.2)
LOOSE_CUT: Final = Cut(ratio=0.0, floor=0.0)  # strict recall judges for itself
WORDS_ALONE_FLOOR: Final = 0.1
# What a file that has changed since leaves of the strength of a memory that names it.
STALE_FACTOR: Final = 0.8

_FRAME: Final = '{"memories":[],"more":100,"tokens":4000}'
_QUOTES_TOKENS: Final = 2
_TOKEN_CHARACTERS: Final = 8  # a text with more a token is cut first, for counting all takes long
_ROW_FRAME_TOKENS: Final = 60  # id, kind, date, score and a file or two

_json: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRequest:
    """A question to memory; times are ISO 8601 or microseconds."""

    query: str = ""
    limit: int = LIMIT_DEFAULT
    budget: int = BUDGET_DEFAULT_TOKENS
    scope: ScopeName = ScopeName.SESSION
    kinds: Sequence[MemoryKind] = ()
    tags: Sequence[str] = ()
    since: str | int | None = None
    until: str | int | None = None
    as_of: str | int | None = None
    expand: Sequence[str] = ()
    strict: bool = False  # rather nothing than a guess, and nothing twice in a session


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledMemory:
    """One row of an answer; "" and () say that there is nothing to say."""

    id: str
    text: str
    kind: MemoryKind
    when: str  # ISO 8601 date since when it is held true
    score: float  # 0 to about 2, higher is better
    memory: Memory
    is_cut: bool = False
    is_stale: bool = False  # a file that it names has changed since
    changed: tuple[str, ...] = ()  # those files, with the commits, where it is opened by id
    is_instruction: bool = False  # it reads like one to a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An answer; ``memories`` may be empty, and then ``reason`` says why."""

    memories: tuple[RecalledMemory, ...]
    more: int  # found, but left out for limit or budget
    tokens: int  # estimate of the memories' rows
    reason: str = ""


def recall(context: Context, request: RecallRequest, caller: Caller) -> Recalled:
    """Return the memories that answer a question, best first, within the token budget.

    Raises:
        InputError: The request cannot be understood.
        NotFoundError: An id to expand is not there.
    """
    _check(request)
    wanted = _filter(context, request, caller)
    opened = _opened(context, request, wanted, caller.folder)
    if not request.query.strip():
        return _fit(opened, request)
    if request.strict and not opened:
        request = replace(request, budget=min(request.budget, STRICT_BUDGET_TOKENS))
    could_read = _readable(context)
    answer = _answer(context, request, wanted, opened, caller.folder)
    if _is_empty(answer) and (_gave_vectors(context) or _readable(context) != could_read):
        answer = _answer(context, request, wanted, opened, caller.folder)
    if not _is_empty(answer):
        return answer
    return Recalled(memories=(), more=0, tokens=0, reason=_why_nothing(context))


def _answer(
    context: Context,
    request: RecallRequest,
    wanted: MemoryFilter,
    opened: list[RecalledMemory],
    folder: str,
) -> Recalled:
    ranked = _ranked(context, request, wanted)
    if request.strict:
        ranked = not_shown(context, wanted, sure_of(context, request.query, wanted, ranked))
    # Those opened by id may be among the best, and are not shown twice.
    best = ranked[: request.limit + len(opened) + SPARE_ROWS]
    memories = context.store.memories.get_memories([hit.key for hit in best])
    opened_ids = {row.id for row in opened}
    hits = [
        hit for hit in best if hit.key in memories and memories[hit.key].handle not in opened_ids
    ]
    others = collapse_duplicates(hits, lambda hit: _claim_of(memories[hit.key].content))
    rows = [_row(context, memories[hit.key], hit.score) for hit in others[: request.limit]]
    shown = _held_to_files(context, rows, folder)
    terms = search_terms(request.query)
    answer = _fit(
        [_from_passage(row, terms) for row in (*opened, *shown)],
        request,
        hidden=len(others) - len(shown) + len(ranked) - len(best),
    )
    if request.strict:
        note_shown(context, wanted, [row.id for row in answer.memories], memories)
    return answer


def fit_memories(context: Context, stored: Sequence[Memory], budget: int, folder: str) -> Recalled:
    """Return memories in the given order as an answer within a token budget."""
    rows = _held_to_files(context, [_row(context, memory, 0.0) for memory in stored], folder)
    return _fit(rows, RecallRequest(budget=budget, limit=LIMIT_MOST))


def _held_to_files(
    context: Context, rows: Sequence[RecalledMemory], folder: str
) -> list[RecalledMemory]:
    """Mark the rows whose files have changed since, and let them stand further down."""
    checks = Checks(context.files, folder)
    marked = [
        replace(row, is_stale=True, score=round(row.score * STALE_FACTOR, 3))
        if checks.changed_files(row.memory)
        else row
        for row in rows
    ]
    return sorted(marked, key=lambda row: -row.score)


def _claim_of(text: str) -> str:
    return fold_text(text) if len(text) <= FOLDED_CHARACTERS else text


def _is_empty(answer: Recalled) -> bool:
    return not (answer.memories or answer.more)


def _gave_vectors(context: Context) -> bool:
    """Give vectors to memories that a short session left without; say whether any got one."""
    with suppress(StorageError, BusyError):  # reading goes on where writing cannot
        return embed_pending(context) > 0
    return False


def _readable(context: Context) -> object:
    """Return what differs once the model is there, or has read more, than when it was asked.

    The background work may do either while a question is answered without.
    """
    if not context.meaning.is_wanted:
        return None
    return context.meaning.state, context.store.memories.count_read()


def row_of(memory: RecalledMemory) -> dict[str, object]:
    """Return a row as an agent is shown it: short keys, nothing empty."""
    row: dict[str, object] = {
        "id": memory.id,
        "text": memory.text,
        "kind": memory.kind.value,
        "when": memory.when,
        "score": memory.score,
    }
    if memory.memory.files:
        row["files"] = list(memory.memory.files)
    if memory.memory.span_id:
        row["span"] = short_ids([memory.memory.span_id])[memory.memory.span_id]
    if flags := flags_of(memory):
        row["flag"] = ",".join(flags)
    if memory.changed:
        row["changed"] = list(memory.changed)
    return row


def flags_of(memory: RecalledMemory) -> list[str]:
    """Return what a reader has to know of a row."""
    flags = {
        "verify": memory.is_stale,
        "instruction": memory.is_instruction,
        "cut": memory.is_cut,
    }
    return [flag for flag, is_so in flags.items() if is_so]


def _check(request: RecallRequest) -> None:
    if not request.query.strip() and not request.expand:
        raise InputError(
            "cannot recall nothing", why="the query is blank", mend="say what you look for"
        )
    if len(request.query) > QUERY_LIMIT_CHARACTERS:
        raise InputError(
            f"the query has {len(request.query)} characters",
            why=f"at most {QUERY_LIMIT_CHARACTERS} are read",
            mend="ask for the point of it",
        )
    refuse_outside(
        ("limit", request.limit, 1, LIMIT_MOST),
        ("budget", request.budget, BUDGET_LEAST_TOKENS, BUDGET_MOST_TOKENS),
        ("expand", len(request.expand), 0, EXPAND_LIMIT),
    )


def _filter(context: Context, request: RecallRequest, caller: Caller) -> MemoryFilter:
    def moment(value: str | int | None, name: str) -> int | None:
        return None if value is None else parse_time_us(value, name=name)

    now_us = context.now_us()
    as_of_us = moment(request.as_of, "as_of")
    if as_of_us is not None and as_of_us > now_us:
        raise InputError(
            "as_of lies in the future",
            why="it asks what was held true at a time that has been",
            mend="leave it out to ask for now",
        )
    since_us, until_us = moment(request.since, "since"), moment(request.until, "until")
    _refuse_contradiction(since_us, until_us, as_of_us)
    return MemoryFilter(
        place=place_of(context, caller),
        scope=request.scope,
        kinds=tuple(request.kinds),
        tags=tuple(request.tags),
        since_us=since_us,
        until_us=until_us,
        as_of_us=as_of_us,
        now_us=now_us,
    )


def _refuse_contradiction(since_us: int | None, until_us: int | None, as_of_us: int | None) -> None:
    if since_us is not None and until_us is not None and until_us <= since_us:
        raise InputError(
            "no time is in between",
            why="until is not after since",
            mend="swap them, or leave one out",
        )
    if since_us is not None and as_of_us is not None and as_of_us < since_us:
        raise InputError(
            "nothing can be held true before it was remembered",
            why="as_of lies before since",
            mend="leave one of them out",
        )


def _opened(
    context: Context, request: RecallRequest, wanted: MemoryFilter, folder: str
) -> list[RecalledMemory]:
    """Return the memories asked for by id, whole, retired ones too."""
    rows = []
    for text in request.expand:
        memory = find_named_memory(context, text, wanted.place.project_id)
        redactor = Redactor(own=context.settings.redact)
        changes = changes_of(context.files, folder, memory)
        changed = tuple(redactor.text(change.text) for change in changes)
        rows.append(replace(_row(context, memory, 1.0), is_stale=bool(changed), changed=changed))
    return rows


def _ranked(context: Context, request: RecallRequest, wanted: MemoryFilter) -> list[Ranked]:
    found = find_candidates(context, request.query, wanted)
    ranked = rank(found.candidates, query=request.query, terms=found.terms, now_us=context.now_us())
    cut = LOOSE_CUT if request.strict else ASKED_CUT
    if not found.has_meaning:
        cut = replace(cut, floor=min(cut.floor, WORDS_ALONE_FLOOR))
    return cut_relative(ranked, ratio=cut.ratio, floor=cut.floor)


def _from_passage(row: RecalledMemory, terms: Sequence[str]) -> RecalledMemory:
    """Let a long text begin where it says what was asked for."""
    start = passage_start(row.text, terms)
    return replace(row, text=f"… {row.text[start:]}", is_cut=True) if start else row


def _row(context: Context, stored: Memory, score: float) -> RecalledMemory:
    memory = without_secrets(stored, context.settings.redact)
    return RecalledMemory(
        id=memory.handle,
        text=memory.content,
        kind=memory.kind,
        when=iso_time(memory.valid_from_us)[:10],
        score=round(score, 3),
        memory=memory,
        is_instruction=reads_as_instruction(memory.content),
    )


def _fit(rows: Sequence[RecalledMemory], request: RecallRequest, *, hidden: int = 0) -> Recalled:
    """Fill the budget with rows in order: the first whole, later ones cut, the rest counted."""
    budget = TokenBudget(request.budget)
    budget.take(_FRAME)
    opened = len(request.expand)
    taken: list[RecalledMemory] = []
    for position, row in enumerate(rows[: request.limit + opened]):
        share = budget.left_tokens if position < opened else _share(position - opened)
        shown = _cut_row(row, min(share, budget.left_tokens - _ROW_FRAME_TOKENS))
        if shown is None or not budget.take(_shown(shown)):
            break
        taken.append(shown)
    return Recalled(
        memories=tuple(taken), more=hidden + len(rows) - len(taken), tokens=budget.used_tokens
    )


def _share(position: int) -> int:
    """Return how many tokens of text a row may show: the best three in full."""
    return WHOLE_ROW_TOKENS if position < WHOLE_ROWS else SHORT_ROW_TOKENS


def _cut_row(row: RecalledMemory, limit_tokens: int) -> RecalledMemory | None:
    """Return the row with its text cut to a limit as JSON; None when nothing of it is left."""
    if len(row.text) <= limit_tokens * _TOKEN_CHARACTERS and _fits(row.text, limit_tokens):
        return row if row.text.strip("… ") else None
    limit = limit_tokens
    while limit > 0:
        text, is_cut = cut_to_tokens(row.text, limit)
        is_cut = is_cut or row.is_cut
        over = _tokens_as_json(text) - limit_tokens
        if over <= _QUOTES_TOKENS:
            return replace(row, text=text, is_cut=is_cut) if text.strip("… ") else None
        limit -= max(over, limit // 8, 1)  # quotes and line ends cost more once escaped
    return None


def _fits(text: str, limit_tokens: int) -> bool:
    return _tokens_as_json(text) <= limit_tokens + _QUOTES_TOKENS


def _tokens_as_json(text: str) -> int:
    return estimate_tokens(_json.encode(text).decode())


def _shown(row: RecalledMemory) -> str:
    return _json.encode(row_of(row)).decode() + ","


def _why_nothing(context: Context) -> str:
    if context.meaning.state is MeaningState.LOADING:
        return "nothing found by words; search by meaning is still loading, ask again"
    return "nothing strong enough was found"
