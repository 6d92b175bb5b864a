"""OTLP requests of spans as coding agents send them: about 1 KB each, in traces of 50."""

import base64
import json
import random
import time
from collections.abc import Iterator

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_PER_TRACE = 50
TRACES_PER_SESSION = 2
_IDS = {"traceId", "spanId", "parentSpanId"}
_WORDS = [
    "read",
    "write",
    "order",
    "total",
    "round",
    "tax",
    "discount",
    "cache",
    "test",
    "fails",
    "passes",
    "because",
    "after",
    "before",
    "function",
    "returns",
    "wrong",
    "value",
    "file",
    "line",
    "error",
    "import",
    "session",
    "request",
    "response",
    "retry",
]


def requests(
    count: int, *, spans: int = 512, seed: int = 1, start_ns: int | None = None
) -> Iterator[bytes]:
    """Yield encoded requests; the same seed gives the same ids and texts."""
    chance = random.Random(seed)
    clock_ns = start_ns if start_ns is not None else time.time_ns() - 3_600_000_000_000
    maker = _Maker(chance, clock_ns)
    for _ in range(count):
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.append(_text("service.name", "bench-agent"))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "bench"
        for _ in range(spans):
            maker.add_to(scope_spans.spans.add())
        yield request.SerializeToString()


class _Maker:
    def __init__(self, chance: random.Random, clock_ns: int) -> None:
        self._chance = chance
        self._clock_ns = clock_ns
        self._made = 0
        self._trace_id = b""
        self._ids: list[bytes] = []
        self._session = ""

    def add_to(self, span: Span) -> None:
        position = self._made % SPANS_PER_TRACE
        if position == 0:
            self._trace_id, self._ids = self._chance.randbytes(16), []
            if self._made // SPANS_PER_TRACE % TRACES_PER_SESSION == 0:
                self._session = self._chance.randbytes(16).hex()
        self._made += 1
        self._clock_ns += 137_000
        span.trace_id, span.span_id = self._trace_id, self._chance.randbytes(8)
        if self._ids:
            span.parent_span_id = self._ids[(position - 1) // 3]
        self._ids.append(span.span_id)
        span.start_time_unix_nano = self._clock_ns
        span.end_time_unix_nano = self._clock_ns + self._chance.randrange(1_000_000, 90_000_000)
        span.kind = Span.SPAN_KIND_INTERNAL
        if position % 5 == 4:
            self._tool(span)
        else:
            self._model_call(span)
        span.attributes.append(_text("gen_ai.conversation.id", self._session))
        span.attributes.append(_text("gen_ai.agent.name", "bench-agent"))

    def _model_call(self, span: Span) -> None:
        span.name = "chat claude-sonnet-4-5"
        span.attributes.extend(
            (
                _text("gen_ai.operation.name", "chat"),
                _text("gen_ai.provider.name", "anthropic"),
                _text("gen_ai.request.model", "claude-sonnet-4-5"),
                _text("gen_ai.response.model", "claude-sonnet-4-5-20250929"),
                _number("gen_ai.usage.input_tokens", self._chance.randrange(500, 9000)),
                _number("gen_ai.usage.cache_read.input_tokens", self._chance.randrange(500)),
                _number("gen_ai.usage.output_tokens", self._chance.randrange(10, 900)),
                _text("gen_ai.response.id", self._chance.randbytes(12).hex()),
                _text("gen_ai.output.messages", self._prose(90)),
            )
        )

    def _tool(self, span: Span) -> None:
        span.name = "execute_tool Bash"
        span.attributes.extend(
            (
                _text("gen_ai.operation.name", "execute_tool"),
                _text("gen_ai.tool.name", "Bash"),
                _text("gen_ai.tool.call.id", self._chance.randbytes(12).hex()),
                _text("gen_ai.tool.call.arguments", f'{{"command": "{self._prose(30)}"}}'),
                _text("gen_ai.tool.call.result", self._prose(80)),
            )
        )

    def _prose(self, words: int) -> str:
        return " ".join(self._chance.choices(_WORDS, k=words))


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))


def as_json(body: bytes) -> bytes:
    """Return the same request in OTLP's JSON, as a JavaScript exporter sends it."""
    request = json_format.MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True
    )
    for resource_spans in request["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for name in _IDS & span.keys():
                    span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(request, separators=(",", ":")).encode()
