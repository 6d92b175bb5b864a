"""Take back the last change of a project's memories, or do again what was taken back."""

from contextlib import suppress
from dataclasses import dataclass

from flowtrace_mcp.errors import BusyError, NotFoundError, StorageError
from flowtrace_mcp.model.memory import ChangeAction, Memory
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.documents import document_of
from flowtrace_mcp.services.showing import without_secrets
from flowtrace_mcp.services.upkeep import embed_pending
from flowtrace_mcp.storage.memory_journal import Turned


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken back or done again, and the memories as they stand now."""

    action: ChangeAction
    is_redo: bool
    changed_us: int
    agent: str
    session: str
    memories: tuple[Memory, ...]


def undo(context: Context, caller: Caller, *, redo: bool = False) -> Undone:
    """Take back the last change of the caller's project: what was stored, retired, counted up.

    Each further call takes back the one before it, up to a removal for good. ``redo`` does
    again what was taken back last, as long as nothing was changed since.

    Raises:
        NotFoundError: Nothing is there to undo, or to do again.
        InputError: It cannot be undone, or done again; the error says why.
    """
    project_id = place_of(context, caller).project_id
    journal = context.store.journal
    turn = journal.redo if redo else journal.undo
    turned = turn(project_id, context.now_us(), document_of)
    if turned is None:
        raise NotFoundError(
            "nothing to do again" if redo else "nothing to undo",
            why="nothing was undone in this project"
            if redo
            else "no change of this project's memories is known",
            mend="see what there is with `flowtrace recall`",
        )
    with suppress(StorageError, BusyError):
        embed_pending(context)  # one that comes back may have gone before it had a vector
    return _undone(context, turned, redo=redo)


def body_of(undone: Undone) -> dict[str, object]:
    """Return what was undone as JSON shows it."""
    body: dict[str, object] = {
        "redone" if undone.is_redo else "undone": undone.action.value,
        "changed": iso_time(undone.changed_us),
        "memories": [
            {
                "id": memory.handle,
                "text": memory.content,
                "state": "in force" if memory.retracted_us is None else "retired",
            }
            for memory in undone.memories
        ],
    }
    told = {"agent": undone.agent, "session": undone.session}
    return body | {name: value for name, value in told.items() if value}


def _undone(context: Context, turned: Turned, *, redo: bool) -> Undone:
    return Undone(
        action=turned.change.action,
        is_redo=redo,
        changed_us=turned.change.changed_us,
        agent=turned.change.agent,
        session=turned.change.session,
        memories=tuple(
            without_secrets(memory, context.settings.redact) for memory in turned.memories
        ),
    )
