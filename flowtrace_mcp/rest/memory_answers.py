"""Memories as JSON."""

from collections.abc import Iterator
from string import hexdigits
from typing import Any, Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import Outcome
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.rest.memories import (
    ALL,
    PROJECT,
    ForgetBody,
    MemoryBody,
    Moment,
    RecallBody,
    RememberBody,
    UndoBody,
)
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_memories import export_lines, open_export
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.history import entry_of, history
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.recall import RecalledMemory, RecallRequest, recall, row_of
from flowtrace_mcp.services.remember import Remembered, RememberRequest, remember_all
from flowtrace_mcp.services.undo import body_of, undo

_BATCH: Final = "memories"
_ID_DIGITS: Final = 32


def store(context: Context, question: Question) -> object:
    """Store one memory, or all of ``{"memories": [...]}`` or none."""
    given = json_object(question.body)
    bodies = _batch_of(given) if _BATCH in given else [shaped(given, RememberBody)]
    if not bodies:
        return {"results": []}
    caller = _caller(context, bodies[0])
    callers = {body.project: _caller(context, body) for body in bodies}
    requests = [
        RememberRequest(
            content=body.content,
            kind=body.kind,
            topic=body.topic,
            scope=body.scope,
            files=body.files,
            tags=body.tags,
            supersedes=body.supersedes,
            valid_from=_moment(body.valid_from),
            valid_to=_moment(body.valid_to),
            session=storable(body.session),
            sequence=body.sequence,
            author=body.author,
            agent=storable(body.agent),
            aliases=body.aliases,
            metadata=body.metadata,
            project=callers[body.project].project,
        )
        for body in bodies
    ]
    return {"results": [_result(one) for one in remember_all(context, requests, caller)]}


def _batch_of(given: dict[str, Any]) -> list[RememberBody]:
    items = given[_BATCH]
    if not isinstance(items, list) or len(given) > 1:
        raise InputError(
            "cannot take the batch",
            why='it is {"memories": [...]} and nothing else',
            mend="put the arguments into the memories",
        )
    bodies = []
    for index, item in enumerate(items):
        place = f"{_BATCH}[{index}]"
        if not isinstance(item, dict):
            raise InputError(f"cannot take {place}", why="a memory is a JSON object")
        bodies.append(shaped(item, RememberBody, place))
    return bodies


def _result(remembered: Remembered) -> dict[str, object]:
    result: dict[str, object] = {"id": remembered.id, "outcome": remembered.outcome.value}
    if remembered.old_id and remembered.outcome is not Outcome.SAME:
        result |= {"old_id": remembered.old_id, "old_text": remembered.old_text}
    if remembered.redactions:
        result["redactions"] = remembered.redactions
    return result


def ask(context: Context, question: Question) -> object:
    """Return what is remembered."""
    body = shaped(json_object(question.body), RecallBody)
    request = RecallRequest(
        query=body.query,
        limit=body.limit,
        budget=body.budget,
        scope=body.scope,
        kinds=body.kind if isinstance(body.kind, list) else [body.kind],
        tags=body.tags,
        since=_moment(body.since),
        until=_moment(body.until),
        as_of=_moment(body.as_of),
        expand=body.expand,
        strict=body.strict,
    )
    found = recall(context, request, _caller(context, body))
    answer: dict[str, object] = {
        "memories": [_row(memory) for memory in found.memories],
        "more": found.more,
        "tokens": found.tokens,
    }
    if found.reason:
        answer["reason"] = found.reason
    return answer


def _row(recalled: RecalledMemory) -> dict[str, object]:
    return {**row_of(recalled), "metadata": dict(recalled.memory.metadata)}


def let_go(context: Context, question: Question) -> object:
    """Forget a memory."""
    body = shaped(json_object(question.body), ForgetBody)
    request = ForgetRequest(id=body.id, query=body.query, reason=body.reason, hard=body.hard)
    gone = forget(context, request, _caller(context, body))
    return {"id": gone.id, "text": gone.text, "hard": gone.is_hard}


def turn_back(context: Context, question: Question) -> object:
    """Take the last change back, or do it again."""
    body = shaped(json_object(question.body) if question.body.strip() else {}, UndoBody)
    return body_of(undo(context, _caller(context, body), redo=body.redo))


def list_versions(context: Context, question: Question) -> object:
    """Return the versions of a fact."""
    caller = _caller(context, MemoryBody(project=question.text(PROJECT)))
    handle = _handle(question.path["id"])
    entries = history(context, handle, caller)
    return {"id": handle, "items": [entry_of(entry) for entry in entries], "next": None}


def _handle(told: str) -> str:
    """Return the handle of a memory that is told by it, or by the whole id that an export has."""
    is_whole = len(told) == _ID_DIGITS and all(digit in hexdigits for digit in told)
    return memory_handle(bytes.fromhex(told)) if is_whole else told


def export(context: Context, question: Question) -> Iterator[bytes]:
    """Answer with the lines of one project's memories, or of all with ``all=true``."""
    told = question.text(ALL).lower()
    if told not in {"", "true", "false"}:
        raise InputError(f"all cannot be {told[:40]!r}", why="it is true or false")
    project = None if told == "true" else named_project(context, question.text(PROJECT))
    return export_lines(open_export(context, project))


def _caller(context: Context, body: MemoryBody) -> Caller:
    project = named_project(context, body.project)
    return Caller(project=project, session=storable(body.session))


def _moment(told: Moment) -> int | str | None:
    """Return a time as services take it: JavaScript may write whole numbers as fractions."""
    if isinstance(told, float):
        return int(told) if told.is_integer() else str(told)
    return told
