"""What each model call of a trace cost, who says so, and who says otherwise."""

from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from flowtrace_mcp.ingest.call_events import fuller_usage
from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.trace_totals import SpanVerdict
from flowtrace_mcp.model.span_facts import SpanFacts

# How far a sender's figure and ours may be apart before it is noted.
DISAGREEMENT: Final = 0.02


class CallCost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one span, beside the number itself."""

    origin: Literal["", "source", "event", "prices"] = ""  # who says it; "" = nobody
    note: str = ""  # what somebody should know of it


NO_COST: Final = CallCost()


def settle_cost(
    facts: SpanFacts,
    verdict: SpanVerdict,
    told: EventFacts | None,
    stored_usd: float | None,
    prices: PriceBook,
) -> tuple[SpanFacts, CallCost]:
    """Return the facts with their cost, and where that is from.

    The span's own figure wins, then its event's, then the one that was reckoned when the span
    arrived, then what its usage costs now.

    Args:
        facts: What the span says.
        verdict: What it is to its trace.
        told: What a log event says of the same call, if one does.
        stored_usd: What was stored with the span.
        prices: What calls cost.
    """
    if facts.operation not in MODEL_CALLS or facts.is_aggregate or verdict.aggregate:
        return facts, NO_COST if facts.cost_usd is None else CallCost(origin="source")
    whole = facts
    if told is not None:
        whole = replace(
            facts,
            usage=fuller_usage(facts.usage, told.usage),
            cache_write_1h=told.cache_write_1h or facts.cache_write_1h,
        )
    ours = prices.cost_usd(whole, model=verdict.model, provider=verdict.provider)
    if facts.cost_usd is not None:
        return whole, CallCost(origin="source", note=_disagreement(facts.cost_usd, ours))
    if told is not None and told.cost_usd is not None:
        note = _disagreement(told.cost_usd, ours)
        return replace(whole, cost_usd=told.cost_usd), CallCost(origin="event", note=note)
    if stored_usd is not None and whole.usage == facts.usage:
        ours = stored_usd
    if ours is None:
        return whole, CallCost(note=_unknown(whole, verdict))
    return replace(whole, cost_usd=ours), CallCost(origin="prices")


def _disagreement(said: float, ours: float | None) -> str:
    if ours is None or abs(said - ours) <= DISAGREEMENT * max(said, ours):
        return ""
    return f"the sender says {said:.6g} USD, by our prices it is {ours:.6g}"


def _unknown(facts: SpanFacts, verdict: SpanVerdict) -> str:
    if facts.usage is None:
        return ""
    model = facts.model or verdict.model
    return f"no price is known for {model[:80]!r}" if model else "the model is not known"
