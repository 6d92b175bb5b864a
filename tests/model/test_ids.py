import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import (
    HANDLE_LENGTH,
    MEMORY_ID_BYTES,
    memory_handle,
    new_memory_id,
    parse_handle,
    parse_id,
    short_id_range,
    short_ids,
    string_id,
    to_signed,
)
from tests.strategies import rough_texts, times_us, trace_ids, u64s

memory_ids = st.binary(min_size=MEMORY_ID_BYTES, max_size=MEMORY_ID_BYTES)


@given(trace_ids)
def test_a_trace_id_is_read_back_from_hex_and_0x_hex(trace_id: bytes) -> None:
    typed = trace_id.hex()

    assert parse_id(typed, 16) == trace_id
    assert parse_id(f"  0x{typed.upper()}\n", 16) == trace_id


@given(st.integers(1, 10**15 - 1))
def test_a_number_that_is_not_16_or_32_digits_is_decimal(number: int) -> None:
    assert parse_id(str(number), 8) == number.to_bytes(8, "big")


def test_16_decimal_digits_are_hex() -> None:
    assert parse_id("1234567890123456", 8) == bytes.fromhex("1234567890123456")


def test_32_decimal_digits_are_hex() -> None:
    typed = "12345678901234567890123456789012"

    assert parse_id(typed, 16) == bytes.fromhex(typed)


def test_a_16_digit_trace_id_is_the_64_bit_one_of_older_tracers() -> None:
    assert parse_id("463ac35c9f6413ad", 16) == bytes(8) + bytes.fromhex("463ac35c9f6413ad")


def test_the_largest_decimal_ids_are_read() -> None:
    assert parse_id(str(2**64 - 1), 8) == b"\xff" * 8
    assert parse_id(str(2**128 - 1), 16) == b"\xff" * 16


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "0x",
        "0" * 16,
        "-1",
        "+12345",
        "12_34",
        "1234_5678_9012_3",
        "+123456789012345",
        "0x_12",
        "0b10",
        "12 34",
        "١٢٣",
        "abc",
        "f" * 32,
        str(2**64),
        "0x1" + "0" * 16,
        "9" * 5000,
    ],
)
def test_what_is_not_a_span_id_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match=r"span_id .* is not one"):
        parse_id(typed, 8, name="span_id")


@given(rough_texts)
def test_any_text_is_an_id_or_a_refusal(typed: str) -> None:
    with suppress(InputError):
        assert len(parse_id(typed, 16)) == 16


@given(rough_texts)
def test_a_string_id_is_64_bits_and_zero_only_for_the_empty_string(text: str) -> None:
    number = string_id(text)

    assert 0 <= number < 2**64
    assert (number == 0) == (text == "")


def test_string_ids_never_change() -> None:
    assert string_id("session-1") == 0xAE49BD2CD463E7AC


@given(u64s)
def test_unsigned_numbers_survive_storage_as_signed_ones(number: int) -> None:
    stored = to_signed(number)

    assert -(2**63) <= stored < 2**63
    assert stored % 2**64 == number


@given(memory_ids)
def test_a_handle_is_ten_characters_of_base_32_and_stable(memory_id: bytes) -> None:
    handle = memory_handle(memory_id)

    assert re.fullmatch("[0-9a-hjkmnp-tv-z]{10}", handle)
    assert len(handle) == HANDLE_LENGTH
    assert memory_handle(memory_id) == handle
    assert parse_handle(handle) == handle


def test_handles_never_change() -> None:
    assert memory_handle(bytes(range(16))) == "yjb491kv12"


def test_a_handle_forgives_case_spaces_and_letters_that_look_like_digits() -> None:
    assert parse_handle(" O1IL0ABCDE ") == "01110abcde"


@pytest.mark.parametrize("typed", ["", "abc", "0123456789a", "u123456789", "01234 6789", "é" * 10])
def test_what_is_not_a_handle_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="is not a memory id"):
        parse_handle(typed)


@given(times_us, times_us)
def test_memory_ids_sort_by_the_time_they_were_made(first_us: int, second_us: int) -> None:
    first = new_memory_id(first_us, bytes)
    second = new_memory_id(second_us, bytes)

    assert len(first) == MEMORY_ID_BYTES
    assert (first < second) == (first_us < second_us)


def test_the_random_half_of_a_memory_id_comes_from_the_caller() -> None:
    assert new_memory_id(1, lambda size: b"r" * size) == bytes(7) + b"\x01" + b"r" * 8


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=6, unique=True))
def test_a_short_id_stands_for_one_of_the_ids_and_for_no_other(ids: list[bytes]) -> None:
    short = short_ids(ids)

    assert list(short) == ids
    assert len(set(short.values())) == len(ids)
    for each, handle in short.items():
        between = short_id_range(handle)
        if between is None:
            assert handle == each.hex()
        else:
            number = int.from_bytes(each, "big", signed=True)
            assert between[0] <= number <= between[1]


def test_the_handle_of_a_trace_is_how_its_lower_half_begins() -> None:
    trace_id = bytes.fromhex("ca1c5d3a1033f257aabe0d84dc80cfb9")

    assert short_ids([trace_id]) == {trace_id: "aabe0d84dc"}


def test_ids_that_begin_alike_are_given_in_full() -> None:
    ids = [number.to_bytes(8, "big") for number in (1, 2)]

    assert list(short_ids(ids).values()) == [each.hex() for each in ids]


@pytest.mark.parametrize("typed", ["", "abc", "abcdefabcg", "aabe0d84dc8", "ab" * 8])
def test_what_is_no_short_id_has_no_range(typed: str) -> None:
    assert short_id_range(typed) is None
