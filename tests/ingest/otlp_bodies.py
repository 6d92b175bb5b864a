"""OTLP requests for tests of the receivers."""

import base64
import json
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_795_340_369_458_123_000
TRACE_ID = bytes(range(1, 17))
TIME_US = START_NS // 1000


def span_id(number):
    return (number + 1).to_bytes(8, "big")


def traces(count=1, trace_id=TRACE_ID, **attributes):
    request = ExportTraceServiceRequest()
    sender = request.resource_spans.add()
    _set(sender.resource.attributes, {"service.name": "shop"})
    for number in range(count):
        span = sender.scope_spans.add().spans.add(
            trace_id=trace_id,
            span_id=span_id(number),
            name=f"step {number}",
            start_time_unix_nano=START_NS + number * 1000,
            end_time_unix_nano=START_NS + number * 1000 + 5_000_000,
        )
        _set(span.attributes, attributes)
    return request


def logs(count=1):
    request = ExportLogsServiceRequest()
    sender = request.resource_logs.add()
    _set(sender.resource.attributes, {"service.name": "shop"})
    for number in range(count):
        record = sender.scope_logs.add().log_records.add(time_unix_nano=START_NS + number * 1000)
        record.body.string_value = f"line {number}"
        _set(record.attributes, {"session.id": "s-1"})
    return request


def metrics(count=1):
    request = ExportMetricsServiceRequest()
    sender = request.resource_metrics.add()
    _set(sender.resource.attributes, {"service.name": "shop"})
    metric = sender.scope_metrics.add().metrics.add(name="tokens", unit="1")
    for number in range(count):
        metric.sum.data_points.add(as_int=number, time_unix_nano=START_NS + number * 1000)
    return request


def json_traces(trace_id="0102030405060708090a0b0c0d0e0f10", **more):
    span = {
        "traceId": trace_id,
        "spanId": span_id(0).hex(),
        "name": "step",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 5000),
        **more,
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def otlp_json_of(request):
    """The request as OTLP/JSON: proto3 JSON but for ids in hex and enums as numbers."""
    plain = json_format.MessageToDict(request, use_integers_for_enums=True)

    def with_hex_ids(value):
        if isinstance(value, list):
            return [with_hex_ids(item) for item in value]
        if isinstance(value, dict):
            return {
                key: base64.b64decode(item).hex().upper()
                if key in ("traceId", "spanId", "parentSpanId")
                else with_hex_ids(item)
                for key, item in value.items()
            }
        return value

    return json.dumps(with_hex_ids(plain)).encode()


def now_us():
    return time.time_ns() // 1000


def _set(pairs, attributes):
    for key, value in attributes.items():
        pair = pairs.add(key=key)
        kind = {str: "string_value", int: "int_value", bytes: "bytes_value"}[type(value)]
        setattr(pair.value, kind, value)
