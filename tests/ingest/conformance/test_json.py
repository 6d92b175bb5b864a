"""Points 15 to 17: where OTLP/JSON differs from the JSON of protobuf."""

import json

import pytest

from flowtrace_mcp.ingest.span_extras import span_extras
from tests.ingest.conformance.receiver import JSON
from tests.ingest.otlp_bodies import START_NS, json_traces

SPAN_ID = "00000000000000ab"
OTHER_ID = "0c" * 16


def stored_span(receiver, trace_id):
    (span,) = receiver.store.spans.list_trace_spans(trace_id)
    return span


def send_span(receiver, trace_id, **fields):
    return receiver.post(json_traces(trace_id.hex(), **fields), content_type=JSON)


def send_log(receiver, trace_id, **fields):
    record = {"timeUnixNano": str(START_NS), "traceId": trace_id.hex(), **fields}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    return receiver.post(json.dumps(body).encode(), "/v1/logs", JSON)


def stored_log(receiver, trace_id):
    (record,) = receiver.get("/api/v1/logs", trace_id=trace_id.hex())["items"]
    return record


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_point_15_ids_are_hex_of_either_case_everywhere(receiver, trace_id, spell):
    ids = {"traceId": spell(trace_id.hex()), "spanId": spell(SPAN_ID)}
    link = {"traceId": spell(OTHER_ID), "spanId": spell(SPAN_ID)}
    parent = spell("00000000000000cd")
    send_span(receiver, trace_id, **ids, parentSpanId=parent, links=[link])
    send_log(receiver, trace_id, **ids)
    span = stored_span(receiver, trace_id)
    (kept,) = span_extras(span.payload.raw, span.payload.encoding).links
    assert span.edge.edge_id[8:].hex() == SPAN_ID
    assert span.edge.causal_parent[8:].hex() == parent.lower()
    assert (kept.trace_id.hex(), kept.span_id.hex()) == (OTHER_ID, SPAN_ID)
    assert stored_log(receiver, trace_id)["span_id"] == SPAN_ID


def test_point_15_ids_of_exemplars_are_hex(receiver, trace_id):
    name = f"exemplified {trace_id.hex()}"
    exemplar = {"asInt": "1", "traceId": trace_id.hex().upper(), "spanId": SPAN_ID}
    point = {"timeUnixNano": str(START_NS), "asInt": "1", "exemplars": [exemplar]}
    metric = {"name": name, "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    receiver.post(json.dumps(body).encode(), "/v1/metrics", JSON)
    (item,) = receiver.get("/api/v1/metrics/points", name=name)["items"]
    assert item["detail"]["exemplars"][0]["trace_id"] == trace_id.hex()


def test_point_15_other_bytes_are_base64(receiver, trace_id):
    send_log(receiver, trace_id, body={"bytesValue": "AAEC/w=="})
    assert stored_log(receiver, trace_id)["body"] == "AAEC/w=="


@pytest.mark.parametrize("kind", [3, "SPAN_KIND_CLIENT"])
@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR"])
def test_point_16_enums_are_numbers_or_names(receiver, trace_id, kind, code):
    send_span(receiver, trace_id, kind=kind, status={"code": code})
    edge = stored_span(receiver, trace_id).edge
    assert (edge.kind, edge.status) == (3, 2)


@pytest.mark.parametrize("spell", [int, str])
def test_point_16_long_integers_are_text_or_numbers(receiver, trace_id, spell):
    number = {"key": "n", "value": {"intValue": spell(-(2**63))}}
    ends = {"startTimeUnixNano": spell(START_NS), "endTimeUnixNano": spell(START_NS + 7000)}
    assert send_span(receiver, trace_id, **ends).body == b"{}"
    assert send_log(receiver, trace_id, attributes=[number]).body == b"{}"
    assert stored_span(receiver, trace_id).edge.duration_us == 7
    assert stored_log(receiver, trace_id)["attributes"] == {"n": -(2**63)}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_point_16_doubles_may_be_no_numbers(receiver, trace_id, text):
    value = {"key": "d", "value": {"doubleValue": text}}
    assert send_log(receiver, trace_id, attributes=[value]).body == b"{}"
    assert stored_log(receiver, trace_id)["attributes"] == {"d": None}


def test_point_16_unknown_fields_are_passed_over(receiver, trace_id):
    fields = {"invented": {"deep": [1, {"er": None}]}, "flags2": "x"}
    assert send_span(receiver, trace_id, **fields).body == b"{}"
    assert send_log(receiver, trace_id, **fields).body == b"{}"
    assert stored_log(receiver, trace_id)["time_us"] == START_NS // 1000


@pytest.mark.parametrize("value", [{}, None])
def test_point_17_an_attribute_without_a_value_is_kept(receiver, trace_id, value):
    attributes = [{"key": "nothing", "value": value}, {"key": "n", "value": {"intValue": 1}}]
    assert send_span(receiver, trace_id, attributes=attributes).body == b"{}"
    assert send_log(receiver, trace_id, attributes=attributes).body == b"{}"
    assert stored_log(receiver, trace_id)["attributes"] == {"nothing": None, "n": 1}
    assert json.loads(stored_span(receiver, trace_id).payload.raw)["attributes"] == attributes
