"""Spans reach storage with their meaning, and read back as they were sent."""

import json
from pathlib import Path

import pytest

from flowtrace_mcp.ingest import otlp_json, otlp_protobuf
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.span_extras import decode_resource, decode_scope, decode_span
from flowtrace_mcp.ingest.span_writes import span_writes
from flowtrace_mcp.model.edge import EdgeFlag, Environment
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.storage.payloads import LONG_VALUE_BYTES
from tests.ingest.otlp_bodies import TRACE_ID, json_traces, span_id, traces

DATA = Path(__file__).parent.parent / "data" / "otlp"
LONG = 'a "quoted" line\n' * LONG_VALUE_BYTES


def writes_of(request):
    return span_writes(otlp_protobuf.decode_traces(request.SerializeToString())[0], PriceBook())


def one(request):
    (write,) = writes_of(request)
    return write


def with_resource(**attributes):
    request = traces()
    for key, value in attributes.items():
        pair = request.resource_spans[0].resource.attributes.add(key=key.replace("__", "."))
        pair.value.string_value = value
    return request


@pytest.mark.parametrize("path", sorted(DATA.glob("*.traces*.pb")), ids=lambda path: path.name)
def test_recorded_spans_read_back_as_they_were_decoded(path):
    records, _ = otlp_protobuf.decode_traces(path.read_bytes())
    for record, write in zip(records, span_writes(records, PriceBook()), strict=True):
        resource, scope = decode_resource(write.resource), decode_scope(write.scope)
        assert decode_span(write.raw, write.encoding, resource, scope) == record


def test_spans_of_one_resource_share_its_bytes():
    resources = {id(write.resource) for write in writes_of(traces(5))}
    assert len(resources) == 1


@pytest.mark.parametrize(
    ("said", "environment"),
    [
        ("production", Environment.PRODUCTION),
        (" Prod ", Environment.PRODUCTION),
        ("staging", Environment.STAGING),
        ("test", Environment.TEST),
        ("dev", Environment.DEVELOPMENT),
        ("canary", Environment.CUSTOM),
    ],
)
@pytest.mark.parametrize("key", ["deployment__environment", "deployment__environment__name"])
def test_the_environment_is_what_the_resource_says(said, environment, key):
    assert one(with_resource(**{key: said})).environment is environment


def test_an_environment_that_is_not_said_is_development():
    assert one(traces()).environment is Environment.DEVELOPMENT


def test_the_agent_is_the_service_unless_the_span_names_one():
    assert one(traces()).agent == "shop"
    assert one(traces(**{"gen_ai.agent.name": "planner"})).agent == "planner"


def test_the_session_of_a_resource_serves_spans_that_name_none():
    request = with_resource(session__id="of-resource")
    assert one(request).session == "of-resource"
    pair = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="session.id")
    pair.value.string_value = "of-span"
    assert one(request).session == "of-span"


def test_usage_repeated_by_a_parent_is_marked_as_aggregate():
    usage = {"gen_ai.usage.input_tokens": 7, "gen_ai.operation.name": "invoke_agent"}
    assert one(traces(**usage)).flags == EdgeFlag.AGGREGATE


@pytest.mark.parametrize("parent", [b"", span_id(9)])
@pytest.mark.parametrize("links", [0, 2])
def test_parents_are_counted_with_the_links(parent, links):
    request = traces(sixteen_letters_="x", text="j\n\x10")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.parent_span_id = parent
    for number in range(links):
        span.links.add(trace_id=TRACE_ID, span_id=span_id(number))
    assert one(request).parent_count == bool(parent) + links


def test_links_in_json_are_counted_too():
    link = {"traceId": TRACE_ID.hex(), "spanId": span_id(1).hex()}
    records, _ = otlp_json.decode_traces(json_traces(links=[link, link]))
    assert span_writes(records, PriceBook())[0].parent_count == 2


def test_long_values_of_protobuf_are_named_as_they_stand_in_the_span():
    write = one(traces(short="x", long=LONG, more=LONG.encode()))
    assert write.long_values == (LONG.encode(), LONG.encode())
    assert all(value in write.raw for value in write.long_values)


def test_long_values_inside_lists_and_maps_are_named():
    request = traces()
    pair = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="tools")
    inner = pair.value.array_value.values.add().kvlist_value.values.add(key="schema")
    inner.value.string_value = LONG
    assert one(request).long_values == (LONG.encode(),)


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_long_values_of_json_are_named_as_they_stand_whatever_their_escapes(ensure_ascii):
    text = LONG + "é\\"
    body = json.loads(json_traces(attributes=[{"key": "k", "value": {"stringValue": text}}]))
    sent = json.dumps(body, ensure_ascii=ensure_ascii).encode()
    (write,) = span_writes(otlp_json.decode_traces(sent)[0], PriceBook())
    (value,) = write.long_values
    assert value in write.raw
    assert json.loads(b'"' + value + b'"') == text


def test_a_span_with_short_values_only_names_none():
    assert one(traces(**{f"key{n}": "x" * 1000 for n in range(20)})).long_values == ()


def test_long_values_are_kept_once_and_read_back_whole(pipeline, store):
    for number in (1, 2):
        body = traces(trace_id=bytes([number] * 16), long=LONG).SerializeToString()
        pipeline.traces(body, PayloadEncoding.PROTOBUF)
    found = [store.spans.list_trace_spans(bytes([n] * 16))[0].payload.raw for n in (1, 2)]
    assert [LONG.encode() in raw for raw in found] == [True, True]
