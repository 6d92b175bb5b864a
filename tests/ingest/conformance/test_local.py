"""Points 29 to 33: one machine, one user, and whoever else is there."""

import socket
from pathlib import Path

import grpc
import pytest

from flowtrace_mcp.settings import Settings, is_loopback
from tests.ingest.conformance.receiver import HOST, LOGS, PROTOBUF, TRACES, Receiver, refused
from tests.ingest.otlp_bodies import traces
from tests.waiting import wait_until

DATA = Path(__file__).parents[2] / "data"
LANGFUSE_TRACE = "5aaeb0e7c258f20b36da739f9f954d8d"
PAGE = "http://localhost:3000"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-client",
}


def test_point_29_only_this_machine_is_listened_to_by_default(tmp_path):
    assert is_loopback(Settings(home=tmp_path, db_path=tmp_path / "a.db").host)


@pytest.mark.parametrize(
    ("header", "value"),
    [("host", "rebound.test"), ("host", "rebound.test:4318"), ("origin", "https://page.test")],
)
def test_point_29_foreign_names_and_pages_are_refused(receiver, trace_id, header, value):
    body = traces(1, trace_id).SerializeToString()
    answer = receiver.post(body, **{header: value})
    assert (answer.status, answer.headers["content-type"]) == (403, PROTOBUF)
    assert answer.status_message().message
    assert receiver.store.spans.find_trace(trace_id) is None


def test_point_29_a_token_can_be_asked_for_over_http(strict_receiver, trace_id):
    body = traces(1, trace_id).SerializeToString()
    refusals = [
        strict_receiver.post(body),
        strict_receiver.post(body, authorization="Bearer wrong"),
    ]
    assert [(one.status, one.status_message().code) for one in refusals] == [(401, 16)] * 2
    assert strict_receiver.store.spans.find_trace(trace_id) is None
    assert strict_receiver.post(body, authorization="Bearer right-token").status == 200


def test_point_29_a_token_can_be_asked_for_over_grpc(strict_receiver, trace_id):
    body = traces(1, trace_id).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        strict_receiver.call(TRACES.method, body)
    assert refused(caught)[0] == grpc.StatusCode.UNAUTHENTICATED
    strict_receiver.call(TRACES.method, body, metadata=(("authorization", "Bearer right-token"),))
    assert strict_receiver.store.spans.find_trace(trace_id) is not None


def test_point_30_no_browser_is_invited_by_default(receiver):
    answer = receiver.ask("OPTIONS", "/v1/traces", headers={"origin": PAGE, **PREFLIGHT})
    assert answer.status == 405
    assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
def test_point_30_a_page_that_was_named_may_send(strict_receiver, path):
    asked = strict_receiver.ask("OPTIONS", path, headers={"origin": PAGE, **PREFLIGHT})
    sent = strict_receiver.post(b"", path, origin=PAGE, authorization="Bearer right-token")
    assert (asked.status, sent.status) == (200, 200)
    allowed = {one.headers["access-control-allow-origin"] for one in (asked, sent)}
    assert allowed == {PAGE}
    assert "x-client" in asked.headers["access-control-allow-headers"]


def test_point_30_another_page_may_not(strict_receiver):
    headers = {"origin": "https://page.test", **PREFLIGHT}
    asked = strict_receiver.ask("OPTIONS", "/v1/traces", headers=headers)
    assert asked.status == 400
    assert "access-control-allow-origin" not in asked.headers


def test_point_31_a_taken_port_is_told_and_the_others_are_served(tmp_path):
    with socket.create_server((HOST, 0)) as collector:
        taken = collector.getsockname()[1]
        receiver = Receiver(tmp_path, FLOWTRACE_OTLP_HTTP_PORT=str(taken))
        try:
            wait_until(lambda: receiver.facts.otlp_grpc_port)
            assert receiver.facts.otlp_http_port is None
            assert any(str(taken) in problem for problem in receiver.facts.problems)
            assert receiver.call(LOGS.method, b"") == b""
            assert receiver.get("/live")["status"] == "alive"
        finally:
            receiver.close()


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs/"])
def test_point_32_get_is_405_and_names_post(receiver, path):
    answer = receiver.ask("GET", path)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_point_33_the_path_and_login_of_langfuse_do_no_harm(receiver, trace_id):
    answer = receiver.post(
        traces(2, trace_id).SerializeToString(),
        "/api/public/otel/v1/traces",
        authorization="Basic cGstbGY6c2stbGY=",
        x_langfuse_sdk_name="python",
        x_langfuse_public_key="pk-lf",
    )
    assert answer.status == 200
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 2


def test_point_33_what_the_unmodified_sdk_of_langfuse_sent_is_a_trace(receiver):
    """One run of SDK 5.0.4 that was told nothing but our address: two spans and a generation."""
    recorded = DATA / "langfuse" / "sdk-5.traces.pb.gz"
    answer = receiver.post(
        recorded.read_bytes(),
        "/api/public/otel/v1/traces",
        content_encoding="gzip",
        authorization="Basic cGstbGYtMTpzay1sZi0x",
        x_langfuse_ingestion_version="4",
    )
    trace = receiver.get(f"/api/v1/traces/{LANGFUSE_TRACE}")
    assert (answer.status, answer.body) == (200, b"")
    assert sorted(span["name"] for span in trace["spans"]) == ["llm", "main", "tool"]
    totals = trace["totals"]
    assert (totals["model_calls"], totals["tokens"]["input"], totals["tokens"]["output"]) == (
        1,
        10,
        5,
    )


def test_point_33_the_header_of_mlflow_does_no_harm(receiver, trace_id):
    body = traces(1, trace_id).SerializeToString()
    assert receiver.post(body, x_mlflow_experiment_id="7").status == 200
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 1
