"""Received spans to spans ready for storage: this is the hot path, see ``bench/ingest.py``."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.ingest.conventions import concepts_of
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.span_claims import CLAIMED, authority_of, claims_of, may_claim
from flowtrace_mcp.ingest.span_extras import encode_resource, encode_scope
from flowtrace_mcp.ingest.span_facts import text
from flowtrace_mcp.ingest.span_readings import Readings
from flowtrace_mcp.model.edge import U16_MAX, EdgeFlag, Environment, Sensitivity, SpanType
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.span_write import Authority, SpanWrite
from flowtrace_mcp.model.telemetry import (
    AttributeValue,
    PayloadEncoding,
    Resource,
    SpanRecord,
)
from flowtrace_mcp.storage.payloads import LONG_VALUE_BYTES

_ENVIRONMENTS: Final = {
    "": Environment.DEVELOPMENT,  # not said: a developer's own machine
    "development": Environment.DEVELOPMENT,
    "dev": Environment.DEVELOPMENT,
    "local": Environment.DEVELOPMENT,
    "staging": Environment.STAGING,
    "stage": Environment.STAGING,
    "production": Environment.PRODUCTION,
    "prod": Environment.PRODUCTION,
    "test": Environment.TEST,
    "testing": Environment.TEST,
}
# What a sender may say of a span, or of its resource, about how it is kept.
_SENSITIVITY: Final = "flowtrace.sensitivity"
_TTL_HOURS: Final = "flowtrace.ttl_hours"
_SENSITIVITIES: Final = {
    "pii": Sensitivity.PII,
    "secret": Sensitivity.SECRET,
    "internal": Sensitivity.INTERNAL,
    "no_embed": Sensitivity.NO_EMBED,
}
_TOOL_CALL: Final = int(SpanType.TOOL_CALL)
# Indexed by is_aggregate + 2 * is_noise: combining enum flags costs a microsecond.
_FLAGS: Final = (
    int(EdgeFlag.NONE),
    int(EdgeFlag.AGGREGATE),
    int(EdgeFlag.FOLDED),
    int(EdgeFlag.AGGREGATE | EdgeFlag.FOLDED),
)
# A JSON string with whatever escapes its sender chose; possessive, so never quadratic.
_JSON_STRING: Final = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_PARENTS_LIMIT: Final = 255  # one byte in the edge


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What all spans of one resource share."""

    encoded: bytes
    service: str
    session: str
    environment: Environment
    sensitivity: Sensitivity
    ttl_hours: int


def span_writes(records: Sequence[SpanRecord], prices: PriceBook) -> list[SpanWrite]:
    """Return each span with its meaning read, its cost known, its resource and scope encoded."""
    prices.refresh()
    origins: dict[int, _Origin] = {}  # by identity: `records` keeps the objects alive
    scopes: dict[int, tuple[bytes, bool]] = {}  # encoded, and whether its spans claim anything
    readings = Readings()
    writes = []
    for record in records:
        origin = origins.get(id(record.resource))
        if origin is None:
            origin = origins[id(record.resource)] = _origin(record.resource)
        scope = scopes.get(id(record.scope))
        if scope is None:
            encoded = encode_scope(record.scope)
            scope = scopes[id(record.scope)] = (encoded, may_claim(record.scope.name))
        writes.append(_write(record, readings.facts_of(record), origin, scope, prices))
    return writes


def _write(
    record: SpanRecord,
    facts: SpanFacts,
    origin: _Origin,
    scope: tuple[bytes, bool],
    prices: PriceBook,
) -> SpanWrite:
    cost_usd = facts.cost_usd
    if cost_usd is None and facts.usage is not None:
        cost_usd = prices.cost_usd(facts)
    raw = record.raw
    encoded_scope, claims_something = scope
    claims = claims_of(facts, record) if claims_something and facts.operation in CLAIMED else ()
    ttl_hours = record.attributes.get(_TTL_HOURS)
    write = SpanWrite(
        record.trace_id,
        record.span_id,
        record.parent_span_id,
        record.start_us,
        record.duration_us,
        facts.display or record.name,
        facts.span_type,
        record.status,
        record.kind,
        facts.session or origin.session,
        facts.agent or origin.service,
        facts.user,
        origin.service,
        facts.provider,
        facts.model,
        facts.tool_name if facts.span_type == _TOOL_CALL else "",
        facts.usage,
        cost_usd,
        _FLAGS[facts.is_aggregate + 2 * facts.is_noise],
        origin.environment,
        _sensitivity(record.attributes.get(_SENSITIVITY), origin.sensitivity),
        origin.encoded,
        encoded_scope,
        raw,
        record.encoding,
        tuple(_long_values(record)) if len(raw) > LONG_VALUE_BYTES else (),
        _parent_count(record),
        claims,
        authority_of(record, claims) if claims else Authority.TELEMETRY,
    )
    if facts.prompt_version:
        write.prompt = facts.prompt_version
    if ttl_hours is not None or origin.ttl_hours:
        write.ttl_hours = _hours(ttl_hours) or origin.ttl_hours
    return write


def _origin(resource: Resource) -> _Origin:
    attributes = resource.attributes
    said = attributes.get("deployment.environment.name") or attributes.get("deployment.environment")
    named = said.strip().lower() if isinstance(said, str) else ""
    return _Origin(
        encoded=encode_resource(resource),
        service=resource.service_name,
        session=text(concepts_of(attributes).get("session")),
        environment=_ENVIRONMENTS.get(named, Environment.CUSTOM),
        sensitivity=_sensitivity(attributes.get(_SENSITIVITY), Sensitivity.NONE),
        ttl_hours=_hours(attributes.get(_TTL_HOURS)),
    )


def _sensitivity(said: AttributeValue, otherwise: Sensitivity) -> Sensitivity:
    """Return what a sender says of how sensitive its spans are: words, or a list of them."""
    if said is None:
        return otherwise
    words = said if isinstance(said, list) else str(said).split(",")
    found = otherwise
    for word in words:
        found |= _SENSITIVITIES.get(str(word).strip().lower(), Sensitivity.NONE)
    return found


def _hours(said: AttributeValue) -> int:
    """Return how long a sender wants its spans kept, at most 7 years; 0 = it does not say."""
    text_said = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return min(int(text_said), U16_MAX) if text_said.isascii() and text_said.isdigit() else 0


def _parent_count(record: SpanRecord) -> int:
    """Return how many spans led to this one: its parent and what it links to."""
    return min(record.link_count + bool(record.parent_span_id), _PARENTS_LIMIT)


def _long_values(record: SpanRecord) -> Iterator[bytes]:
    """Yield the attribute values worth keeping once for all spans, as they stand in the span."""
    if record.encoding == PayloadEncoding.JSON:
        for match in _JSON_STRING.finditer(record.raw):
            if len(match[1]) > LONG_VALUE_BYTES:
                yield match[1]
    else:
        yield from _long_leaves(record.attributes.values())


def _long_leaves(values: Iterable[AttributeValue]) -> Iterator[bytes]:
    for value in values:
        if isinstance(value, str | bytes):
            data = value.encode() if isinstance(value, str) else value
            if len(data) > LONG_VALUE_BYTES:
                yield data
        elif isinstance(value, dict):
            yield from _long_leaves(value.values())
        elif isinstance(value, list):
            yield from _long_leaves(value)
