"""The one shape of an insight, whatever found it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal, get_args

Severity = Literal["info", "low", "medium", "high", "critical"]
InsightType = Literal[
    "latency_anomaly",
    "error_rate_anomaly",
    "cost_anomaly",
    "token_usage_spike",
    "traffic_anomaly",
    "failure_pattern",
    "performance_regression",
]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)  # rising
TYPES: Final[tuple[InsightType, ...]] = get_args(InsightType)
TRACES_SHOWN: Final = 3
_ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """One thing that somebody may want to know."""

    id: str  # the same while it is the same thing
    insight_type: InsightType
    severity: Severity
    confidence: float  # 0 to 1
    summary: str
    description: str
    related_trace_ids: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()


def insight_id(*parts: object) -> str:
    """Return the id of what these parts name, in hex."""
    told = "\x1f".join(map(str, parts))
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).hexdigest()


def traces_shown(trace_ids: Iterable[bytes]) -> tuple[str, ...]:
    """Return the first few different traces, in hex."""
    return tuple(one.hex() for one in list(dict.fromkeys(trace_ids))[:TRACES_SHOWN])
