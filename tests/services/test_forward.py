"""What is stored sent on to another receiver: all of it, as it was, and nothing twice."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from flowtrace_mcp.errors import AccessError, BusyError, InputError
from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.ingest.metric_writes import read_point
from flowtrace_mcp.ingest.otlp_sending import endpoint_of
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services import own_calls
from flowtrace_mcp.services.forward import Forwarder, headers_of, refuse_ourselves
from flowtrace_mcp.services.forward_always import AlwaysForward
from flowtrace_mcp.services.trace_reading import decode_stored
from flowtrace_mcp.storage import arrivals
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.ingest.otlp_bodies import START_NS, TIME_US, json_traces, logs, metrics, traces
from tests.services import test_own_calls as own_calls_tests
from tests.services.conftest import START_US
from tests.waiting import wait_until

PROTOBUF, JSON = PayloadEncoding.PROTOBUF, PayloadEncoding.JSON


class Receiver:
    """A receiver over a file of its own; answers what it is told to before it takes anything."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pipeline = Pipeline(store, lambda: START_US)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                status, headers, answer = (
                    receiver.answers.pop(0) if receiver.answers else (200, {}, b"")
                )
                if status == 200:
                    getattr(receiver.pipeline, self.path.removeprefix("/v1/"))(body, PROTOBUF)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def receiver(tmp_path) -> Iterator[Receiver]:
    with closing(Store(tmp_path / "other.db", lambda: START_US)) as store:
        receiver = Receiver(store)
        yield receiver
        receiver.close()


def forwarder(context, receiver, waits=None, **more):
    def wait(seconds):
        if waits is not None:
            waits.append(seconds)
        return False

    endpoint = endpoint_of(receiver.url, more.pop("headers", {}))
    return Forwarder(context=context, endpoint=endpoint, wait=wait, **({"patience_s": 60} | more))


def take(context, signal, request, encoding=PROTOBUF):
    body = request if isinstance(request, bytes) else request.SerializeToString()
    getattr(Pipeline(context.store, context.now_us), signal)(body, encoding)


def spans_of(store):
    return [
        span
        for row in store.spans.list_traces(Page(limit=100))
        for span in store.spans.list_trace_spans(row.trace_id)
    ]


def logs_of(store):
    return [read_log(one.data) for one in store.list_logs(after=(0, 0), limit=100)]


def points_of(store):
    return [read_point(one.data) for one in store.list_points(after=(0, 0), limit=100)]


def test_all_three_signals_arrive_as_they_were_sent(make_context, receiver):
    context = make_context()
    take(context, "traces", traces(3, **{"session.id": "s-1"}))
    take(context, "logs", logs(2))
    take(context, "metrics", metrics(2))

    done = forwarder(context, receiver).run()

    assert (done.sent_count, done.rejected_count) == (7, 0)
    assert [span.payload for span in spans_of(receiver.store)] == [
        span.payload for span in spans_of(context.store)
    ]
    assert logs_of(receiver.store) == logs_of(context.store)
    assert points_of(receiver.store) == points_of(context.store)


def test_a_span_that_came_as_json_arrives_with_the_same_meaning(make_context, receiver):
    context = make_context()
    take(context, "traces", json_traces(), JSON)
    forwarder(context, receiver).run()

    (ours,), (theirs,) = spans_of(context.store), spans_of(receiver.store)
    assert (theirs.edge.trace_id, theirs.edge.span_id) == (ours.edge.trace_id, ours.edge.span_id)
    assert theirs.edge.duration_us == ours.edge.duration_us
    assert theirs.payload.encoding == PROTOBUF


RECORDED = sorted((Path(__file__).parents[1] / "data" / "otlp").iterdir())


def test_recorded_exports_of_every_sender_arrive_with_the_same_meaning(make_context, receiver):
    context = make_context()
    for path in RECORDED:
        encoding = {".pb": PROTOBUF, ".json": JSON}.get(path.suffix)
        found = [one for one in ("traces", "logs", "metrics") if f".{one}" in path.name]
        if encoding is not None and found:
            take(context, found[0], path.read_bytes(), encoding)

    done = forwarder(context, receiver).run()

    ours, theirs = spans_of(context.store), spans_of(receiver.store)
    assert len(theirs) == len(ours) > 50
    for left, right in zip(ours, theirs, strict=True):
        assert decode_stored(left)[1] == decode_stored(right)[1]
    for mine, other in ((logs_of, logs_of), (points_of, points_of)):
        assert mine(context.store) == other(receiver.store) != []
    assert (done.unreadable_count, done.rejected_count) == (0, 0)


