"""What memory says unasked: at the start of a session, and with a prompt."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Final

from flowtrace_mcp.analytics.instructions import reads_as_instruction
from flowtrace_mcp.model.memory import Memory, MemoryFilter, MemoryKind
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.recall import (
    QUERY_LIMIT_CHARACTERS,
    STRICT_BUDGET_TOKENS,
    Recalled,
    RecallRequest,
    fit_memories,
    recall,
)
from flowtrace_mcp.services.shown import note_shown

BRIEF_BUDGET_TOKENS: Final = 300
# In the order of what helps most before the first word is said.
BRIEF_KINDS: Final = (
    MemoryKind.PREFERENCE,
    MemoryKind.GOTCHA,
    MemoryKind.PLAN,
    MemoryKind.DECISION,
)
RECENT_OF_A_KIND: Final = 20


def brief(context: Context, caller: Caller, *, budget: int = BRIEF_BUDGET_TOKENS) -> Recalled:
    """Return what is worth knowing as a session starts, within a token budget.

    Preferences, gotchas, plans and decisions take turns, those said most often and then the
    latest first. What reads like an instruction to a model is left out. What the session was
    shown already is not shown again.

    Args:
        context: The means of the program.
        caller: Its project is told of; its session is noted.
        budget: At most ``BRIEF_BUDGET_TOKENS``.
    """
    wanted = MemoryFilter(place=place_of(context, caller), now_us=context.now_us())
    store = context.store.memories
    shown = store.list_shown(caller.session) if caller.session else set()
    keyed = dict(chain.from_iterable(most_said(context, wanted, kind) for kind in BRIEF_KINDS))
    by_kind = [
        [
            memory
            for key, memory in keyed.items()
            if memory.kind is kind and key not in shown and not reads_as_instruction(memory.content)
        ]
        for kind in BRIEF_KINDS
    ]
    budget = min(budget, BRIEF_BUDGET_TOKENS)
    answer = fit_memories(context, in_turns(by_kind), budget, caller.folder)
    note_shown(context, wanted, [row.id for row in answer.memories], keyed)
    return answer if answer.memories else replace(answer, reason="nothing to start with")


def recall_for_prompt(
    context: Context, prompt: str, caller: Caller, *, budget: int = STRICT_BUDGET_TOKENS
) -> Recalled:
    """Return what surely answers a prompt and the session has not seen, or nothing.

    Args:
        context: The means of the program.
        prompt: What the person typed; of a long one the beginning is read.
        caller: Whose project and session.
        budget: At most ``STRICT_BUDGET_TOKENS``.
    """
    query = prompt.strip()[:QUERY_LIMIT_CHARACTERS]
    if not query:
        return Recalled(memories=(), more=0, tokens=0, reason="the prompt is blank")
    return recall(context, RecallRequest(query=query, budget=budget, strict=True), caller)


def most_said(context: Context, wanted: MemoryFilter, kind: MemoryKind) -> list[tuple[int, Memory]]:
    """Return the latest of a kind with their keys, those said most often first."""
    recent = context.store.memories.list_recent(replace(wanted, kinds=(kind,)), RECENT_OF_A_KIND)
    return sorted(recent, key=lambda pair: -pair[1].seen_count)


def in_turns(groups: Sequence[Sequence[Memory]]) -> list[Memory]:
    """Return the first of each group, then the second of each, and so on."""
    rounds = chain.from_iterable(zip_longest(*groups))
    return [memory for memory in rounds if memory is not None]
