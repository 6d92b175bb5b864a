"""The bytes of an edge are held from three sides: a stored file, the code and the page."""

import re
import struct
import zlib
from pathlib import Path

import pytest
from msgspec.structs import asdict

from flowtrace_mcp.model.edge import (
    EDGE_SIZE_BYTES,
    NO_PARENT,
    U32_MAX,
    U64_MAX,
    Edge,
    EdgeFlag,
    Environment,
    Sensitivity,
    SpanStatus,
    SpanType,
    pack_edge,
    unpack_edge,
)

ROOT = Path(__file__).parents[2]
GOLDEN = (ROOT / "tests/golden/edges-v3.bin").read_bytes()
PAGE = (ROOT / "docs/format/edge.md").read_text(encoding="utf-8")
FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "f32": "<f", "16 bytes": "16s"}

ROOT_EDGE = Edge(
    edge_id=bytes.fromhex("a3ce929d0e0e4736 00f067aa0ba902b7"),
    causal_parent=NO_PARENT,
    timestamp_us=1_795_338_000_000_000,
    trace_id_high=0x4BF92F3577B34DA6,
    session_id=0x0102030405060708,
    agent_id=0x1112131415161718,
    logical_clock=1,
    duration_us=2_500_000,
    project_id=1,
    span_type=SpanType.ROOT,
    status=SpanStatus.OK,
    kind=1,
)
FAILED_TOOL_CALL = Edge(
    edge_id=bytes.fromhex("a3ce929d0e0e4736 53995c3f42cd8ad8"),
    causal_parent=ROOT_EDGE.edge_id,
    timestamp_us=1_795_338_000_250_000,
    trace_id_high=0x4BF92F3577B34DA6,
    session_id=0x0102030405060708,
    agent_id=0x1112131415161718,
    tenant_id=0x2122232425262728,
    logical_clock=2,
    duration_us=4_300_000_000,
    confidence=0.75,
    sampling_rate=0.5,
    project_id=258,
    span_type=SpanType.TOOL_CALL,
    status=SpanStatus.ERROR,
    kind=3,
    environment=Environment.PRODUCTION,
    sensitivity=Sensitivity.SECRET | Sensitivity.NO_EMBED,
    flags=EdgeFlag.PAYLOAD | EdgeFlag.FOLDED,
    ttl_hours=720,
    parent_count=1,
)
LARGEST_MODEL_CALL = Edge(
    edge_id=b"\xff" * 16,
    causal_parent=b"\xff" * 16,
    timestamp_us=U64_MAX,
    trace_id_high=U64_MAX,
    session_id=U64_MAX,
    agent_id=U64_MAX,
    tenant_id=U64_MAX,
    logical_clock=U64_MAX,
    duration_us=U64_MAX,
    input_token_count=U32_MAX,
    output_token_count=U32_MAX,
    token_count=U32_MAX,
    confidence=struct.unpack("<f", b"\xff\xff\x7f\x7f")[0],
    sampling_rate=struct.unpack("<f", b"\xff\xff\x7f\x7f")[0],
    project_id=65_535,
    span_type=SpanType.GENERATION,
    status=255,
    kind=255,
    environment=Environment.CUSTOM,
    sensitivity=255,
    flags=65_535,
    ttl_hours=65_535,
    parent_count=255,
)
IDS_THAT_END_WITH_ZEROS = Edge(
    edge_id=b"\xff" * 12 + bytes(4),
    causal_parent=b"\xff" * 8 + b"\xff\x00" * 4,
    timestamp_us=946_684_800_000_000,
    trace_id_high=0xFFFFFFFF00000000,
)
EDGES = [ROOT_EDGE, FAILED_TOOL_CALL, LARGEST_MODEL_CALL, IDS_THAT_END_WITH_ZEROS]


def layout() -> list[tuple[int, int, str, str]]:
    """Return offset, size, field and type of each row of the page's table."""
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \| ([\w ]+?) \|", PAGE, re.MULTILINE)
    return [(int(offset), int(size), field, kind) for offset, size, field, kind in rows]


def records() -> list[bytes]:
    return [GOLDEN[at : at + EDGE_SIZE_BYTES] for at in range(0, len(GOLDEN), EDGE_SIZE_BYTES)]


@pytest.mark.parametrize(("edge", "record"), list(zip(EDGES, records(), strict=True)))
def test_a_stored_edge_is_read_and_written_as_it_ever_was(edge: Edge, record: bytes) -> None:
    assert unpack_edge(record) == edge
    assert pack_edge(edge) == record


def test_the_table_of_the_page_covers_every_byte_once() -> None:
    end = 0
    for offset, size, _, kind in layout():
        assert offset == end
        assert size == struct.calcsize(FORMATS[kind])
        end += size

    assert end == EDGE_SIZE_BYTES


@pytest.mark.parametrize(("edge", "record"), list(zip(EDGES, records(), strict=True)))
def test_a_reader_made_from_the_page_reads_the_same_values(edge: Edge, record: bytes) -> None:
    read = {
        field: struct.unpack_from(FORMATS[kind], record, offset)[0]
        for offset, _, field, kind in layout()
    }

    assert read.pop("crc32") == zlib.crc32(record[:124])
    assert read.pop("reserved") == 0
    assert read == asdict(edge)


def test_the_halves_of_a_trace_id_lie_where_the_page_says() -> None:
    record = records()[1]

    assert record[0:8].hex() == "a3ce929d0e0e4736"
    assert record[8:16].hex() == "53995c3f42cd8ad8"
    assert record[47:39:-1].hex() == "4bf92f3577b34da6"
    assert unpack_edge(record).trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
