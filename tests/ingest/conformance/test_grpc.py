"""Points 18 to 22: OTLP over gRPC."""

import gzip
import socket

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo

from flowtrace_mcp.errors import OUTSIDE, BusyError, RateError
from flowtrace_mcp.ingest.otlp_grpc import OtlpGrpc
from flowtrace_mcp.settings import Settings
from tests.ingest.conformance.receiver import (
    HOST,
    LIMIT_BYTES,
    PACKAGE,
    SIGNALS,
    TRACES,
    refused,
)
from tests.ingest.otlp_bodies import traces

# cancelled, deadline exceeded, aborted, out of range, unavailable, data loss
REPEATED = {1, 4, 10, 11, 14, 15}
ALWAYS_FOR_GOOD = grpc.StatusCode.RESOURCE_EXHAUSTED

by_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
by_compression = pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])


@by_signal
def test_point_18_every_signal_has_its_service(receiver, signal):
    answer = receiver.call(signal.method, signal.request(2).SerializeToString())
    assert not signal.response.FromString(answer).HasField("partial_success")


def test_point_18_the_port_is_4317_unless_told_otherwise(tmp_path):
    assert Settings(home=tmp_path, db_path=tmp_path / "a.db").otlp_grpc_port == 4317


def test_point_18_a_span_sent_over_grpc_is_stored(receiver, trace_id):
    receiver.call(TRACES.method, traces(3, trace_id).SerializeToString())
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 3


@by_signal
@by_compression
def test_point_19_messages_come_plain_or_packed(receiver, signal, compression):
    body = signal.request(50).SerializeToString()
    answer = receiver.call(signal.method, body, compression=compression)
    assert not signal.response.FromString(answer).HasField("partial_success")


@by_compression
def test_point_19_a_message_larger_than_the_default_of_grpc_is_taken(
    receiver, trace_id, compression
):
    body = traces(1, trace_id, text="x" * 5 * 1024 * 1024).SerializeToString()
    receiver.call(TRACES.method, body, compression=compression)
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 1


@by_compression
def test_point_19_a_message_over_the_limit_is_refused_for_good(receiver, compression):
    with pytest.raises(grpc.RpcError) as caught:
        receiver.call(TRACES.method, bytes(LIMIT_BYTES + 1), compression=compression)
    code, status = refused(caught)
    assert code == ALWAYS_FOR_GOOD
    assert [detail.TypeName() for detail in status.details] == []


@by_signal
def test_point_20_bad_data_is_invalid_argument_with_what_is_bad(receiver, signal):
    with pytest.raises(grpc.RpcError) as caught:
        receiver.call(signal.method, b"\xff\xff\xff")
    code, status = refused(caught)
    found = BadRequest()
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert status.details[0].Unpack(found)
    assert found.field_violations[0].description


def test_point_20_a_broken_gzip_is_invalid_argument(receiver):
    with pytest.raises(grpc.RpcError) as caught:
        receiver.call(TRACES.method, gzip.compress(b"cut short")[:-3])
    assert refused(caught)[0] == grpc.StatusCode.INVALID_ARGUMENT


class Failing:
    """A pipeline that cannot."""

    def __init__(self, error):
        self._error = error

    def traces(self, body, encoding):
        raise self._error

    logs = metrics = traces


def anybody(peer, port, authorization):
    del peer, port, authorization


@pytest.mark.parametrize("kind", [*OUTSIDE, RuntimeError], ids=lambda kind: kind.__name__)
def test_point_20_only_overload_has_a_code_that_senders_repeat(kind, caplog):
    server = OtlpGrpc(Failing(kind("failed")), (HOST, 0), LIMIT_BYTES, anybody)
    try:
        with (
            grpc.insecure_channel(f"{HOST}:{server.port}") as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            channel.unary_unary(TRACES.method)(b"x", timeout=5)
    finally:
        server.stop()
    code, status = refused(caught)
    pauses = [detail for detail in status.details if detail.Is(RetryInfo.DESCRIPTOR)]
    if kind is BusyError:
        assert (code, len(pauses)) == (grpc.StatusCode.UNAVAILABLE, 1)
    elif kind is RateError:  # repeated only because it says when
        assert (code, len(pauses)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 1)
    else:
        assert code.value[0] not in REPEATED
        assert pauses == []


@pytest.mark.parametrize(
    "method",
    [
        f"/{PACKAGE}.trace.v1.TraceService/Import",
        f"/{PACKAGE}.profiles.v1development.ProfilesService/Export",
        "/other.Service/Export",
    ],
)
def test_point_21_what_is_not_served_is_unimplemented(receiver, method):
    with pytest.raises(grpc.RpcError) as caught:
        receiver.call(method, b"")
    assert refused(caught)[0] == grpc.StatusCode.UNIMPLEMENTED


def test_point_22_each_port_survives_the_other_protocol(receiver):
    facts = receiver.facts
    assert facts.otlp_grpc_port != facts.otlp_http_port
    with (
        grpc.insecure_channel(f"{HOST}:{facts.otlp_http_port}") as channel,
        pytest.raises(grpc.RpcError),
    ):
        channel.unary_unary(TRACES.method)(b"", timeout=1)
    with socket.create_connection((HOST, facts.otlp_grpc_port), timeout=5) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"200 OK" not in connection.recv(4096)
    assert receiver.post(b"").status == 200
    assert receiver.call(TRACES.method, b"") == b""
