"""The receiver keeps the OTLP/gRPC specification, over real connections."""

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flowtrace_mcp.errors import AccessError, BusyError, RateError
from flowtrace_mcp.ingest.otlp_grpc import OtlpGrpc
from tests.ingest.otlp_bodies import logs, metrics, traces

LIMIT_BYTES = 8 * 1024 * 1024
PACKAGE = "opentelemetry.proto.collector"
TRACES = f"/{PACKAGE}.trace.v1.TraceService/Export"
LOGS = f"/{PACKAGE}.logs.v1.LogsService/Export"
METRICS = f"/{PACKAGE}.metrics.v1.MetricsService/Export"


def anybody(peer, port, authorization):
    del peer, port, authorization


@pytest.fixture
def serve(pipeline):
    servers, channels = [], []

    def start(taker=pipeline, admit=anybody):
        servers.append(OtlpGrpc(taker, ("127.0.0.1", 0), LIMIT_BYTES, admit))
        channels.append(grpc.insecure_channel(f"127.0.0.1:{servers[-1].port}"))
        return channels[-1]

    yield start
    for channel in channels:
        channel.close()
    for server in servers:
        server.stop()


def call(channel, body, method=TRACES, **options):
    return channel.unary_unary(method)(body, timeout=5, **options)


def failure(channel, body, method=TRACES, **options):
    """The status of a failing call and its details, unpacked."""
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, body, method, **options)
    sent = dict(caught.value.trailing_metadata() or ())
    status = Status.FromString(sent.get("grpc-status-details-bin", b""))
    return caught.value, status


@pytest.mark.promise("otlp-grpc")
def test_18_all_three_services_store_what_they_are_sent(serve, store):
    channel = serve()
    call(channel, traces(2).SerializeToString())
    call(channel, logs(3).SerializeToString(), LOGS)
    call(channel, metrics(4).SerializeToString(), METRICS)
    facts = store.facts()
    assert (facts.span_count, facts.log_count, facts.metric_point_count) == (2, 3, 4)


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        (TRACES, ExportTraceServiceResponse),
        (LOGS, ExportLogsServiceResponse),
        (METRICS, ExportMetricsServiceResponse),
    ],
)
def test_07_and_08_an_empty_request_is_a_full_success(serve, method, shape):
    answer = shape.FromString(call(serve(), b"", method))
    assert not answer.HasField("partial_success")


def test_09_partial_success_counts_what_was_refused(serve, store):
    request = traces(3)
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    answer = ExportTraceServiceResponse.FromString(call(serve(), request.SerializeToString()))
    assert (answer.partial_success.rejected_spans, store.facts().span_count) == (1, 2)


def test_19_gzip_messages_are_unpacked(serve, store):
    body = traces(50).SerializeToString()
    call(serve(), body, compression=grpc.Compression.Gzip)
    assert store.facts().span_count == 50


def test_19_a_message_over_four_mebibytes_is_taken(serve, store):
    body = traces(1, text="x" * 5 * 1024 * 1024).SerializeToString()
    call(serve(), body)
    assert store.facts().span_count == 1


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_19_a_message_over_the_limit_is_resource_exhausted_for_good(serve, compression):
    error, status = failure(serve(), bytes(LIMIT_BYTES + 1), compression=compression)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not status.details


def test_20_bad_data_is_invalid_argument_with_what_is_bad(serve):
    error, status = failure(serve(), b"\xff\xff")
    details = BadRequest()
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert status.details[0].Unpack(details)
    assert details.field_violations[0].field == "body"


class Full:
    """A pipeline whose queue is full."""

    def traces(self, body, encoding):
        raise BusyError("the write queue is full")

    logs = metrics = traces


def test_20_overload_is_unavailable_and_says_when_to_come_back(serve):
    error, status = failure(serve(Full()), b"x")
    pause = RetryInfo()
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert status.details[0].Unpack(pause)
    assert pause.retry_delay.seconds == 1


class Broken:
    """A pipeline with a fault of ours."""

    def traces(self, body, encoding):
        raise RuntimeError("unforeseen")

    logs = metrics = traces


def test_20_a_fault_of_ours_is_internal_and_keeps_its_cause_to_itself(serve):
    error, _ = failure(serve(Broken()), b"x")
    assert error.code() == grpc.StatusCode.INTERNAL
    assert "unforeseen" not in error.details()


@pytest.mark.parametrize(
    "method", [f"/{PACKAGE}.trace.v1.TraceService/Import", "/other.Service/Export"]
)
def test_21_an_unknown_method_is_unimplemented(serve, method):
    error, _ = failure(serve(), b"", method)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_29_a_caller_who_is_not_admitted_stores_nothing(serve, store):
    seen = []

    def nobody(peer, port, authorization):
        del port
        seen.append((peer.rpartition(":")[0], authorization))
        raise AccessError("no token")

    body = traces().SerializeToString()
    error, _ = failure(serve(admit=nobody), body, metadata=(("authorization", "Bearer x"),))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED
    assert (seen, store.facts().span_count) == ([("ipv4:127.0.0.1", "Bearer x")], 0)


def test_29_who_counts_is_told_how_many_came_and_too_many_come_back_later(serve, store):
    counted = []

    def admit(peer, port, authorization):
        del peer, port, authorization
        if counted:
            raise RateError("too much was sent", retry_after_s=7)
        return counted.append

    channel = serve(admit=admit)
    body = traces(5).SerializeToString()
    call(channel, body)
    error, status = failure(channel, body)

    assert counted == [5]
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    pause = RetryInfo()
    assert status.details[0].Unpack(pause)
    assert pause.retry_delay.seconds == 7
    assert store.facts().span_count == 5


def test_31_a_taken_port_is_an_error_and_never_shared(pipeline):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(OSError, match="taken"):
            OtlpGrpc(pipeline, holder.getsockname(), LIMIT_BYTES, anybody)
    first = OtlpGrpc(pipeline, ("127.0.0.1", 0), LIMIT_BYTES, anybody)
    try:
        with pytest.raises(OSError, match="taken"):
            OtlpGrpc(pipeline, ("127.0.0.1", first.port), LIMIT_BYTES, anybody)
    finally:
        first.stop()


def test_13_many_callers_at_once_are_all_stored(serve, store):
    channel = serve()
    bodies = [traces(2, trace_id=bytes([n + 1] * 16)).SerializeToString() for n in range(8)]
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda body: call(channel, body), bodies))
    assert store.facts().trace_count == 8
