"""From a request's body to durable rows: decode, read the meaning, store, and only then answer."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.ingest import (
    otlp_json,
    otlp_json_metrics,
    otlp_protobuf,
    otlp_protobuf_metrics,
)
from flowtrace_mcp.ingest.event_spans import spans_of_events
from flowtrace_mcp.ingest.log_writes import log_writes
from flowtrace_mcp.ingest.metric_writes import metric_writes
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.request_parts import Body, request_parts
from flowtrace_mcp.ingest.span_claims import EVENTS_SCOPE
from flowtrace_mcp.ingest.span_writes import span_writes
from flowtrace_mcp.ingest.transcripts.shape import otlp_request
from flowtrace_mcp.ingest.unsettled import UnsettledTraces, model_calls
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.telemetry import PayloadEncoding, Rejected, SpanRecord
from flowtrace_mcp.storage.store import Store

# One write transaction holds the file's lock for the whole of a job, about 20 ms for so many.
ITEMS_PER_JOB: Final = 512
# The next job is made ready while this many wait for the disk.
JOBS_IN_FLIGHT: Final = 2
ANSWER_LIMIT_S: Final = 30.0

_Item = TypeVar("_Item")
_Job: TypeAlias = "Future[Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request; what was accepted is on disk."""

    accepted_count: int
    rejected: Rejected


_Take: TypeAlias = Callable[[bytes, PayloadEncoding], Outcome]


class Pipeline:
    """Takes OTLP bodies of all three signals on the caller's thread.

    Callers take turns at decoding and making ready, and wait for the disk together. There is but
    one interpreter's lock: two that ask for it at once only keep it from the writer's thread.

    Args:
        store: Where everything goes.
        now_us: Microseconds since the epoch; the time of a log record that has none.
        prices: What calls cost; None = by the packaged table alone.
        unsettled: Is told which traces events of model calls belong to.
    """

    def __init__(
        self,
        store: Store,
        now_us: Callable[[], int],
        prices: PriceBook | None = None,
        unsettled: UnsettledTraces | None = None,
    ) -> None:
        self._store = store
        self._prices = prices or PriceBook()
        self._unsettled = unsettled or UnsettledTraces()
        self._now_us = now_us
        self._turn = threading.Lock()

    def traces(self, body: Body, encoding: PayloadEncoding) -> Outcome:
        """Store the spans of an ExportTraceServiceRequest; return once they are durable.

        Raises:
            InputError: The body is not such a request.
            BusyError: The write queue is full or the disk too slow; nothing is lost by a retry.
            StorageError: The file does not take writes.
        """
        return self._in_parts("trace", self._traces, body, encoding)

    def logs(self, body: Body, encoding: PayloadEncoding) -> Outcome:
        """Store the records of an ExportLogsServiceRequest; see ``traces``."""
        return self._in_parts("logs", self._logs, body, encoding)

    def metrics(self, body: Body, encoding: PayloadEncoding) -> Outcome:
        """Store the points of an ExportMetricsServiceRequest; see ``traces``."""
        return self._in_parts("metrics", self._metrics, body, encoding)

    def _in_parts(self, signal: str, take: _Take, body: Body, encoding: PayloadEncoding) -> Outcome:
        """Store a request part by part, so that a large one takes no more memory than a small."""
        parts = request_parts(body, encoding, signal)
        accepted_count, rejected = 0, Rejected()
        while (part := self._next(parts)) is not None:
            outcome = take(part, encoding)
            accepted_count += outcome.accepted_count
            rejected = rejected.plus(outcome.rejected)
        return Outcome(accepted_count=accepted_count, rejected=rejected)

    def _traces(self, body: bytes, encoding: PayloadEncoding) -> Outcome:
        decode = otlp_json if encoding == PayloadEncoding.JSON else otlp_protobuf
        with self._turn:
            records, rejected = decode.decode_traces(body)
        calls: list[SpanWrite] = []
        self._run(self._insertion(part, calls) for part in _parts(records))
        self._unsettled.note_calls(calls)
        return Outcome(accepted_count=len(records), rejected=rejected)

    def _insertion(self, records: Sequence[SpanRecord], calls: list[SpanWrite]) -> _Job:
        """Queue spans; the model calls among them are added to ``calls``."""
        writes = span_writes(records, self._prices)
        calls += model_calls(writes)
        return self._store.spans.insert_spans(writes)

    def _logs(self, body: bytes, encoding: PayloadEncoding) -> Outcome:
        decode = otlp_json if encoding == PayloadEncoding.JSON else otlp_protobuf
        with self._turn:
            records, rejected = decode.decode_logs(body, received_us=self._now_us())
        batches = (log_writes(part) for part in _parts(records))
        self._run(
            self._store.insert_logs(batch.rows, sorted(batch.names), batch.shared, batch.told)
            for batch in batches
        )
        self._unsettled.note_events(records)
        if told := spans_of_events(records):
            self._traces(otlp_request(told, EVENTS_SCOPE), PayloadEncoding.JSON)
        return Outcome(accepted_count=len(records), rejected=rejected)

    def _metrics(self, body: bytes, encoding: PayloadEncoding) -> Outcome:
        is_json = encoding == PayloadEncoding.JSON
        decode = otlp_json_metrics if is_json else otlp_protobuf_metrics
        with self._turn:
            points, rejected = decode.decode_metrics(body)
        batches = (metric_writes(part) for part in _parts(points))
        self._run(self._store.insert_points(batch.rows, sorted(batch.names)) for batch in batches)
        return Outcome(accepted_count=len(points), rejected=rejected)

    def _run(self, jobs: Iterator[_Job]) -> None:
        """Queue jobs as they are made ready and wait until all are durable."""
        waiting: deque[_Job] = deque()
        while (job := self._next(jobs)) is not None:
            waiting.append(job)
            if len(waiting) >= JOBS_IN_FLIGHT:
                _wait(waiting.popleft())
        for job in waiting:
            _wait(job)

    def _next(self, items: Iterator[_Item]) -> "_Item | None":
        with self._turn:
            return next(items, None)


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[at : at + ITEMS_PER_JOB] for at in range(0, len(items), ITEMS_PER_JOB))


def _wait(job: _Job) -> None:
    try:
        job.result(ANSWER_LIMIT_S)
    except TimeoutError as error:
        raise BusyError(
            "the request was not stored in time",
            why=f"no commit within {ANSWER_LIMIT_S:.0f} s",
            mend="send it again; what is there already is not doubled",
        ) from error
