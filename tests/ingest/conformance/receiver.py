"""The receiver as its senders meet it: a program with real ports, and what to send there."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flowtrace_mcp.app import Application
from tests.ingest import otlp_bodies
from tests.waiting import wait_until

HOST = "127.0.0.1"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ENCODINGS = (PROTOBUF, JSON)
LIMIT_BYTES = 8 * 1024 * 1024
PACKAGE = "opentelemetry.proto.collector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One kind of telemetry: its names on the wire."""

    name: str
    service: str
    response: type[Message]
    rejected: str

    @property
    def path(self) -> str:
        return f"/v1/{self.name}"

    @property
    def method(self) -> str:
        return f"/{PACKAGE}.{self.service}/Export"

    def request(self, count=1):
        return getattr(otlp_bodies, self.name)(count)


TRACES = Signal(
    name="traces",
    service="trace.v1.TraceService",
    response=ExportTraceServiceResponse,
    rejected="rejected_spans",
)
LOGS = Signal(
    name="logs",
    service="logs.v1.LogsService",
    response=ExportLogsServiceResponse,
    rejected="rejected_log_records",
)
METRICS = Signal(
    name="metrics",
    service="metrics.v1.MetricsService",
    response=ExportMetricsServiceResponse,
    rejected="rejected_data_points",
)
SIGNALS = (TRACES, LOGS, METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def status_message(self) -> Status:
        """Read the body as a Status, in the encoding that the answer says."""
        if self.headers["content-type"] == PROTOBUF:
            return Status.FromString(self.body)
        told = json.loads(self.body)
        return Status(code=told["code"], message=told["message"])


def encoded(request, content_type):
    """Return a request's bytes in one of the two encodings."""
    if content_type == JSON:
        return otlp_bodies.otlp_json_of(request)
    return request.SerializeToString()


class Receiver:
    """A program that listens, and a sender that talks to it."""

    def __init__(self, home, **more):
        environ = {
            "FLOWTRACE_HOME": str(home),
            "FLOWTRACE_EMBEDDER": "off",
            "FLOWTRACE_PORT": "0",
            "FLOWTRACE_OTLP_HTTP_PORT": "0",
            "FLOWTRACE_OTLP_GRPC_PORT": "0",
            "FLOWTRACE_REQUIRE_AUTH": "false",
            "FLOWTRACE_MAX_BODY_BYTES": str(LIMIT_BYTES),
            **more,
        }
        self.program = Application(environ)
        self.program.warm_up()
        wait_until(lambda: self.facts.rest_port is not None)

    @property
    def facts(self):
        return self.program.listener_facts()

    @property
    def store(self):
        return self.program.context().store

    def wait_for_all_ports(self):
        wait_until(lambda: self.facts.otlp_grpc_port and self.facts.otlp_http_port)

    def close(self):
        self.program.close()

    def connect(self):
        return http.client.HTTPConnection(HOST, self.facts.otlp_http_port, timeout=5)

    def post(self, body, path="/v1/traces", content_type=PROTOBUF, **headers):
        """Post a body to the OTLP port on a connection of its own."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body, {"content-type": content_type, **names})

    def ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            return read(connection)
        finally:
            connection.close()

    def call(self, method, body, **options):
        """Call gRPC on a channel of its own; raises ``grpc.RpcError``."""
        unbounded = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"{HOST}:{self.facts.otlp_grpc_port}", unbounded) as channel:
            return channel.unary_unary(method)(body, timeout=5, **options)

    def get(self, path, **query):
        """Return what the REST port answers, parsed."""
        connection = http.client.HTTPConnection(HOST, self.facts.rest_port, timeout=5)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def counts(self):
        """Return how many spans, log records and points are stored."""
        facts = self.store.facts()
        return facts.span_count, facts.log_count, facts.metric_point_count


def read(connection):
    """Return the answer that a connection has waiting."""
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(status=answer.status, headers=headers, body=answer.read())


def refused(caught):
    """Return the code of a failed call and its Status, unpacked."""
    sent = dict(caught.value.trailing_metadata() or ())
    return caught.value.code(), Status.FromString(sent.get("grpc-status-details-bin", b""))
