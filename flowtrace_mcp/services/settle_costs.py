"""Stored costs brought up to what a whole trace says, so that lists show what the trace shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_reading import read_trace
from flowtrace_mcp.storage.traces import Page

# A run of upkeep takes so many; the others wait for the next.
TRACES_A_RUN: Final = 100
PAGE_TRACES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was gone through, and what was changed."""

    trace_count: int
    call_count: int  # calls that have another cost now


def settle_waiting(context: Context) -> int:
    """Settle traces of whose calls a log event told lately; return how many calls it changed."""
    waiting = context.unsettled.take(TRACES_A_RUN)
    return sum(settle_trace(context, trace_id) for trace_id in waiting)


def settle_trace(context: Context, trace_id: bytes, *, at_new_prices: bool = False) -> int:
    """Store the costs that a trace shows; return how many calls have another one now.

    Args:
        context: The means of the program.
        trace_id: 16 bytes.
        at_new_prices: Whether calls that have only a price cost what it is today, and not what it
            was when they arrived.
    """
    reading = read_trace(context, trace_id, at_new_prices=at_new_prices)
    costs = (
        {}
        if reading is None
        else {
            span.record.span_id: span.facts.cost_usd
            for span in reading.spans
            if span.cost.origin and span.facts.cost_usd is not None
        }
    )
    return context.store.spans.update_costs(trace_id, costs) if costs else 0


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
