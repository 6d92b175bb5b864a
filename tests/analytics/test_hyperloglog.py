import math
import random
import zlib
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.hyperloglog import (
    EXACT_LIMIT,
    REGISTER_COUNT,
    STANDARD_ERROR,
    HyperLogLog,
)
from flowtrace_mcp.analytics.seal import seal
from flowtrace_mcp.errors import DamagedError, InputError
from flowtrace_mcp.model.ids import string_id
from tests.strategies import u64s

few = st.lists(u64s, max_size=20)
sizes = st.sampled_from([0, 3, 200, EXACT_LIMIT, EXACT_LIMIT + 1, 600])


def random_hashes(seed: int, size: int) -> list[int]:
    source = random.Random(seed)
    return [source.getrandbits(64) for _ in range(size)]


some = st.builds(random_hashes, u64s, sizes)


def sketch_of(hashes: list[int]) -> HyperLogLog:
    sketch = HyperLogLog()
    sketch.add_hashes(hashes)
    return sketch


@given(few)
def test_a_small_count_is_exact(hashes: list[int]) -> None:
    assert sketch_of(hashes + hashes).count() == len(set(hashes))


@pytest.mark.parametrize("size", [EXACT_LIMIT + 1, 1_000, 5_000, 20_000, 50_000, 150_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_estimate_is_within_four_standard_errors(size: int, seed: int) -> None:
    count = sketch_of(random_hashes(seed, size)).count()

    assert abs(count - size) <= 4 * STANDARD_ERROR * size


@pytest.mark.parametrize("size", [1_000, 10_000, 40_000])
def test_the_mean_square_error_is_the_stated_one(size: int) -> None:
    errors = [sketch_of(random_hashes(seed, size)).count() / size - 1 for seed in range(25)]

    assert math.sqrt(sum(error**2 for error in errors) / 25) < 1.4 * STANDARD_ERROR
    assert abs(sum(errors) / 25) < STANDARD_ERROR


def test_hashes_of_names_are_counted_as_well_as_random_ones() -> None:
    size = 20_000
    sketch = sketch_of([string_id(f"session-{number}") for number in range(size)])

    assert abs(sketch.count() - size) <= 4 * STANDARD_ERROR * size


@given(some)
def test_adding_one_by_one_twice_and_all_at_once_is_the_same(hashes: list[int]) -> None:
    one_by_one = HyperLogLog()
    for hashed in [*hashes, *hashes]:
        one_by_one.add_hash(hashed)

    assert one_by_one.to_bytes() == sketch_of(hashes).to_bytes()


@given(some, some, few)
def test_the_order_of_merges_does_not_matter(a: list[int], b: list[int], c: list[int]) -> None:
    whole = sketch_of(a + b + c).to_bytes()

    for order in permutations((a, b, c)):
        merged = HyperLogLog()
        for hashes in order:
            merged.merge(sketch_of(hashes))
        assert merged.to_bytes() == whole


@given(some)
def test_merging_a_sketch_with_itself_changes_nothing(hashes: list[int]) -> None:
    sketch = sketch_of(hashes)
    before = sketch.to_bytes()

    sketch.merge(sketch)

    assert sketch.to_bytes() == before


@given(some)
def test_a_stored_sketch_is_read_back_whole(hashes: list[int]) -> None:
    sketch = sketch_of(hashes)

    read = HyperLogLog.from_bytes(sketch.to_bytes())

    assert (read.hashes, read.registers) == (sketch.hashes, sketch.registers)
    assert read.count() == sketch.count()


def test_a_stored_sketch_is_small() -> None:
    assert len(HyperLogLog().to_bytes()) == 6
    assert len(sketch_of([1, 2, 3]).to_bytes()) == 30
    assert len(sketch_of(random_hashes(1, 100_000)).to_bytes()) < 10_000


@pytest.mark.parametrize("hashed", [-1, 2**64])
@pytest.mark.parametrize("size", [0, EXACT_LIMIT + 1])
def test_a_number_beyond_64_bits_is_refused_and_changes_nothing(hashed: int, size: int) -> None:
    sketch = sketch_of(random_hashes(1, size))
    before = sketch.to_bytes()

    with pytest.raises(InputError, match="unsigned 64-bit"):
        sketch.add_hash(hashed)
    with pytest.raises(InputError, match="unsigned 64-bit"):
        sketch.add_hashes([1, hashed])

    assert sketch.to_bytes() == before


def test_the_ends_of_the_hash_range_have_registers() -> None:
    sketch = sketch_of(random_hashes(1, 1000))

    sketch.add_hash(0)
    sketch.add_hash(2**64 - 1)

    assert sketch.registers is not None
    assert sketch.registers[0] == 51
    assert sketch.registers[-1] >= 1


@pytest.mark.parametrize(("rank", "low", "high"), [(0, 0, 0), (51, 2**63, 2**65)])
def test_registers_at_either_end_still_give_a_count(rank: int, low: int, high: int) -> None:
    registers = zlib.compress(bytes([rank]) * REGISTER_COUNT)

    count = HyperLogLog.from_bytes(seal(1, b"\x01" + registers)).count()

    assert low <= count <= high


@given(some, st.data())
def test_a_damaged_sketch_is_detected(hashes: list[int], data: st.DataObject) -> None:
    blob = bytearray(sketch_of(hashes).to_bytes())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DamagedError):
        HyperLogLog.from_bytes(bytes(blob))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x02",
        b"\x00" + bytes(7),
        b"\x01not deflated",
        b"\x01" + zlib.compress(bytes(REGISTER_COUNT - 1)),
        b"\x01" + zlib.compress(bytes(REGISTER_COUNT + 1)),
        b"\x01" + zlib.compress(bytes(50_000_000)),
        b"\x01" + zlib.compress(b"\x34" * REGISTER_COUNT),
    ],
)
def test_a_sealed_body_that_is_no_sketch_is_detected(body: bytes) -> None:
    with pytest.raises(DamagedError, match="stored HyperLogLog"):
        HyperLogLog.from_bytes(seal(1, body))


@pytest.mark.parametrize("seed", range(5))
def test_a_merge_keeps_the_larger_of_each_register(seed):
    chance = random.Random(seed)
    one, other = HyperLogLog(), HyperLogLog()
    one.registers = bytearray(chance.choices(range(52), k=REGISTER_COUNT))
    other.registers = bytearray(chance.choices((0, 1, 51), k=REGISTER_COUNT))
    larger = bytes(map(max, one.registers, other.registers))

    one.merge(other)

    assert bytes(one.registers) == larger
