"""Stored sums brought up to what a whole trace says, so that lists show what the trace shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_reading import ReadSpan, read_trace
from flowtrace_mcp.storage.settled_spans import SettledSpan
from flowtrace_mcp.storage.traces import Page

# A run of upkeep takes no longer, a second apart: ingest keeps nearly all of the process.
RUN_LIMIT_US: Final = 25_000
PAGE_TRACES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was gone through, and what was changed."""

    trace_count: int
    call_count: int  # calls that have another cost now, or count no more


def settle_waiting(context: Context) -> int:
    """Settle some of the traces that wait for it; return how many calls have changed."""
    began_us, count = context.now_us(), 0
    while context.now_us() - began_us < RUN_LIMIT_US:
        trace_id = context.unsettled.take()
        if trace_id is None:
            break
        count += settle_trace(context, trace_id)
    return count


def settle_trace(context: Context, trace_id: bytes, *, at_new_prices: bool = False) -> int:
    """Store which calls of a trace count and what they cost; return how many have changed.

    Args:
        context: The means of the program.
        trace_id: 16 bytes.
        at_new_prices: Whether calls that have only a price cost what it is today, and not what it
            was when they arrived.
    """
    reading = read_trace(context, trace_id, at_new_prices=at_new_prices)
    settled = {} if reading is None else _settled(reading.spans)
    return context.store.spans.settle_spans(trace_id, settled) if settled else 0


def _settled(spans: Sequence[ReadSpan]) -> dict[bytes, SettledSpan]:
    calls = [span for span in spans if span.facts.operation in MODEL_CALLS]
    return {
        span.record.span_id: SettledSpan(counts=span.verdict.counts, cost_usd=span.facts.cost_usd)
        for span in calls
    }


def recompute_costs(context: Context, since_us: int, *, at_new_prices: bool = False) -> Settled:
    """Settle every trace that starts at or after a time, newest first; see ``settle_trace``."""
    trace_count = call_count = 0
    for trace_id in _traces_since(context, since_us):
        trace_count += 1
        call_count += settle_trace(context, trace_id, at_new_prices=at_new_prices)
    return Settled(trace_count=trace_count, call_count=call_count)


def _traces_since(context: Context, since_us: int) -> Iterator[bytes]:
    page = Page(limit=PAGE_TRACES, since_us=since_us)
    while rows := context.store.spans.list_traces(page):
        yield from (row.trace_id for row in rows if row.measures.model_call_count)
        last = rows[-1]
        low = int.from_bytes(last.trace_id[8:], "big", signed=True)
        page = Page(limit=PAGE_TRACES, since_us=since_us, before_us=last.start_us, before_id=low)
