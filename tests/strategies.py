"""Hypothesis strategies for the types that every layer shares."""

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
