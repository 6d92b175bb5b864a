"""The whole chain of versions of a fact: what was held true when, who said so, and why it went."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flowtrace_mcp.model.memory import Memory, Outcome
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.evidence import FileChange, changes_of
from flowtrace_mcp.services.handles import find_named_memory
from flowtrace_mcp.services.showing import without_secrets
from flowtrace_mcp.services.taught_by import with_span
from flowtrace_mcp.storage.memory_journal import Version

IN_FORCE: Final = "in force"
RETIRED: Final = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One version of a fact."""

    memory: Memory
    outcome: Outcome
    state: str  # "in force" or "retired"
    older: tuple[str, ...]
    newer: tuple[str, ...]
    lapses: tuple[tuple[int, int, str], ...]  # from, to, reason of retirements that were undone
    changed_files: tuple[FileChange, ...]


def history(context: Context, typed: str, caller: Caller) -> list[HistoryEntry]:
    """Return every version of the fact that a memory states, oldest first.

    Versions are memories that superseded each other, and those of one topic in one layer.

    Raises:
        InputError: Not an id.
        NotFoundError: This project has no such memory.
    """
    project_id = place_of(context, caller).project_id
    memory = find_named_memory(context, typed, project_id)
    versions = context.store.journal.list_versions(memory.handle)
    return [
        _entry(context, version, caller)
        for version in versions
        if version.memory.project_id in (0, project_id)
    ]


def entry_of(entry: HistoryEntry) -> dict[str, object]:
    """Return an entry as JSON shows it: nothing empty but what history is asked for."""
    memory = entry.memory
    shown: dict[str, object] = {
        "id": memory.handle,
        "text": memory.content,
        "kind": memory.kind.value,
        "scope": memory.scope.value,
        "outcome": entry.outcome.value,
        "state": entry.state,
        "recorded": iso_time(memory.recorded_us),
        "recorded_us": memory.recorded_us,
        "valid_from": iso_time(memory.valid_from_us),
        "seen": memory.seen_count,
    }
    optional: dict[str, object] = {
        "topic": memory.topic,
        "valid_to": iso_time(memory.valid_to_us) if memory.valid_to_us is not None else "",
        "supersedes": list(entry.older),
        "superseded_by": list(entry.newer),
        "author": memory.author,
        "agent": memory.agent,
        "session": memory.session,
        "trace": memory.trace_id.hex(),
        "span": memory.span_id.hex(),
        "tool_call": memory.tool_call_id,
        "tags": list(memory.tags),
        "files": list(memory.files),
        "changed": [change.text for change in entry.changed_files],
        "lapses": [_lapse(lapse) for lapse in entry.lapses],
    }
    if memory.retracted_us is not None:
        optional |= {
            "retired": iso_time(memory.retracted_us),
            "retired_us": memory.retracted_us,
            "reason": memory.retraction,
        }
    return {**shown, **_told(optional)}


def _entry(context: Context, version: Version, caller: Caller) -> HistoryEntry:
    memory, redactor = version.memory, Redactor(own=context.settings.redact)
    return HistoryEntry(
        memory=without_secrets(with_span(context, memory), context.settings.redact),
        outcome=version.outcome,
        state=IN_FORCE if memory.retracted_us is None else RETIRED,
        older=version.older,
        newer=version.newer,
        lapses=tuple((begin, end, redactor.text(why)) for begin, end, why in version.lapses),
        changed_files=tuple(
            replace(change, path=redactor.text(change.path))
            for change in changes_of(context.files, caller.folder, memory)
        ),
    )


def _lapse(lapse: tuple[int, int, str]) -> dict[str, str]:
    from_us, to_us, reason = lapse
    return {"from": iso_time(from_us), "to": iso_time(to_us), "reason": reason}


def _told(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in ("", [], ())}
