"""The kept bytes of a span are those that were sent."""

import pytest

from flowtrace_mcp.ingest.otlp_protobuf import decode_traces

UNKNOWN = b"\xc2\x3e\x03abc" + b"\xc8\x3e\x96\x01" + b"\xd5\x3e1234" + b"\xd9\x3e12345678"
GROUP = b"\xdb\x3e\xdc\x3e"
START = b"\x39" + (1_795_000_000 * 10**9).to_bytes(8, "little")


def field(number, data):
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + data


def span(number, more=b""):
    """Return a span whose fields stand in an order of its sender's own."""
    return more + START + field(5, b"work") + field(2, bytes([number]) * 8) + field(1, b"\x07" * 16)


def kept(body):
    return [record.raw for record in decode_traces(body)[0]]


def test_spans_are_kept_as_they_were_sent():
    spans = [span(1), span(2, UNKNOWN), span(3, field(3, b"state" * 60)), span(4)]
    first = field(1, field(1, b"scope")) + b"".join(field(2, one) for one in spans[:3])
    body = field(1, field(1, b"") + field(2, first) + field(2, b"")) + field(
        1, field(2, field(2, spans[3]))
    )

    assert kept(body) == spans


def test_what_is_unknown_beside_spans_is_passed_over():
    scope = UNKNOWN + field(2, span(1)) + UNKNOWN
    body = UNKNOWN + field(1, UNKNOWN + field(2, scope) + UNKNOWN) + UNKNOWN

    assert kept(body) == [span(1)]


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(GROUP + field(2, span(1)), id="a group, which is skipped by its end alone"),
        pytest.param(b"\x92\x00" + field(2, span(1))[1:], id="a tag longer than need be"),
    ],
)
def test_a_span_in_a_request_that_is_oddly_written_is_kept_all_the_same(scope):
    (record,), _ = decode_traces(field(1, field(2, scope)))

    assert (record.span_id, record.name) == (b"\x01" * 8, "work")
    assert decode_traces(field(1, field(2, field(2, record.raw))))[0] == [record]


def test_a_length_longer_than_need_be_is_read():
    one = span(1)
    scope = b"\x12" + bytes([len(one) | 0x80, 0]) + one

    assert kept(field(1, field(2, scope))) == [one]
