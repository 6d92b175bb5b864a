import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from flowtrace_mcp.embedding.codes import from_int8, sign_code, to_int8

components = st.floats(-1, 1, width=32)
vectors = st.tuples(st.integers(0, 8), st.just(384)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=components)
)


def unit_vectors(count: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(7).standard_normal((count, 384)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@given(vectors)
def test_a_sign_code_has_one_bit_a_dimension(matrix: NDArray[np.float32]) -> None:
    codes = sign_code(matrix)

    assert codes.dtype == np.uint8
    assert codes.shape == (len(matrix), 48)
    assert np.array_equal(np.unpackbits(codes, axis=1).astype(bool), matrix > 0)


def test_sign_codes_differ_in_the_share_of_bits_that_the_angle_is_of_a_half_turn() -> None:
    rng = np.random.default_rng(11)
    left = unit_vectors(200)
    right = left + rng.standard_normal(left.shape).astype(np.float32) * np.float32(0.04)
    angles = np.arccos((left * right).sum(axis=1) / np.linalg.norm(right, axis=1))

    differing = np.bitwise_count(sign_code(left) ^ sign_code(right)).sum(axis=1)

    assert differing.mean() / 384 == pytest.approx(angles.mean() / np.pi, rel=0.05)


@given(vectors)
def test_int8_keeps_each_component_within_half_a_step(matrix: NDArray[np.float32]) -> None:
    codes, scales = to_int8(matrix)

    assert codes.dtype == np.int8
    assert scales.dtype == np.float32
    assert codes.shape == matrix.shape
    assert scales.shape == (len(matrix),)
    normal = scales > np.finfo(np.float32).tiny
    errors = np.abs(from_int8(codes, scales) - matrix)
    assert (errors <= scales[:, None] * 0.5001)[normal].all()


@given(vectors)
def test_int8_of_int8_is_the_same(matrix: NDArray[np.float32]) -> None:
    codes, scales = to_int8(matrix)
    normal = scales > np.finfo(np.float32).tiny

    again, _ = to_int8(from_int8(codes, scales))

    assert np.array_equal(again[normal], codes[normal])


def test_int8_keeps_the_direction_of_an_embedding() -> None:
    matrix = unit_vectors(1000)
    kept = from_int8(*to_int8(matrix))

    cosines = (kept * matrix).sum(axis=1) / np.linalg.norm(kept, axis=1)

    assert cosines.min() >= 0.999


def test_a_zero_vector_stays_zero() -> None:
    codes, scales = to_int8(np.zeros((2, 384), np.float32))

    assert not codes.any()
    assert not scales.any()
    assert not from_int8(codes, scales).any()
