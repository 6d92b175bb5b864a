import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from flowtrace_mcp.analytics.bulk import damaged_edges, edges_array
from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.model.edge import EDGE_SIZE_BYTES, NO_PARENT, Edge, pack_edge, unpack_edge
from tests.strategies import edges


@given(st.lists(edges(), max_size=4))
def test_struct_and_dtype_read_the_same_bytes(some: list[Edge]) -> None:
    records = [pack_edge(edge) for edge in some]

    array = edges_array(b"".join(records))

    assert array.shape == (len(some),)
    for row, record in zip(array, records, strict=True):
        fields = dict(zip(array.dtype.names, row.item(), strict=True))
        assert fields.pop("crc32") == zlib.crc32(record[:124])
        assert fields.pop("reserved") == 0
        assert fields == asdict(unpack_edge(record))


def test_ids_keep_the_zero_bytes_at_their_end() -> None:
    edge = Edge(b"\xff" + bytes(15), NO_PARENT, timestamp_us=1, trace_id_high=0)

    (row,) = edges_array(pack_edge(edge))

    assert bytes(row["edge_id"]) == edge.edge_id


def test_the_array_is_a_view_and_not_a_copy() -> None:
    records = pack_edge(Edge(bytes(16), NO_PARENT, timestamp_us=1, trace_id_high=0))

    array = edges_array(records)

    assert np.shares_memory(array, np.frombuffer(records, np.uint8))
    assert not array.flags.writeable


@given(st.lists(edges(), min_size=1, max_size=6), st.data())
def test_each_damaged_edge_is_named_and_no_other(some: list[Edge], data: st.DataObject) -> None:
    harmed = data.draw(st.sets(st.integers(0, len(some) - 1)))
    records = bytearray(b"".join(map(pack_edge, some)))
    for position in harmed:
        offset = data.draw(st.integers(0, EDGE_SIZE_BYTES - 1))
        records[position * EDGE_SIZE_BYTES + offset] ^= 0x40

    assert damaged_edges(bytes(records)) == sorted(harmed)


def test_no_edges_are_an_empty_array_and_none_is_damaged() -> None:
    assert len(edges_array(b"")) == 0
    assert damaged_edges(b"") == []


@pytest.mark.parametrize("size_bytes", [1, 127, 129])
def test_a_part_of_an_edge_is_refused(size_bytes: int) -> None:
    with pytest.raises(DamagedError, match="each edge is 128 bytes"):
        edges_array(bytes(size_bytes))
