"""Retire memories, or remove them for good."""

from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import parse_handle
from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.recall import RecallRequest, recall

CANDIDATES_LIMIT: Final = 5


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
    handle = (
        parse_handle(request.id) if request.id.strip() else _only_match(context, request, caller)
    )
    memory = context.store.memories.find_memory(handle)
    if memory is None or memory.project_id not in (0, place_of(context, caller).project_id):
        raise _missing(handle)
    gone: Memory | None
    if request.hard:
        gone = context.store.memories.delete(handle)
    else:
        gone = context.store.memories.retract(
            handle, context.now_us(), request.reason or "forgotten"
        )
    if gone is None:
        raise _missing(handle)
    return Forgotten(id=handle, text=gone.content, is_hard=request.hard)


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


def _missing(handle: str) -> NotFoundError:
    return NotFoundError(
        f"no memory {handle}",
        why="this project has none of that id",
        mend="copy the id from a recall answer",
    )
