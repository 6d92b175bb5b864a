import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.storage import compression
from flowtrace_mcp.storage.compression import compress, decompress, zstd


@given(st.binary(max_size=3000))
def test_what_is_unpacked_is_what_was_packed(data: bytes) -> None:
    assert decompress(compress(data)) == data


def test_a_frame_with_any_bit_turned_is_refused_or_unpacks_to_the_same() -> None:
    data = b"the quick brown fox " * 20
    frame = compress(data)

    for position in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[position // 8] ^= 1 << position % 8
        try:
            assert decompress(bytes(damaged)) == data
        except DamagedError:
            continue


def test_a_frame_that_does_not_name_its_size_is_refused() -> None:
    compressor = zstd.ZstdCompressor(options=compression.OPTIONS)
    frame = compressor.compress(b"a") + compressor.flush()

    with pytest.raises(DamagedError):
        decompress(frame)


def test_a_frame_larger_than_anything_stored_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = compress(bytes(1001))
    monkeypatch.setattr(compression, "UNPACKED_LIMIT_BYTES", 1000)

    with pytest.raises(DamagedError):
        decompress(frame)


@pytest.mark.parametrize("end", [b"more", compress(b"another frame")])
def test_more_than_one_frame_is_none_of_ours(end: bytes) -> None:
    with pytest.raises(DamagedError):
        decompress(compress(b"a frame") + end)
