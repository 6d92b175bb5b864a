import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.seal import seal, unseal
from flowtrace_mcp.errors import DamagedError

versions = st.integers(0, 255)


@given(versions, st.binary(max_size=64))
def test_what_was_sealed_is_unsealed(version: int, body: bytes) -> None:
    assert unseal(seal(version, body), version, name="blob") == body


@given(versions, st.binary(max_size=64), st.data())
def test_a_flipped_bit_is_detected(version: int, body: bytes, data: st.DataObject) -> None:
    blob = bytearray(seal(version, body))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DamagedError, match="stored blob: its checksum"):
        unseal(bytes(blob), version, name="blob")


@given(st.binary(max_size=64), st.data())
def test_a_cut_blob_is_detected(body: bytes, data: st.DataObject) -> None:
    blob = seal(1, body)
    size = data.draw(st.integers(0, len(blob) - 1))

    with pytest.raises(DamagedError):
        unseal(blob[:size], 1, name="blob")


def test_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(DamagedError, match="it has version 2, and this program reads 1"):
        unseal(seal(2, b"body"), 1, name="blob")
