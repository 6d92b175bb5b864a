"""Retire memories, or remove them for good."""

from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.handles import find_named_memory
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.storage.memory_changes import ChangeAuthor

CANDIDATES_LIMIT: Final = 5
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
    return Forgotten(id=gone.handle, text=gone.content, is_hard=request.hard)


def _only_match(context: Context, request: ForgetRequest, caller: Caller) -> str:
    answer = recall(
        context, RecallRequest(query=request.query, limit=CANDIDATES_LIMIT, strict=True), caller
    )
    if not answer.memories:
        raise NotFoundError(
            "nothing to forget",
            why="no memory fits the query well",
            mend="recall it first and give its id",
        )
    if len(answer.memories) > 1:
        ids = ", ".join(memory.id for memory in answer.memories)
        raise InputError(
            f"{len(answer.memories)} memories fit the query ({ids})",
            why="only one is forgotten at a time",
            mend="give the id of the one you mean",
        )
    return answer.memories[0].id
