import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.storage.contents import content_id
from flowtrace_mcp.storage.payloads import Packer, cut_ids, cut_values, join_values


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


def test_spans_share_a_pack_with_those_of_their_trace_and_context_alone() -> None:
    packer = Packer()
    first, second, other_trace, other_scope = (
        packer.add(b"abc", (), trace_id=trace, context=(1, scope, 0))
        for trace, scope in ((b"t", 2), (b"t", 2), (b"u", 2), (b"t", 3))
    )

    assert first.pack is second.pack
    assert (second.offset_bytes, second.length_bytes) == (3, 3)
    assert len({id(one.pack) for one in (first, other_trace, other_scope)}) == 3


def test_a_part_that_is_missing_is_told_as_damaged() -> None:
    rest, cuts, _ = cut_values(b"-abcd-", [b"abcd"])

    with pytest.raises(DamagedError, match="not whole"):
        join_values(rest, cuts, {})


def test_the_record_of_cuts_is_laid_out_as_documented() -> None:
    _, cuts, _ = cut_values(b"-abcd-", [b"abcd"])

    assert cuts == struct.pack("<IIq", 1, 4, content_id(b"abcd"))
