"""Plain spans become OTLP and are stored by its rules."""

import msgspec
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.post_spans import DEPTH_LIMIT, ERRORS_LIMIT, SPANS_LIMIT, post_spans
from flowtrace_mcp.services.trace_reading import read_trace
from tests.services.conftest import START_US

TRACE_ID = bytes(15) + b"\x01"


def span(number=1, **more):
    return {
        "trace_id": TRACE_ID.hex(),
        "span_id": f"{number:016x}",
        "name": "step",
        "start_time": START_US,
        **more,
    }


@pytest.fixture
def post(context, clock):
    pipeline = Pipeline(context.store, clock)
    return lambda *spans: post_spans(pipeline, {"spans": list(spans)})


def stored(context):
    return [one.record for one in read_trace(context, TRACE_ID).spans]


def nested(depth):
    value = "leaf"
    for _ in range(depth):
        value = [value]
    return value


def test_attributes_keep_their_types(context, post):
    attributes = {
        "text": "a",
        "yes": True,
        "whole": -(2**63),
        "half": 0.5,
        "list": ["a", 1, [None]],
        "object": {"k": {"l": "m"}},
        "nothing": None,
    }
    assert post(span(attributes=attributes)).accepted == 1
    assert stored(context)[0].attributes == attributes


def test_what_is_left_out_has_a_default(context, post):
    post(span(), span(2, parent_span_id=None), span(3, parent_span_id="0"))
    records = stored(context)
    assert [one.duration_us for one in records] == [0, 0, 0]
    assert [one.status for one in records] == [0, 0, 0]
    assert [one.parent_span_id for one in records] == [b"", b"", b""]


def test_times_are_microseconds_or_iso_8601(context, post):
    post(span(start_time="2026-11-18T10:00:00Z", end_time="2026-11-18T10:00:01Z"))
    assert stored(context)[0].duration_us == 1_000_000


def test_an_end_before_the_start_counts_as_no_time(context, post):
    post(span(end_time=START_US - 5))
    assert stored(context)[0].duration_us == 0


@pytest.mark.parametrize("spelling", [255, "255", "0xff", "00000000000000ff"])
def test_span_ids_are_taken_in_every_spelling(context, post, spelling):
    post(span(span_id=spelling, parent_span_id=spelling))
    assert stored(context)[0].span_id == bytes(7) + b"\xff"


def test_a_number_of_sixteen_digits_is_a_number_and_as_text_hex(context, post):
    post(span(span_id=1000000000000001), span(span_id="1000000000000001"))
    wanted = {(1000000000000001).to_bytes(8, "big"), bytes.fromhex("1000000000000001")}
    assert {one.span_id for one in stored(context)} == wanted


def test_each_service_is_a_resource_of_its_own(context, post):
    post(
        span(1, attributes={"service.name": "shop"}),
        span(2, attributes={"service.name": "bank"}),
        span(3, attributes={"service.name": 7}),
    )
    assert [one.resource.service_name for one in stored(context)] == ["shop", "bank", ""]


def test_a_status_is_kept_with_its_message(context, post):
    post(span(status="ERROR", status_message="it broke"), span(2, status="ok"))
    assert [(one.status, one.status_message) for one in stored(context)] == [
        (2, "it broke"),
        (1, ""),
    ]


def test_a_span_sent_again_replaces_itself(context, post):
    post(span(name="old"))
    post(span(name="new"))
    assert [one.name for one in stored(context)] == ["new"]


@pytest.mark.parametrize(
    "fault",
    [
        {"trace_id": "0"},
        {"trace_id": -1},
        {"span_id": 2**64},
        {"span_id": "no-id"},
        {"parent_span_id": "no-id"},
        {"name": None},
        {"start_time": 5},
        {"start_time": "yesterday"},
        {"end_time": 2**62},
        {"status": "done"},
        {"attributes": ["a"]},
        {"attributes": {"n": 2**63}},
        {"attributes": {"n": nested(DEPTH_LIMIT + 2)}},
        {"colour": "red"},
    ],
)
def test_a_span_with_a_fault_is_refused_alone(context, post, fault):
    told = post(span(1), span(2) | fault, span(3))
    assert (told.accepted, told.rejected, told.errors[0].index) == (2, 1, 1)
    assert told.errors[0].error
    assert len(stored(context)) == 2


def test_when_every_span_is_refused_nothing_is_stored(context, post):
    told = post(*[1] * (ERRORS_LIMIT + 1))
    assert (told.accepted, told.rejected, len(told.errors)) == (0, ERRORS_LIMIT + 1, ERRORS_LIMIT)
    assert context.store.facts().span_count == 0


@pytest.mark.timeout(60)
@pytest.mark.slow
def test_as_many_spans_as_allowed_are_stored(context, post):
    told = post(*(span(number) for number in range(1, SPANS_LIMIT + 1)))
    assert (told.accepted, told.rejected) == (SPANS_LIMIT, 0)
    assert context.store.facts().span_count == SPANS_LIMIT


@pytest.mark.parametrize("body", [{}, {"spans": []}, {"spans": None}, {"spans": [1], "more": 1}])
def test_a_body_that_holds_no_spans_is_refused(context, clock, body):
    with pytest.raises(InputError):
        post_spans(Pipeline(context.store, clock), body)


def test_one_span_too_many_is_refused_as_a_whole(post):
    with pytest.raises(InputError, match="10001"):
        post(*[span()] * (SPANS_LIMIT + 1))


def test_the_answer_is_json(post):
    assert msgspec.json.decode(msgspec.json.encode(post(span()))) == {
        "accepted": 1,
        "rejected": 0,
        "errors": [],
    }
