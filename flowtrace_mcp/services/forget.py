"""Retire memories, or remove them for good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from flowtrace_mcp.analytics.words import search_terms
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.handles import find_named_memory
from flowtrace_mcp.services.keys import note_action
from flowtrace_mcp.services.recall import (
    RecalledMemory,
    RecallRequest,
    recall,
)
from flowtrace_mcp.services.recall_bounds import BUDGET_MOST_TOKENS
from flowtrace_mcp.services.showing import without_secrets
from flowtrace_mcp.storage.memory_changes import ChangeAuthor

CANDIDATES_LIMIT: Final = 5
# Of the words of a query, a memory that is meant by it has at least so many.
FITTING_SHARE: Final = 0.75
_BEGINNING_CHARACTERS: Final = 5  # endings differ: move, moved, moves
_WORD: Final = re.compile(r"\w+")
REASON_LIMIT_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRequest:
    """Which memory to forget: by id, or by a question that names exactly one."""

    id: str = ""
    query: str = ""
    reason: str = ""
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was forgotten."""

    id: str
    text: str
    is_hard: bool


def forget(context: Context, request: ForgetRequest, caller: Caller) -> Forgotten:
    """Retire one memory; with ``hard``, remove it from text index, vectors and log too.

    Raises:
        InputError: Neither or both of id and query, or a query that fits several memories.
        NotFoundError: No such memory in this project.
    """
    if bool(request.id.strip()) == bool(request.query.strip()):
        raise InputError(
            "cannot tell what to forget", why="give either id or query", mend="give the id"
        )
    if len(request.reason) > REASON_LIMIT_CHARACTERS:
        raise InputError(
            f"reason has {len(request.reason)} characters",
            why=f"at most {REASON_LIMIT_CHARACTERS} are kept",
            mend="shorten it",
        )
    place = place_of(context, caller)
    typed = request.id if request.id.strip() else _only_match(context, request, caller)
    memory = find_named_memory(context, typed, place.project_id)
    author = ChangeAuthor(project_id=place.project_id, agent=caller.agent, session=caller.session)
    store, now_us = context.store.memories, context.now_us()
    if request.hard:
        gone = store.delete(memory.handle, now_us, author)
    else:
        reason = Redactor(own=context.settings.redact).text(request.reason.strip())
        gone = store.retract(memory.handle, now_us, reason or "forgotten", author)
    if gone is None:
        raise NotFoundError(
            f"no memory {memory.handle}",
            why="another process removed it just now",
            mend="copy the id from a recall answer",
        )
    note_action(context, "delete", f"{'erased' if request.hard else 'retired'} {gone.handle}")
    shown = without_secrets(gone, context.settings.redact)
    return Forgotten(id=gone.handle, text=shown.content, is_hard=request.hard)


def _only_match(context: Context, request: ForgetRequest, caller: Caller) -> str:
    """Return the id of the one memory that says what was asked for.

    That is one with nearly all words of the query, or else the one that surely answers it.
    """
    said = _matches(context, request.query, caller, strict=False)
    terms = search_terms(request.query)
    fitting = [row for row in said if _share_held(terms, row.memory.content) >= FITTING_SHARE]
    # Without the session: strict recall passes by what a session was shown, and notes what it is.
    found = fitting or _matches(context, request.query, replace(caller, session=""), strict=True)
    if not found:
        raise NotFoundError(
            "nothing to forget",
            why="no memory fits the query well",
            mend="recall it first and give its id",
        )
    if len(found) > 1:
        ids = ", ".join(row.id for row in found)
        raise InputError(
            f"{len(found)} memories fit the query ({ids})",
            why="only one is forgotten at a time",
            mend="give the id of the one you mean",
        )
    return found[0].id


def _matches(
    context: Context, query: str, caller: Caller, *, strict: bool
) -> tuple[RecalledMemory, ...]:
    request = RecallRequest(
        query=query, limit=CANDIDATES_LIMIT, budget=BUDGET_MOST_TOKENS, strict=strict
    )
    return recall(context, request, caller).memories


def _share_held(terms: Sequence[str], text: str) -> float:
    """Return the share of terms of which a text has a word with the same beginning."""
    beginnings = {word[:_BEGINNING_CHARACTERS] for word in _WORD.findall(text.lower())}
    held = sum(term[:_BEGINNING_CHARACTERS] in beginnings for term in terms)
    return held / len(terms) if terms else 0.0
