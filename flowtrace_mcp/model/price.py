"""What a model costs, and what one call of it cost: rates are USD per million tokens."""

from typing import Final, Literal, TypeAlias

import msgspec

from flowtrace_mcp.model.usage import TokenUsage

Service: TypeAlias = Literal["standard", "batch", "flex", "priority"]

TOKENS_PER_RATE: Final = 1_000_000
CLASSES: Final = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
_DIGITS: Final = 12  # of a dollar; one token of the cheapest model costs 1e-9


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """USD per million tokens of each class; None = nobody says."""

    above_tokens: int = 0  # holds for calls whose whole input is larger than this
    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None  # of what the cache is to keep for an hour
    reasoning: float | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All rates of a model at one provider; each list begins with the rates of short calls."""

    provider: str = ""
    mode: str = ""  # chat, responses, completion, embedding, ...
    context_tokens: int = 0  # the longest input; 0 = not known
    standard: tuple[Rates, ...] = ()
    batch: tuple[Rates, ...] = ()
    flex: tuple[Rates, ...] = ()
    priority: tuple[Rates, ...] = ()

    def tiers(self, service: Service = "standard") -> tuple[Rates, ...]:
        """Return the lists that hold for a service, the more general rates first."""
        special: tuple[Rates, ...] = () if service == "standard" else getattr(self, service)
        return (*self.standard, *special)


def rates_for(price: Price, input_count: int, service: Service = "standard") -> Rates:
    """Return the rates of a call with so much input, cache included.

    The rates of the highest tier that the input is above hold for the whole call. What a tier or
    a service does not say is as for short or usual calls. A cache without a rate of its own costs
    what input costs, an hour of it what a cache costs, reasoning what output costs.
    """
    found: dict[str, float] = {}
    for tier in price.tiers(service):
        if not tier.above_tokens or input_count > tier.above_tokens:
            found |= {name: rate for name in CLASSES if (rate := getattr(tier, name)) is not None}
    for name, like in (
        ("cache_read", "input"),
        ("cache_write", "input"),
        ("cache_write_1h", "cache_write"),
        ("reasoning", "output"),
    ):
        if name not in found and like in found:
            found[name] = found[like]
    return msgspec.convert(found, Rates)


def cost_at(rates: Rates, usage: TokenUsage, cache_write_1h_count: int = 0) -> float | None:
    """Return what a call cost in USD; None when a count or a rate that matters is not known.

    Args:
        rates: As ``rates_for`` gives them.
        usage: The four disjoint counts; reasoning is a part of output.
        cache_write_1h_count: The part of the cache writes that is kept for an hour.

    Formula:
        sum over the classes of count * rate / 1,000,000.
    """
    fresh, output, at_input, at_output = usage.input, usage.output, rates.input, rates.output
    # Of what is free or not used no more need be known.
    if fresh is None or at_input is None:
        if fresh != 0 and at_input != 0:
            return None
        fresh = at_input = 0
    if output is None or at_output is None:
        if output != 0 and at_output != 0:
            return None
        output = at_output = 0
    total = fresh * at_input + output * at_output
    if usage.reasoning and rates.reasoning is not None:  # a part of output, that is paid apart
        total += min(usage.reasoning, output) * (rates.reasoning - at_output)
    if usage.cache_read:
        if rates.cache_read is None:
            return None
        total += usage.cache_read * rates.cache_read
    if usage.cache_write:
        if rates.cache_write is None or rates.cache_write_1h is None:
            return None
        long = min(cache_write_1h_count, usage.cache_write)
        total += usage.cache_write * rates.cache_write
        total += long * (rates.cache_write_1h - rates.cache_write)
    return round(total / TOKENS_PER_RATE, _DIGITS)
