"""LiteLLM's price map turned into ours: fewer keys, one meaning, USD per million tokens."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp.model.price import TOKENS_PER_RATE, Price, Rates

# The kinds of models whose calls are paid by tokens of text.
_MODES: Final = frozenset(
    ("chat", "responses", "completion", "embedding", "rerank", "moderation", "realtime")
)
_WITHOUT_OUTPUT: Final = frozenset(("embedding", "rerank", "moderation"))
_CLASSES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
}
_SERVICES: Final = {"": "standard", "batches": "batch", "flex": "flex", "priority": "priority"}
_KEY: Final = re.compile(
    rf"(?P<name>{'|'.join(sorted(_CLASSES, key=len, reverse=True))})"
    r"(?:_above_(?P<above>\d+)k_tokens)?"
    r"(?:_(?P<service>batches|flex|priority))?"
)
# For these the map's 0 means free. Elsewhere it fills in for what nobody has looked up.
_FREE: Final = frozenset(("ollama", "lemonade"))
_FREE_NAMES: Final = (":free", "-free")

_Tiers = dict[str, dict[int, dict[str, float]]]


def prices_from(price_map: Mapping[str, Any]) -> dict[str, Price]:
    """Return the prices per token of text that a map in LiteLLM's shape holds, by its keys."""
    found = {name: _price(name, entry) for name, entry in price_map.items()}
    return {name: price for name, price in sorted(found.items()) if price is not None}


def _price(name: str, entry: Any) -> Price | None:
    if not isinstance(entry, Mapping) or entry.get("mode", "chat") not in _MODES:
        return None
    provider = str(entry.get("litellm_provider") or "")
    tiers = _tiers(entry)
    usual = tiers["standard"].get(0, {})
    if "input" not in usual or name == "sample_spec":
        return None
    if not any(usual.values()) and provider not in _FREE and not name.endswith(_FREE_NAMES):
        return None
    context = entry.get("max_input_tokens")
    return Price(
        provider=provider,
        mode=str(entry.get("mode", "")),
        context_tokens=context if isinstance(context, int) else 0,
        **{service: _rates(by_size) for service, by_size in tiers.items()},
    )


def _tiers(entry: Mapping[str, Any]) -> _Tiers:
    tiers: _Tiers = {service: {} for service in _SERVICES.values()}
    for key, value in entry.items():
        match = _KEY.fullmatch(key)
        if match is not None and _is_price(value):
            service = _SERVICES[match["service"] or ""]
            above = int(match["above"] or 0) * 1000
            rates = tiers[service].setdefault(above, {})
            rates[_CLASSES[match["name"]]] = _per_million(value)
    listed = entry.get("tiered_pricing")
    for tier in listed if isinstance(listed, list) else ():
        above = int(tier["range"][0])
        said = {
            name: _per_million(tier[key])
            for key, name in _CLASSES.items()
            if _is_price(tier.get(key))
        }
        tiers["standard"].setdefault(above, {}).update(said)
    _fill(tiers, entry)
    return tiers


def _fill(tiers: _Tiers, entry: Mapping[str, Any]) -> None:
    """Say what the map leaves to the reader."""
    usual = tiers["standard"].get(0, {})
    if entry.get("mode") in _WITHOUT_OUTPUT and "input" in usual:
        usual.setdefault("output", 0.0)
    for service in ("batch", "flex", "priority"):
        rates = tiers[service].get(0, {})
        if "cache_write_1h" in usual and usual.get("cache_write") and "cache_write" in rates:
            share = rates["cache_write"] / usual["cache_write"]
            rates.setdefault("cache_write_1h", _per_million(usual["cache_write_1h"] * share / 1e6))


def _rates(by_size: Mapping[int, Mapping[str, float]]) -> tuple[Rates, ...]:
    return tuple(
        msgspec.convert({"above_tokens": above, **rates}, Rates)
        for above, rates in sorted(by_size.items())
    )


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _per_million(usd_per_token: float) -> float:
    # Ten digits undo what binary fractions add: 4e-07 * 1,000,000 is 0.39999999999999997.
    return float(f"{usd_per_token * TOKENS_PER_RATE:.10g}")
