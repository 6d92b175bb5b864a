import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flowtrace_mcp.errors import DamagedError, InputError
from flowtrace_mcp.model.edge import (
    EDGE_SIZE_BYTES,
    NO_PARENT,
    U16_MAX,
    U32_MAX,
    U64_MAX,
    Edge,
    pack_edge,
    unpack_edge,
    with_flags,
    with_project,
)
from tests.strategies import edges, span_ids, trace_ids, u16s

PLAIN = Edge(
    edge_id=bytes(range(16)),
    causal_parent=NO_PARENT,
    timestamp_us=1_700_000_000_000_000,
    trace_id_high=7,
)

# Each field with the first value above its place.
TOO_LARGE = {
    "timestamp_us": U64_MAX + 1,
    "trace_id_high": U64_MAX + 1,
    "duration_us": U64_MAX + 1,
    "input_token_count": U32_MAX + 1,
    "token_count": U32_MAX + 1,
    "confidence": 3.5e38,
    "project_id": U16_MAX + 1,
    "span_type": U16_MAX + 1,
    "status": 256,
    "parent_count": 256,
}


@given(edges())
def test_unpacking_a_packed_edge_gives_it_back(edge: Edge) -> None:
    record = pack_edge(edge)

    assert len(record) == EDGE_SIZE_BYTES
    assert unpack_edge(record) == edge


@given(edges(), st.integers(0, EDGE_SIZE_BYTES * 8 - 1))
def test_one_flipped_bit_anywhere_is_detected(edge: Edge, bit: int) -> None:
    record = bytearray(pack_edge(edge))
    record[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DamagedError):
        unpack_edge(bytes(record))


@given(edges(), st.binary(max_size=2 * EDGE_SIZE_BYTES))
def test_a_record_of_another_length_is_detected(edge: Edge, extra: bytes) -> None:
    record = pack_edge(edge)

    for wrong in (record[: len(extra) % EDGE_SIZE_BYTES], record + extra + b"\x00"):
        with pytest.raises(DamagedError, match="an edge is 128 bytes"):
            unpack_edge(wrong)


def test_a_record_of_another_schema_version_is_refused() -> None:
    head = bytearray(pack_edge(PLAIN)[:124])
    head[120] = 4
    record = bytes(head) + struct.pack("<I", zlib.crc32(head))

    with pytest.raises(DamagedError, match="schema version 4"):
        unpack_edge(record)


def test_an_edge_of_another_schema_version_is_not_packed() -> None:
    with pytest.raises(InputError, match="schema version 2"):
        pack_edge(replace(PLAIN, schema_version=2))


@pytest.mark.parametrize(
    "ids", [{"edge_id": b"short"}, {"causal_parent": bytes(17)}, {"edge_id": b""}]
)
def test_an_id_of_another_length_is_not_padded_but_refused(ids: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="16 bytes"):
        pack_edge(replace(PLAIN, **ids))


@pytest.mark.parametrize("field", TOO_LARGE)
def test_a_value_that_does_not_fit_its_place_is_refused(field: str) -> None:
    with pytest.raises(InputError, match="does not fit its place"):
        pack_edge(replace(PLAIN, **{field: TOO_LARGE[field]}))


@pytest.mark.parametrize("field", sorted(TOO_LARGE.keys() - {"confidence"}))
def test_a_negative_value_is_refused(field: str) -> None:
    with pytest.raises(InputError, match="does not fit its place"):
        pack_edge(replace(PLAIN, **{field: -1}))


@given(edges(), u16s)
def test_binding_to_a_project_changes_the_project_and_nothing_else(
    edge: Edge, project_id: int
) -> None:
    record = with_project(pack_edge(edge), project_id)

    assert record == pack_edge(replace(edge, project_id=project_id))


def test_binding_to_a_project_does_not_hide_damage() -> None:
    record = bytearray(pack_edge(PLAIN))
    record[0] ^= 1

    with pytest.raises(DamagedError):
        with_project(bytes(record), 1)


@given(edges(), u16s)
def test_other_flags_change_the_flags_and_nothing_else(edge: Edge, flags: int) -> None:
    assert with_flags(pack_edge(edge), flags) == pack_edge(replace(edge, flags=flags))


def test_other_flags_do_not_hide_damage() -> None:
    record = bytearray(pack_edge(PLAIN))
    record[0] ^= 1

    with pytest.raises(DamagedError):
        with_flags(bytes(record), 1)


@pytest.mark.parametrize("project_id", [-1, U16_MAX + 1])
def test_a_project_that_does_not_fit_is_refused(project_id: int) -> None:
    with pytest.raises(InputError, match="project"):
        with_project(pack_edge(PLAIN), project_id)


@given(trace_ids, span_ids)
def test_the_trace_and_span_ids_are_read_back_whole(trace_id: bytes, span_id: bytes) -> None:
    edge = replace(
        PLAIN,
        edge_id=trace_id[8:] + span_id,
        trace_id_high=int.from_bytes(trace_id[:8], "big"),
    )

    assert edge.trace_id == trace_id
    assert edge.span_id == span_id


@given(span_ids)
def test_the_parent_is_a_span_id_and_a_root_has_none(span_id: bytes) -> None:
    assert PLAIN.parent_span_id is None
    assert replace(PLAIN, causal_parent=bytes(8) + span_id).parent_span_id == span_id
