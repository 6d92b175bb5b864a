import math
import random
import struct
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.ddsketch import (
    BIN_LIMIT,
    LARGEST,
    RELATIVE_ACCURACY,
    SMALLEST,
    DDSketch,
)
from flowtrace_mcp.analytics.seal import seal
from flowtrace_mcp.errors import DamagedError, InputError

values = st.one_of(
    st.floats(0, LARGEST), st.integers(0, 10**15), st.sampled_from([0.0, 1.0, SMALLEST, LARGEST])
)
# Whole numbers, so that sums are exact in any order.
durations_us = st.lists(st.integers(0, 10**12), max_size=50)
shares = st.floats(0, 1)


def sketch_of(items: list[float]) -> DDSketch:
    sketch = DDSketch()
    sketch.add_many(items)
    return sketch


@given(st.lists(values, min_size=1, max_size=200), shares)
def test_a_quantile_is_within_one_percent_of_the_value_at_its_rank(
    items: list[float], q: float
) -> None:
    true = sorted(items)[math.floor(q * (len(items) - 1))]

    estimate = sketch_of(items).quantile(q)

    assert math.isclose(estimate, true, rel_tol=RELATIVE_ACCURACY * (1 + 1e-9), abs_tol=SMALLEST)


@given(st.lists(values, min_size=1, max_size=100))
def test_count_sum_min_and_max_are_those_of_the_stream(items: list[float]) -> None:
    sketch = sketch_of(items)

    assert sketch.count == len(items)
    assert math.isclose(sketch.sum, math.fsum(items), rel_tol=1e-12)
    assert (sketch.min, sketch.max) == (min(items), max(items))


@given(durations_us)
def test_adding_one_by_one_and_all_at_once_is_the_same(items: list[int]) -> None:
    one_by_one = DDSketch()
    for item in items:
        one_by_one.add(item)

    assert one_by_one.to_bytes() == sketch_of(items).to_bytes()


@given(durations_us, durations_us, durations_us)
def test_the_order_of_merges_does_not_matter(a: list[int], b: list[int], c: list[int]) -> None:
    whole = sketch_of(a + b + c).to_bytes()

    for order in permutations((a, b, c)):
        merged = DDSketch()
        for items in order:
            merged.merge(sketch_of(items))
        assert merged.to_bytes() == whole


@given(st.lists(values, max_size=100))
def test_a_stored_sketch_is_read_back_whole(items: list[float]) -> None:
    sketch = sketch_of(items)

    read = DDSketch.from_bytes(sketch.to_bytes())

    assert read.to_bytes() == sketch.to_bytes()
    assert (read.bins, read.zero_count) == (sketch.bins, sketch.zero_count)
    assert (read.sum, read.min, read.max) == (sketch.sum, sketch.min, sketch.max)


@pytest.mark.parametrize("times", [2**8, 2**16, 2**32])
def test_counts_of_any_width_are_stored(times: int) -> None:
    sketch = sketch_of([5.0])
    sketch.bins = dict.fromkeys(sketch.bins, times)

    assert DDSketch.from_bytes(sketch.to_bytes()).count == times


def test_an_empty_sketch_is_45_bytes_and_a_small_one_two_more_per_bin() -> None:
    assert len(DDSketch().to_bytes()) == 45
    assert len(sketch_of([1.0, 10.0, 100.0]).to_bytes()) == 51


@pytest.mark.parametrize("extra", [0, 1, 400])
def test_beyond_its_limit_only_the_lowest_bins_are_folded(extra: int) -> None:
    rising = [math.exp(exponent * 0.0201) for exponent in range(BIN_LIMIT + extra)]
    shuffled = random.Random(extra).sample(rising, len(rising))
    one_by_one, merged = DDSketch(), DDSketch()
    for value in shuffled:
        one_by_one.add(value)
    for start in range(0, len(shuffled), 300):
        merged.merge(sketch_of(shuffled[start : start + 300]))

    at_once = sketch_of(rising)

    assert len(at_once.bins) == BIN_LIMIT
    assert at_once.count == len(rising)
    assert one_by_one.bins == merged.bins == at_once.bins
    assert math.isclose(at_once.quantile(1), rising[-1], rel_tol=RELATIVE_ACCURACY)
    assert math.isclose(at_once.quantile(0.5), rising[(len(rising) - 1) // 2], rel_tol=0.0101)


@pytest.mark.parametrize("value", [-1, -1e-9, math.nan, math.inf, -math.inf, LARGEST * 1.01])
def test_what_cannot_be_counted_is_refused_and_changes_nothing(value: float) -> None:
    sketch = sketch_of([1.0])
    before = sketch.to_bytes()

    with pytest.raises(InputError, match="cannot count the value"):
        sketch.add(value)
    for batch in ([value, 2.0], [2.0, value], [2.0, value, 3.0]):
        with pytest.raises(InputError, match="cannot count the value"):
            sketch.add_many(batch)

    assert sketch.to_bytes() == before


def test_an_infinity_that_hides_another_is_refused() -> None:
    with pytest.raises(InputError, match="cannot count the value"):
        sketch_of([math.inf, math.nan])


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_outside_zero_to_one_is_refused(q: float) -> None:
    with pytest.raises(InputError, match="quantile"):
        sketch_of([1.0]).quantile(q)


def test_an_empty_sketch_has_no_quantile() -> None:
    with pytest.raises(InputError, match="of 0 values"):
        DDSketch().quantile(0.5)


def test_more_values_than_a_float_can_count_still_have_a_largest() -> None:
    sketch = sketch_of([7.0])
    sketch.bins = dict.fromkeys(sketch.bins, 2**53 + 3)

    assert sketch.quantile(1) == 7.0


def test_values_too_small_for_a_bin_count_as_zero() -> None:
    sketch = sketch_of([0, SMALLEST / 2, 1.0])

    assert sketch.zero_count == 2
    assert sketch.quantile(0.5) == 0.0


@given(durations_us, st.data())
def test_a_damaged_sketch_is_detected(items: list[int], data: st.DataObject) -> None:
    blob = bytearray(sketch_of(items).to_bytes())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DamagedError):
        DDSketch.from_bytes(bytes(blob))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(39),
        struct.pack("<BBHQ3di", 1, 1, 1, 0, 1.0, 1.0, 1.0, 0),
        struct.pack("<BBHQ3di", 3, 1, 1, 0, 1.0, 1.0, 1.0, 0) + bytes(2),
        struct.pack("<BBHQ3di", 1, 1, 0, 0, 1.0, 1.0, 1.0, 0) + b"more",
    ],
)
def test_a_sealed_body_that_contradicts_its_header_is_detected(body: bytes) -> None:
    with pytest.raises(DamagedError, match="its length does not match its header"):
        DDSketch.from_bytes(seal(1, body))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.data())
def test_what_is_taken_back_leaves_the_sketch_of_the_rest(
    items: list[int], data: st.DataObject
) -> None:
    gone = data.draw(st.lists(st.integers(1, 10**6), max_size=30))
    ends = [0, 0, 10**7]
    sketch = sketch_of([*ends, *items, *gone, 0])

    assert all(sketch.remove(value) for value in [*gone, 0])

    assert sketch.to_bytes() == sketch_of([*ends, *items]).to_bytes()


@pytest.mark.parametrize("value", [1.0, 100.0, 50.0, 1e9, 0, SMALLEST / 2])
def test_extremes_and_strangers_are_not_taken_back(value: float) -> None:
    sketch = sketch_of([1.0, 2.0, 100.0])
    before = sketch.to_bytes()

    assert not sketch.remove(value)
    assert sketch.to_bytes() == before
