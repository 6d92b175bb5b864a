"""All that is stored of a session, a project or a user as one archive, for whom it is about."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.otlp_encoding import trace_json
from flowtrace_mcp.model.memory_lines import MemoryLine
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.services.backups import storage_paths
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.erase import EraseRequest, subject_of
from flowtrace_mcp.services.export_memories import without_secrets
from flowtrace_mcp.services.keys import note_action
from flowtrace_mcp.services.list_logs import LogFilter, list_logs
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.trace_bodies import trace_body
from flowtrace_mcp.services.trace_reading import read_trace
from flowtrace_mcp.storage.erasure_store import Subject
from flowtrace_mcp.storage.traces import Page

TRACES_MOST: Final = 100_000
LOGS_A_PAGE: Final = 500
_TRACES_A_PAGE: Final = 200


def export_subject(context: Context, request: EraseRequest, target: Path) -> dict[str, int]:
    """Write the archive, secrets taken out; return how much of what is in it.

    Raises:
        InputError: It cannot be told whose data, or the file is there already.
    """
    subject = subject_of(context, request)
    if subject.is_of_time_alone:
        raise InputError("cannot tell whose data", why="only a time is named", mend="name more")
    if target.exists():
        raise InputError(
            f"{target.name!r} is there already", why="nothing is overwritten", mend="give another"
        )
    redactor = Redactor(own=context.settings.redact)
    sessions = _session_names(context, subject)
    counts: dict[str, int] = {}
    with storage_paths():
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, bodies in (
                ("memories.jsonl", _memories(context, subject, redactor)),
                ("traces.jsonl", _traces(context, subject, sessions, redactor)),
                ("logs.jsonl", _logs(context, subject, sessions, redactor)),
            ):
                counts[name.partition(".")[0]] = _write(archive, name, bodies)
            counts["redactions"] = redactor.count
            told = {"made_at_us": context.now_us(), "sessions": sessions, "counts": counts}
            archive.writestr("about.json", msgspec.json.format(msgspec.json.encode(told)))
    note_action(context, "export", "all data of a subject")
    return counts


def _write(archive: zipfile.ZipFile, name: str, bodies: Iterator[Any]) -> int:
    count = 0
    with archive.open(name, "w", force_zip64=True) as file:
        for body in bodies:
            file.write(msgspec.json.encode(body) + b"\n")
            count += 1
    return count


def _session_names(context: Context, subject: Subject) -> list[str]:
    if subject.session:
        return [subject.session]
    numbers = context.store.erasure.list_sessions(subject)
    signed = [one - 2**64 if one >= 2**63 else one for one in numbers]
    # A session without a name is none, and asking for it would give everybody's traces.
    return sorted(name for name in context.store.spans.get_strings(signed).values() if name)


def _memories(context: Context, subject: Subject, redactor: Redactor) -> Iterator[MemoryLine]:
    since_us, until_us = subject.window_us
    for line in context.store.records.memory_lines(subject.project_id):
        is_named = subject.session in {"", line.session} and subject.user in {"", line.author}
        if is_named and since_us <= line.recorded_us < until_us:
            yield without_secrets(line, redactor)


def _traces(
    context: Context, subject: Subject, sessions: list[str], redactor: Redactor
) -> Iterator[dict[str, Any]]:
    def clean(key: str, text: str) -> str:
        (cleaned,) = redactor.tree({key: text}).values()
        return str(cleaned)

    since_us, until_us = subject.window_us
    for session in sessions:
        page = Page(limit=_TRACES_A_PAGE, since_us=since_us, before_us=until_us)
        for _ in range(TRACES_MOST // _TRACES_A_PAGE):
            rows = context.store.spans.list_traces(page, session=session)
            for row in rows:
                reading = read_trace(context, row.trace_id)
                if reading is None:
                    continue
                body = msgspec.json.decode(msgspec.json.encode(trace_body(reading, "")))
                spans = context.store.spans.list_trace_spans(row.trace_id)
                sent = trace_json([one.payload for one in spans if one.payload], clean)
                yield {**redactor.tree(body), "otlp": sent}
            if len(rows) < _TRACES_A_PAGE:
                break
            last = rows[-1]
            page = Page(
                limit=_TRACES_A_PAGE,
                since_us=since_us,
                before_us=last.start_us,
                before_id=int.from_bytes(last.trace_id[8:], "big", signed=True),
            )


def _logs(
    context: Context, subject: Subject, sessions: list[str], redactor: Redactor
) -> Iterator[dict[str, Any]]:
    since_us, until_us = subject.window_us
    for session in sessions:
        wanted = LogFilter(session=session, window=Window(since_us=since_us, until_us=until_us))
        position = None
        while True:
            listed = list_logs(context, wanted, position, LOGS_A_PAGE)
            for row in listed.items:
                yield redactor.tree(msgspec.json.decode(msgspec.json.encode(row)))
            position = listed.next
            if position is None:
                break
