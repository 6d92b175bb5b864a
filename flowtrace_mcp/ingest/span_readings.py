"""The meaning of a batch of spans: what spans of one make have in common is read once.

A sender's spans differ in their ids, texts and counts, and rarely in anything that decides what
kind of work they are. Of such a span only the former are read again: 2.4 us instead of 5.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from msgspec.structs import replace

from flowtrace_mcp.ingest.conventions import Concept, concept_of
from flowtrace_mcp.ingest.span_facts import facts_of, text
from flowtrace_mcp.ingest.token_counts import plain_usage_of
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import Attributes, SpanRecord

# Concepts that decide nothing but a fact of their own name.
_OWN: Final = frozenset(("response_id", "session", "turn", "user", "tool_call_id"))
_COUNTS: Final[tuple[Concept, ...]] = ("input", "output", "cache_read", "cache_write", "reasoning")
# Concepts whose value is one of a few words. What is in none of the three is read every time.
_TELLING: Final = frozenset(
    (
        "kind",
        "provider",
        "request_model",
        "response_model",
        "service_tier",
        "agent",
        "agent_node",
        "entity",
        "tool",
        "agent_tool",
        "tool_server",
        "prompt_name",
        "prompt_version",
        "http",
        "database",
    )
)


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Where spans with certain attributes, whatever their values, hold what matters."""

    telling: Callable[[Attributes], Any]
    own: tuple[tuple[str, str], ...]  # fact and key
    counts: tuple[str | None, ...]  # keys in the order of _COUNTS; empty when there are none


class Readings:
    """Reads the spans of one batch: resources and scopes are told apart by identity."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], SpanFacts] = {}

    def facts_of(self, record: SpanRecord) -> SpanFacts:
        """Return what ``span_facts.facts_of`` does."""
        attributes = record.attributes
        shape = _shape_of(tuple(attributes))
        if shape is None or record.event_count or record.status == SpanStatus.ERROR:
            return facts_of(record)
        usage = None
        if shape.counts:
            usage = plain_usage_of(attributes, shape.counts)
            if usage is None:
                return facts_of(record)
        make = (
            shape,
            shape.telling(attributes),
            record.name,
            record.kind,
            not record.parent_span_id,
            id(record.resource),
            id(record.scope),
        )
        try:
            known = self._known.get(make)
        except TypeError:  # a list where a word belongs
            return facts_of(record)
        if known is None:
            return self._first_of(make, record)
        facts = replace(known, usage=usage)
        for fact, key in shape.own:
            value = attributes[key]
            setattr(facts, fact, value if type(value) is str else text(value))
        if not facts.session and "session.id" in record.resource.attributes:
            facts.session = text(record.resource.attributes["session.id"])
        return facts

    def _first_of(self, make: tuple[Any, ...], record: SpanRecord) -> SpanFacts:
        facts = facts_of(record)
        told = make[1] if isinstance(make[1], tuple) else (make[1],)
        if all(isinstance(word, str) for word in told):  # 1 and True are one key, and two words
            self._known[make] = facts
        return facts


@lru_cache(maxsize=256)
def _shape_of(keys: tuple[str, ...]) -> _Shape | None:
    """Return the shape of spans with these attributes, None where all must be read every time."""
    telling: list[str] = []
    single: dict[str, str] = {}
    for key in keys:
        concept = concept_of(key)
        if concept is None:
            continue
        if concept in _TELLING:
            telling.append(key)
        elif concept in single or not (concept in _OWN or concept in _COUNTS):
            return None
        else:
            single[concept] = key
    counts = tuple(single.get(concept) for concept in _COUNTS)
    own = tuple((concept, key) for concept, key in single.items() if concept in _OWN)
    get = itemgetter(*telling) if telling else _nothing
    return _Shape(get, own, counts if any(counts) else ())


def _nothing(_: Attributes) -> tuple[()]:
    return ()
