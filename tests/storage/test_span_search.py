"""Every filter against a plain look at all spans, in pages of any size."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from flowtrace_mcp.model.edge import Environment, Sensitivity, SpanType
from flowtrace_mcp.model.ids import signed_string_id, string_id
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage import span_search
from flowtrace_mcp.storage.span_search import SpanFilter
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.span_builder import span, span_id

COUNT = 240
MODELS = ("", "opus", "haiku")
TOOLS = ("Bash", "Read", "Edit")
TYPES = (SpanType.CUSTOM, SpanType.TOOL_CALL, SpanType.GENERATION)


def made(number: int, chance: random.Random) -> SpanWrite:
    model = chance.choice(MODELS)
    span_type = chance.choice(TYPES)
    return span(
        number,
        trace_id=(number % 20 + 1).to_bytes(16, "big"),
        parent_span_id=b"" if number % 7 == 0 else span_id(number + 1),
        start_us=START_US + chance.randrange(5) * 3 * HOUR_US + chance.randrange(HOUR_US),
        duration_us=chance.choice((0, 255, 256, 65_536, 5_000_000, 2**33)),
        session=f"s-{number % 5}",
        agent=f"agent-{number % 3}",
        provider="anthropic" if model == "opus" else "",
        model=model,
        tool=chance.choice(TOOLS) if span_type is SpanType.TOOL_CALL else "",
        span_type=span_type,
        status=chance.choice((0, 1, 1, 2)),
        environment=chance.choice((Environment.DEVELOPMENT, Environment.PRODUCTION)),
        sensitivity=chance.choice((Sensitivity.NONE, Sensitivity.PII, Sensitivity.SECRET)),
        usage=TokenUsage(input=chance.randrange(1_000), output=5) if model else None,
        cost_usd=chance.choice((None, 0.01, 0.5)) if model else None,
    )


def words_of(number: int) -> str:
    return f"word{number % 4} half{number % 2} ses{string_id(f's-{number % 5}')} prj0"


@pytest.fixture
def spans(store: Store) -> list[SpanWrite]:
    chance = random.Random(7)
    spans = [made(number, chance) for number in range(1, COUNT + 1)]
    store.spans.insert_spans(spans).result(8)
    numbers = {each.span_id: at for at, each in enumerate(spans, 1)}
    keyed = store.spans.list_edges((0, 2**52), 1_000)
    documents = [(key, words_of(numbers[edge.span_id])) for key, edge in keyed]
    store.span_texts.insert_documents(documents, {})
    return spans


def walked(store: Store, limit: int, **wanted: Any) -> list[bytes]:
    """Return the ids of all spans that fit, page after page."""
    found: list[bytes] = []
    place = None
    for _ in range(COUNT * 3):
        page = store.span_texts.search(SpanFilter(**wanted), place, limit)
        assert len(page.spans) <= limit
        found += [each.edge[8:16] for each in page.spans]
        if page.next is None:
            return found
        assert place is None or page.next < place, "each page goes on behind the one before"
        place = page.next
    raise AssertionError("the list does not end")


def expected(spans: list[SpanWrite], fits: Callable[[SpanWrite], object]) -> list[bytes]:
    chosen = [each for each in spans if fits(each)]
    return [each.span_id for each in sorted(chosen, key=lambda each: -each.start_us)]


def number_of(each: SpanWrite) -> int:
    return int.from_bytes(each.span_id, "big")


def tokens_of(each: SpanWrite) -> int:
    return (each.usage.input or 0) + 5 if each.usage else 0


OPUS = signed_string_id("opus")
CASES: dict[str, tuple[dict[str, Any], Callable[[SpanWrite], object]]] = {
    "all": ({}, lambda s: True),
    "a window": (
        {"since_us": START_US + 3 * HOUR_US, "until_us": START_US + 6 * HOUR_US},
        lambda s: 3 * HOUR_US <= s.start_us - START_US < 6 * HOUR_US,
    ),
    "a session": ({"session_id": string_id("s-2")}, lambda s: s.session == "s-2"),
    "no session of that name": ({"session_id": 77}, lambda s: False),
    "a trace": (
        {"trace_id": (3).to_bytes(16, "big")},
        lambda s: s.trace_id == (3).to_bytes(16, "big"),
    ),
    "another half of a trace": ({"trace_id": b"\1" + (3).to_bytes(15, "big")}, lambda s: False),
    "an agent": ({"agent_id": signed_string_id("agent-1")}, lambda s: s.agent == "agent-1"),
    "a tenant": ({"tenant_id": 0}, lambda s: True),
    "another tenant": ({"tenant_id": 1}, lambda s: False),
    "a project": ({"project_id": 0}, lambda s: True),
    "failures": ({"status": 2}, lambda s: s.status == 2),
    "successes": ({"status": 1}, lambda s: s.status == 1),
    "a model": ({"model_ids": (OPUS,)}, lambda s: s.model == "opus"),
    "models": (
        {"model_ids": (OPUS, signed_string_id("haiku"))},
        lambda s: s.model in ("opus", "haiku"),
    ),
    "a provider": (
        {"provider_id": signed_string_id("anthropic")},
        lambda s: s.provider == "anthropic",
    ),
    "a tool": ({"tool_ids": (signed_string_id("Read"),)}, lambda s: s.tool == "Read"),
    "types": (
        {"span_types": (3, 15)},
        lambda s: s.span_type in (SpanType.TOOL_CALL, SpanType.GENERATION),
    ),
    "an environment": ({"environment": 2}, lambda s: s.environment == Environment.PRODUCTION),
    "sensitive": ({"sensitivity": 3}, lambda s: s.sensitivity),
    "not personal": ({"not_sensitivity": 1}, lambda s: not s.sensitivity & Sensitivity.PII),
    "roots": ({"is_root": True}, lambda s: not s.parent_span_id),
    "long": ({"min_duration_us": 65_536}, lambda s: s.duration_us >= 65_536),
    "longer": ({"min_duration_us": 5_000_001}, lambda s: s.duration_us > 5_000_000),
    "a byte long": ({"min_duration_us": 255}, lambda s: s.duration_us >= 255),
    "not short": ({"min_duration_us": 0}, lambda s: True),
    "short": ({"max_duration_us": 255}, lambda s: s.duration_us <= 255),
    "beyond all": ({"min_duration_us": 2**64}, lambda s: False),
    "up to all": ({"max_duration_us": 2**64}, lambda s: True),
    "tokens": (
        {"min_tokens": 300, "max_tokens": 700},
        lambda s: 300 <= tokens_of(s) <= 700,
    ),
    "dear": ({"min_cost_usd": 0.1}, lambda s: (s.cost_usd or 0) >= 0.1),
    "cheap": ({"max_cost_usd": 0.1}, lambda s: s.cost_usd == 0.01),
    "a word": ({"words": ("word1",)}, lambda s: number_of(s) % 4 == 1),
    "two words": ({"words": ("word1", "half1")}, lambda s: number_of(s) % 4 == 1),
    "words that never meet": ({"words": ("word1", "half0")}, lambda s: False),
    "words of a session": (
        {"words": ("half1",), "session_id": string_id("s-2")},
        lambda s: number_of(s) % 2 and s.session == "s-2",
    ),
    "words of a project": ({"words": ("half1",), "project_id": 0}, lambda s: number_of(s) % 2),
    "words in a window": (
        {"words": ("half1",), "until_us": START_US + 6 * HOUR_US},
        lambda s: number_of(s) % 2 and s.start_us < START_US + 6 * HOUR_US,
    ),
    "everything at once": (
        {
            "words": ("half1",),
            "status": 2,
            "environment": 2,
            "min_duration_us": 256,
            "agent_id": signed_string_id("agent-1"),
        },
        lambda s: (
            number_of(s) % 2
            and s.status == 2
            and s.environment == Environment.PRODUCTION
            and s.duration_us >= 256
            and s.agent == "agent-1"
        ),
    ),
    "a failed call of a model": (
        {"status": 2, "model_ids": (OPUS,), "project_id": 0},
        lambda s: s.status == 2 and s.model == "opus",
    ),
}


@pytest.mark.parametrize("limit", [3, 1_000])
@pytest.mark.parametrize("case", CASES)
def test_a_filter_finds_what_a_plain_look_finds(
    case: str, limit: int, store: Store, spans: list[SpanWrite]
) -> None:
    wanted, fits = CASES[case]

    assert walked(store, limit, **wanted) == expected(spans, fits)


@pytest.mark.parametrize("case", ["all", "a model", "dear", "words of a session", "failures"])
def test_a_page_looks_at_a_bounded_number_of_spans_and_the_next_goes_on(
    case: str, store: Store, spans: list[SpanWrite], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_search, "SCAN_LIMIT", 10)
    monkeypatch.setattr(span_search, "HOURS_LIMIT", 1)
    wanted, fits = CASES[case]

    assert walked(store, 5, **wanted) == expected(spans, fits)


def test_spans_that_are_sent_again_are_found_by_what_they_are_now(store: Store) -> None:
    store.spans.insert_spans([span(1, model="opus", usage=TokenUsage(input=1))]).result(8)
    store.spans.insert_spans([span(1, model="haiku", usage=TokenUsage(input=1), raw=b"x")]).result(
        8
    )

    assert walked(store, 5, model_ids=(OPUS,)) == []
    assert walked(store, 5, model_ids=(signed_string_id("haiku"),)) == [span_id(1)]
