"""Sign codes in memory: the scan finds what a plain comparison finds."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flowtrace_mcp.analytics import sign_codes
from flowtrace_mcp.analytics.sign_codes import SignCodes


def codes_of(rows: list[bytes], first_key: int = 1) -> SignCodes:
    keys = list(range(first_key, first_key + len(rows)))
    return SignCodes.empty(len(rows[0])).appended(keys, [key * 10 for key in keys], b"".join(rows))


def differing_bits(left: bytes, right: bytes) -> int:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_count()


def drawn(count: int, code_bytes: int, seed: int = 5) -> list[bytes]:
    numbers = np.random.default_rng(seed).integers(0, 256, (count, code_bytes), np.uint8)
    return [row.tobytes() for row in numbers]


@given(
    st.integers(1, 70), st.integers(1, 40), st.integers(0, 45), st.randoms(use_true_random=False)
)
def test_the_nearest_by_bits_are_those_of_a_plain_comparison(
    code_bytes: int, count: int, most: int, chance: Random
) -> None:
    rows = [chance.randbytes(code_bytes) for _ in range(count)]
    asked = chance.randbytes(code_bytes)

    found = codes_of(rows).near_by_bits(asked, most).tolist()

    distances = [differing_bits(row, asked) for row in rows]
    assert [distances[row] for row in found] == sorted(distances)[:most]
    assert len(set(found)) == len(found)


def test_a_scan_over_several_blocks_finds_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_codes, "_SCAN_ROWS", 7)
    rows = drawn(50, 48)
    codes = codes_of(rows)

    assert [codes.near_by_bits(row, 1).tolist() for row in rows] == [[at] for at in range(50)]


def test_among_many_codes_half_of_the_bits_choose_whose_others_are_looked_at() -> None:
    rows = drawn(3000, 48)
    codes = codes_of(rows)

    assert [codes.near_by_bits(row, 2)[0] for row in rows[::100]] == list(range(0, 3000, 100))
    assert all(len(set(codes.near_by_bits(row, 40).tolist())) == 40 for row in rows[::500])


def test_only_the_memories_asked_for_are_near() -> None:
    rows = drawn(50, 48)
    codes = codes_of(rows)

    assert codes.near_among(rows[7], [30, 80, 500, 99], 2).tolist()[0] == 7
    assert sorted(codes.near_among(rows[7], [30, 80, 500, 99], 9).tolist()) == [2, 7, 49]
    assert codes.near_among(rows[7], [], 9).tolist() == []


def test_opposite_codes_differ_in_every_bit_of_them() -> None:
    codes = codes_of([bytes(96), b"\xff" * 96])

    assert codes.near_by_bits(b"\xff" * 96, 2).tolist() == [1, 0]


def test_of_codes_equally_far_those_stay_that_agree_with_the_largest_numbers() -> None:
    rows = [bytes([1 << bit]) for bit in range(8)]
    numbers = np.array([1, 2, 3, 4, 50, 6, 7, 8], np.int8).tobytes()

    # The first number belongs to the highest bit, so 50 belongs to 1 << 3.
    assert codes_of(rows).near(bytes(1), numbers, 1).tolist() == [3]


def test_what_is_near_is_found_among_many_by_fewer_candidates() -> None:
    chance = np.random.default_rng(9)
    vectors = chance.standard_normal((3000, 384)).astype(np.float32)
    asked = vectors[:40] + chance.standard_normal((40, 384)).astype(np.float32) * 1.2
    rows = [row.tobytes() for row in np.packbits(vectors > 0, axis=1)]
    codes = codes_of(rows)

    def found(question: NDArray[np.float32]) -> list[int]:
        numbers = np.rint(question / np.abs(question).max() * 127).astype(np.int8)
        return codes.near(np.packbits(question > 0).tobytes(), numbers.tobytes(), 20).tolist()

    assert [at in found(question) for at, question in enumerate(asked)] == [True] * 40


def test_what_is_appended_is_found_and_an_older_value_does_not_see_it() -> None:
    rows = drawn(30, 48)
    few = codes_of(rows[:10])

    many = few.appended(list(range(11, 31)), list(range(11, 31)), b"".join(rows[10:]))

    assert (few.count, few.newest_key) == (10, 10)
    assert (many.count, many.newest_key) == (30, 30)
    assert few.near_by_bits(rows[25], 30).max() < 10
    assert many.near_by_bits(rows[25], 1).tolist() == [25]
    assert many.vector_keys[:12].tolist() == list(range(1, 13))
    assert many.memory_keys[9:11].tolist() == [100, 11]


def test_room_that_was_asked_for_is_filled_without_taking_memory_anew() -> None:
    codes = SignCodes.empty(48, 10)

    filled = codes.appended([1, 2], [1, 2], bytes(96)).appended([3], [3], bytes(48))

    assert filled.words is codes.words
    assert filled.count == 3


def test_among_no_codes_nothing_is_near() -> None:
    assert SignCodes.empty(48).near(bytes(48), bytes(384), 5).tolist() == []
