"""What the demo sends: an agent's work told by the OpenTelemetry SDK, and recorded exports."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Status, StatusCode, Tracer, format_trace_id

AGENT: Final = "demo-agent"
EXPORTS: Final = "demo_exports"
SEND_LIMIT_S: Final = 10
_SIGNALS: Final = ("traces", "logs", "metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One recorded export that was posted."""

    name: str
    signal: str
    size_bytes: int
    status: int


def send_run_over_http(host: str, port: int, session: str) -> str:
    """Send an agent's run over OTLP/HTTP; return its trace id in hex."""
    endpoint = f"http://{host}:{port}/v1/traces"
    return _send(HttpSpanExporter(endpoint=endpoint, timeout=SEND_LIMIT_S), session)


def send_run_over_grpc(host: str, port: int, session: str) -> str:
    """Send an agent's run over OTLP/gRPC; return its trace id in hex."""
    exporter = GrpcSpanExporter(
        endpoint=f"{host}:{port}", insecure=True, timeout=SEND_LIMIT_S, headers=()
    )
    return _send(exporter, session)


def send_exports(host: str, port: int) -> Iterator[Sent]:
    """Post what coding agents and frameworks really sent, once recorded."""
    folder = files("flowtrace_mcp.cli").joinpath(EXPORTS)
    for export in sorted(folder.iterdir(), key=lambda entry: entry.name):
        signal = next((name for name in _SIGNALS if f".{name}." in export.name), "")
        if not signal:
            continue
        body = export.read_bytes()
        status = _post(host, port, f"/v1/{signal}", body)
        yield Sent(name=export.name, signal=signal, size_bytes=len(body), status=status)


def _send(exporter: SpanExporter, session: str) -> str:
    resource = Resource({"service.name": AGENT, "session.id": session})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        return _work(provider.get_tracer("flowtrace.demo"))
    finally:
        provider.shutdown()


def _work(tracer: Tracer) -> str:
    """Do as an agent does: think, call a tool that fails, think again, call one that works."""
    with tracer.start_as_current_span(
        f"invoke_agent {AGENT}",
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": AGENT},
    ) as root:
        _think(tracer, input_tokens=1200, cached_tokens=1000, output_tokens=85)
        _use_tool(tracer, "Bash", '{"command": "pytest tests/orders"}', "1 failed, 41 passed")
        _think(tracer, input_tokens=1900, cached_tokens=1200, output_tokens=240)
        _use_tool(tracer, "Edit", '{"file_path": "orders/total.py"}')
        return format_trace_id(root.get_span_context().trace_id)


def _think(tracer: Tracer, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> None:
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.cache_read.input_tokens": cached_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
    }
    with tracer.start_as_current_span("chat claude-sonnet-4-5", attributes=attributes):
        pass


def _use_tool(tracer: Tracer, name: str, arguments: str, failure: str = "") -> None:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments,
    }
    with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
        if failure:
            span.set_attribute("error.type", "tests_failed")
            span.set_status(Status(StatusCode.ERROR, failure))


def _post(host: str, port: int, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=SEND_LIMIT_S)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