def histograms():
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    when = {"time_unix_nano": START_NS, "start_time_unix_nano": START_NS - 1000}
    plain = scope.metrics.add(name="h", unit="s").histogram
    plain.aggregation_temporality = 1
    point = plain.data_points.add(
        count=3, sum=6.5, min=1, max=4, explicit_bounds=[2.0], bucket_counts=[1, 2], **when
    )
    point.exemplars.add(time_unix_nano=START_NS, as_int=2, trace_id=bytes(range(16)))
    wide = scope.metrics.add(name="e").exponential_histogram
    wide.aggregation_temporality = 2
    point = wide.data_points.add(count=4, scale=3, zero_count=1, flags=1, **when)
    point.positive.offset = -2
    point.positive.bucket_counts.extend([1, 2])
    point = scope.metrics.add(name="s").summary.data_points.add(count=2, sum=3.0, **when)
    point.quantile_values.add(quantile=0.5, value=1.5)
    scope.metrics.add(name="g").gauge.data_points.add(as_double=1.5, **when)
    return request


def test_points_of_every_kind_arrive_whole(make_context, receiver):
    context = make_context()
    take(context, "metrics", histograms())
    forwarder(context, receiver).run()

    assert len(points_of(context.store)) == 4
    assert points_of(receiver.store) == points_of(context.store)


def test_only_what_has_arrived_since_is_sent_the_next_time(make_context, receiver):
    context = make_context()
    take(context, "traces", traces(2))
    forwarder(context, receiver).run()
    earlier = len(receiver.requests)
    # Late and older than anything sent: an exporter was offline.
    late = traces(1, trace_id=bytes([7] * 16))
    late.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = START_NS - 10**12
    take(context, "traces", late)
    take(context, "logs", logs(1))
    take(context, "logs", logs(1))  # a retry of its sender

    done = forwarder(context, receiver).run()

    assert done.sent_count == 2
    assert len(receiver.requests) == earlier + 2
    assert forwarder(context, receiver).run().sent_count == 0


def test_what_arrives_while_the_beginning_is_sent_is_sent_once(make_context, receiver):
    context = make_context()
    take(context, "traces", traces(1))
    noted = []

    def note(_):
        if not noted:
            noted.append(True)
            take(context, "traces", traces(2, trace_id=bytes([9] * 16)))

    done = forwarder(context, receiver, note=note).run()

    assert done.sent_count == 3
    sent = [ExportTraceServiceRequest.FromString(body) for _, _, body in receiver.requests]
    spans = [s for r in sent for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]
    assert len(spans) == len({(span.trace_id, span.span_id) for span in spans}) == 3


def test_since_begins_anew_with_what_happened_later(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(3))
    forwarder(context, receiver).run()

    assert forwarder(context, receiver).run(since_us=TIME_US + 1).sent_count == 2
    assert forwarder(context, receiver).run(since_us=0).sent_count == 3


def test_a_busy_endpoint_is_asked_again_when_it_says(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(1))
    receiver.answers = [(429, {"Retry-After": "7"}, b""), (503, {}, b"")]
    waits: list[float] = []

    done = forwarder(context, receiver, waits).run()

    assert done.sent_count == 1
    assert waits == [7, 10, 4]  # 14, in steps that renew the lease
    assert len(logs_of(receiver.store)) == 1


def test_an_endpoint_that_stays_away_is_an_error_and_nothing_is_lost(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(1))
    receiver.answers = [(503, {}, Status(message="no room").SerializeToString())] * 9

    with pytest.raises(BusyError) as told:
        forwarder(context, receiver, patience_s=5).run()
    assert "no room" in told.value.why
    receiver.answers.clear()
    assert forwarder(context, receiver).run().sent_count == 1


def test_nobody_at_the_address_is_told_with_the_address(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(1))
    away = forwarder(context, receiver, patience_s=0)
    receiver.close()

    with pytest.raises(BusyError) as told:
        away.run()
    assert away.endpoint.base in told.value.what
    assert "refused" in told.value.why


@pytest.mark.parametrize(("status", "error"), [(401, AccessError), (404, InputError)])
def test_an_endpoint_that_is_not_ours_to_use_is_not_asked_again(
    make_context, receiver, status, error
):
    context = make_context()
    take(context, "logs", logs(1))
    receiver.answers = [(status, {}, b"")]

    with pytest.raises(error):
        forwarder(context, receiver).run()
    assert len(receiver.requests) == 1


def test_one_item_that_is_not_taken_does_not_hold_up_the_others(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(3))
    said = Status(message="too odd").SerializeToString()
    # the whole, the first half; then the other two are taken
    receiver.answers = [(400, {}, said), (400, {}, said)]

    done = forwarder(context, receiver).run()

    assert (done.sent_count, done.rejected_count, done.message) == (2, 1, "too odd")
    assert len(logs_of(receiver.store)) == 2


def test_what_an_endpoint_refuses_of_a_batch_is_told(make_context, receiver):
    context = make_context()
    take(context, "traces", traces(3))
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "a span is too old"
    receiver.answers = [(200, {}, answer.SerializeToString())]

    done = forwarder(context, receiver).run()

    assert (done.sent_count, done.rejected_count) == (2, 1)
    assert done.message == "a span is too old"


