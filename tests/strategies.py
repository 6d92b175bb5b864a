"""Hypothesis strategies for the types that every layer shares."""

from typing import Any

from hypothesis import strategies as st

from flowtrace_mcp.model.edge import (
    NO_PARENT,
    U16_MAX,
    U32_MAX,
    U64_MAX,
    Edge,
    EdgeFlag,
    Environment,
    Sensitivity,
    SpanStatus,
    SpanType,
)
from flowtrace_mcp.model.memory import MemoryKind, ScopeName
from flowtrace_mcp.model.memory_lines import MemoryLine
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US
from flowtrace_mcp.model.usage import TokenUsage

u8s = st.integers(0, 255)
u16s = st.integers(0, U16_MAX)
u32s = st.integers(0, U32_MAX)
u64s = st.integers(0, U64_MAX)
times_us = st.integers(EARLIEST_US, LATEST_US - 1)
floats_f32 = st.floats(width=32, allow_nan=False)
edge_ids = st.binary(min_size=16, max_size=16)
trace_ids = edge_ids.filter(any)
span_ids = st.binary(min_size=8, max_size=8).filter(any)

# Any text a program can hold, NUL and lone surrogates included.
rough_texts = st.text(st.one_of(st.characters(exclude_categories=()), st.just("\x00")))


def edges() -> st.SearchStrategy[Edge]:
    """Return edges with every field anywhere in its range, known enumerations and unknown ones."""
    return st.builds(
        Edge,
        edge_id=edge_ids,
        causal_parent=st.one_of(st.just(NO_PARENT), edge_ids),
        timestamp_us=u64s,
        trace_id_high=u64s,
        session_id=u64s,
        agent_id=u64s,
        tenant_id=u64s,
        logical_clock=u64s,
        duration_us=u64s,
        input_token_count=u32s,
        output_token_count=u32s,
        token_count=u32s,
        confidence=floats_f32,
        sampling_rate=floats_f32,
        project_id=u16s,
        span_type=st.one_of(st.sampled_from(SpanType), u16s),
        status=st.one_of(st.sampled_from(SpanStatus), u8s),
        kind=u8s,
        environment=st.one_of(st.sampled_from(Environment), u8s),
        sensitivity=st.one_of(st.sampled_from(Sensitivity), u8s),
        flags=st.one_of(st.sampled_from(EdgeFlag), u16s),
        ttl_hours=u16s,
        parent_count=u8s,
    )


def token_usages() -> st.SearchStrategy[TokenUsage]:
    """Return usages in which each count is known or not."""
    counts = st.one_of(st.none(), u32s)
    return st.builds(
        TokenUsage,
        input=counts,
        cache_read=counts,
        cache_write=counts,
        output=counts,
        reasoning=counts,
    )


def memory_lines() -> st.SearchStrategy[MemoryLine]:
    """Return memories with a whole history, of any text that the file can hold."""
    texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
    moments = st.integers(EARLIEST_US, LATEST_US - 1)
    ends = st.one_of(st.none(), moments)
    rows = st.lists(st.tuples(texts, texts, moments, ends), max_size=3, unique_by=lambda r: r[:3])
    values = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), texts)
    return st.builds(
        MemoryLine,
        id=st.binary(min_size=16, max_size=16).map(bytes.hex),
        project=st.sampled_from(["git:example.com/o/shop", "name:other"]),
        kind=st.sampled_from(MemoryKind),
        scope=st.sampled_from([ScopeName.REPO, ScopeName.BRANCH, ScopeName.SESSION]),
        content=texts,
        topic=texts,
        branch=texts,
        session=texts,
        sequence=st.integers(0, 2**40),
        author=texts,
        agent=texts,
        recorded_us=moments,
        retracted_us=ends,
        retraction=texts,
        valid_from_us=moments,
        valid_to_us=ends,
        seen_count=st.integers(1, 100),
        last_seen_us=moments,
        tags=rows.map(tuple),
        aliases=rows.map(tuple),
        files=rows.map(tuple),
        lapses=st.lists(
            st.tuples(moments, moments, texts), max_size=2, unique_by=lambda lapse: lapse[0]
        ).map(lambda lapses: tuple(sorted(lapses))),
        metadata=st.dictionaries(
            texts, st.one_of(values, st.lists(values, max_size=2)), max_size=2
        ).map(sorted_keys),
        trace_id=st.one_of(st.just(b""), trace_ids).map(bytes.hex),
        span_id=st.one_of(st.just(b""), span_ids).map(bytes.hex),
        tool_call_id=texts,
    )


def sorted_keys(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping in the order in which the file keeps it."""
    return dict(sorted(metadata.items()))
