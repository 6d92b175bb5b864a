"""What a copy of a file holds, taken into the file that is in use, by identity."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace as replace_fields

from flowtrace_mcp.ingest.otlp_encoding import logs_request, metrics_request, trace_request
from flowtrace_mcp.ingest.pipeline import Outcome, Pipeline
from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.model.memory_lines import Arrival
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_files import write_lines
from flowtrace_mcp.services.export_memories import export_lines, open_export
from flowtrace_mcp.services.import_memories import Imported, ImportRequest, import_memories
from flowtrace_mcp.storage.file_copy import Note
from flowtrace_mcp.storage.store import Store

_BINDINGS_A_TIME: Final = 500
_Part: TypeAlias = tuple[int, bytes, Callable[[bytes, PayloadEncoding], Outcome]]
_NOBODY: Final = Caller(project=ProjectIdentity(identity="name:restore", name="restore"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was new of a copy."""

    added: dict[str, int]
    differing: int  # memories of which another version is here; that one stays


def merge_copy(context: Context, copy: Path, note: Note) -> Merged:
    """Take in by identity what a copy holds: each part goes the way on which such parts arrive."""
    with closing(Store(copy, context.now_us)) as source:
        _merge_bindings(context.store, source)
        note(0.05)
        told = _merge_memories(replace(context, store=source), context)
        note(0.3)
        added = _merge_telemetry(context, source, lambda share: note(0.3 + 0.7 * share))
    new, differing = told.arrivals[Arrival.NEW], told.arrivals[Arrival.DIFFERS]
    return Merged(added={"memories": new, **added}, differing=differing)


def _merge_bindings(target: Store, source: Store) -> None:
    """Bind the sessions that the file does not know to their projects, by identity."""
    after = None
    while page := source.projects.list_bindings(after, _BINDINGS_A_TIME):
        target.projects.bind_unbound(page)
        after = page[-1].session_id


def _merge_memories(source: Context, target: Context) -> Imported:
    lines = source.store.path.with_name("memories.jsonl")
    write_lines(lines, export_lines(open_export(source, None)))
    return import_memories(target, ImportRequest(path=lines), _NOBODY)


def _merge_telemetry(context: Context, source: Store, note: Note) -> dict[str, int]:
    """Send what the copy holds of spans, log records and points through our own front door."""
    before, facts = context.store.facts(), source.facts()
    pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
    total = max(facts.span_count + facts.log_count + facts.metric_point_count, 1)
    count = 0
    for size, request, take in chain(
        _spans(context.store, source, pipeline), _records(source, pipeline)
    ):
        if request:
            take(request, PayloadEncoding.PROTOBUF)
        count += size
        note(min(count / total, 1.0))
    after = context.store.facts()
    return {
        "spans": after.span_count - before.span_count,
        "logs": after.log_count - before.log_count,
        "metric_points": after.metric_point_count - before.metric_point_count,
    }


def _spans(target: Store, source: Store, pipeline: Pipeline) -> Iterator[_Part]:
    """Yield the spans that the file lacks; of one that both hold, ours may be the newer."""
    after = -1
    while page := source.span_pages.page_after(after):
        missing = target.span_pages.without_known(page)
        request, _ = trace_request(source.span_pages.payloads_of(missing), _as_it_is)
        yield len(page), request, pipeline.traces
        after = page[-1][0]


def _records(source: Store, pipeline: Pipeline) -> Iterator[_Part]:
    """Yield log records and points; what is there already is known by its digest."""
    bookmark = replace_fields(source.forwardings.begin("merge", 0), stage=int(Signal.LOGS))
    while (batch := source.forwardings.next_batch(bookmark)) is not None:
        if batch.signal == Signal.LOGS:
            yield len(batch.records), logs_request(batch.records, _as_it_is), pipeline.logs
        else:
            yield len(batch.records), metrics_request(batch.records, _as_it_is), pipeline.metrics
        bookmark = batch.then


def _as_it_is(_key: str, text: str) -> str:
    """Return a text unchanged: it does not leave the machine."""
    return text