def test_what_hooks_and_our_tools_told_counts_once_over_there_too(make_context, receiver):
    context = make_context()
    calls = own_calls.OwnCalls(context)
    calls.tell([own_calls_tests.run()])
    forwarder(context, receiver).run()
    own_calls_tests.hook(context)
    calls.join_waiting()
    forwarder(context, receiver).run()
    own_calls_tests.export(context)
    calls.join_waiting()
    forwarder(context, receiver).run()

    (here,) = context.store.spans.list_traces(Page(limit=10))
    (there,) = receiver.store.spans.list_traces(Page(limit=10))
    assert there.trace_id == here.trace_id
    assert there.measures == here.measures
    assert there.measures.tool_call_count == 1


def test_secrets_do_not_leave(make_context, receiver):
    context = make_context()
    take(context, "traces", traces(1, **{"input.value": "the key AKIAIOSFODNN7EXAMPLE here"}))

    done = forwarder(context, receiver).run()

    assert done.redaction_count == 1
    assert b"AKIAIOSFODNN7EXAMPLE" not in receiver.requests[0][2]
    assert b"the key [redacted" in receiver.requests[0][2]


def test_headers_go_along_and_are_not_shown(make_context, receiver):
    context = make_context()
    take(context, "logs", logs(1))
    told = forwarder(context, receiver, headers=headers_of("authorization=Bearer%20abc,x-a=1"))
    told.run()

    headers = {name.lower(): value for name, value in receiver.requests[0][1].items()}
    assert headers["authorization"] == "Bearer abc"
    assert headers["x-a"] == "1"
    assert "abc" not in repr(told.endpoint)


def test_two_at_once_do_not_forward_to_one_endpoint(make_context, receiver):
    context = make_context()
    context.store.take_lease(f"forward {receiver.url}", "another", 60_000_000)

    with pytest.raises(BusyError, match="cannot forward"):
        forwarder(context, receiver).run()


def test_an_endpoint_that_lags_too_far_begins_again(make_context, receiver, monkeypatch):
    context = make_context()
    take(context, "logs", logs(1))
    forwarder(context, receiver).run()
    monkeypatch.setattr(arrivals, "ARRIVALS_LIMIT", 1)
    for number in range(4):
        take(context, "traces", traces(1, trace_id=bytes([number + 1] * 16)))

    assert context.store.forwardings.find_forwarding(receiver.url) is None
    assert forwarder(context, receiver).run().sent_count == 5


def test_a_file_is_not_forwarded_to_itself(make_context):
    context = make_context()
    listener = {"pid": os.getpid(), "ports": {"rest": 9600, "otlp_http": 4318}}
    (context.settings.home / "listener.json").write_text(json.dumps(listener))

    with pytest.raises(InputError, match="cannot forward"):
        refuse_ourselves(context.settings, endpoint_of("http://localhost:4318", {}))
    refuse_ourselves(context.settings, endpoint_of("http://localhost:4319", {}))


@pytest.mark.parametrize(
    "url",
    ["", "otel:4317", "grpc://h:4317", "http://", "http://h:x", "http://u:pw@h", "http://h?a"],
)
def test_what_is_no_address_is_refused_without_its_password(url):
    with pytest.raises(InputError) as told:
        endpoint_of(url, {})
    assert "pw" not in str(told.value)


def test_an_address_may_name_a_signal():
    assert endpoint_of("https://h/otlp/v1/traces/", {}).base == "https://h/otlp"


def test_a_set_endpoint_is_served_until_the_program_stops(make_context, receiver):
    context = make_context(FLOWTRACE_FORWARD_ENDPOINT=receiver.url)
    take(context, "logs", logs(1))
    stopping = threading.Event()
    always = AlwaysForward(context, stopping, lambda: True)
    always.start()
    wait_until(lambda: logs_of(receiver.store))
    assert always.problem == ""
    stopping.set()
    always.join(5)

    take(context, "logs", logs(2))
    assert len(logs_of(receiver.store)) == 1


def test_a_set_endpoint_that_cannot_be_used_is_told_as_a_problem(make_context):
    context = make_context(FLOWTRACE_FORWARD_ENDPOINT="otel:4317")
    stopping = threading.Event()
    always = AlwaysForward(context, stopping, lambda: True)
    always.start()
    wait_until(lambda: always.problem)
    stopping.set()
    always.join(5)

    assert "cannot forward" in always.problem


def test_who_does_not_do_the_background_work_forwards_nothing(make_context, receiver):
    context = make_context(FLOWTRACE_FORWARD_ENDPOINT=receiver.url)
    take(context, "logs", logs(1))
    stopping, asked = threading.Event(), []
    always = AlwaysForward(context, stopping, lambda: asked.append(True))
    always.start()
    wait_until(lambda: asked)
    stopping.set()
    always.join(5)

    assert receiver.requests == []
