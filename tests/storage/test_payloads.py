import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.storage.contents import content_id
from flowtrace_mcp.storage.payloads import cut_ids, cut_values, join_values, pack_payload


@given(st.lists(st.binary(min_size=1, max_size=6), max_size=6), st.data())
def test_what_was_cut_is_put_back_byte_for_byte(parts: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(parts)
    values = data.draw(st.lists(st.one_of(st.sampled_from([*parts, raw]), st.binary(max_size=3))))

    rest, cuts, contents = cut_values(raw, values)

    assert join_values(rest, cuts, contents) == raw
    assert set(cut_ids(cuts)) == set(contents)
    assert len(rest) + sum(len(contents[key]) for key in cut_ids(cuts)) == len(raw)


def test_a_value_is_cut_once_and_one_that_overlaps_is_left() -> None:
    rest, cuts, contents = cut_values(b"-abcdef-abcd", [b"abcd", b"cdef", b"xyz", b""])

    assert rest == b"-ef-abcd"
    assert cut_ids(cuts) == [content_id(b"abcd")]
    assert contents == {content_id(b"abcd"): b"abcd"}


def test_nothing_cut_leaves_no_record() -> None:
    assert cut_values(b"abc", [b"xyz"]) == (b"abc", None, {})
    assert cut_ids(None) == []
    assert pack_payload(b"abc", 0, (), (1, 2)).cuts is None


def test_a_part_that_is_missing_is_told_as_damaged() -> None:
    rest, cuts, _ = cut_values(b"-abcd-", [b"abcd"])

    with pytest.raises(DamagedError, match="not whole"):
        join_values(rest, cuts, {})


def test_the_record_of_cuts_is_laid_out_as_documented() -> None:
    _, cuts, _ = cut_values(b"-abcd-", [b"abcd"])

    assert cuts == struct.pack("<IIq", 1, 4, content_id(b"abcd"))
