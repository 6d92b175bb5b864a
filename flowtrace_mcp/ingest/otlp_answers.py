"""What an OTLP sender is told: the answer to an export and ``google.rpc.Status``, both encodings."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped]  # the package ships no types
    error_details_pb2,
    status_pb2,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flowtrace_mcp.errors import BusyError, FlowtraceError, InputError, outside
from flowtrace_mcp.model.telemetry import PayloadEncoding, Rejected

# An answer may have 4 MiB; nobody reads more than this of a message.
MESSAGE_LIMIT_CHARACTERS: Final = 2000
# What makes a sender repeat its request. Of the gRPC codes these are: cancelled, deadline exceeded,
# aborted, out of range, unavailable, data loss.
REPEATED_HTTP: Final = frozenset((429, 502, 503, 504))
REPEATED_RPC: Final = frozenset((1, 4, 10, 11, 14, 15))
_INTERNAL: Final = (500, 13)
_TYPE_URL: Final = "type.googleapis.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one signal counts what it refused."""

    answer: type[Message]
    rejected_field: str
    rejected_json: str


class Signal(Enum):
    """The three kinds of telemetry; the value is the last part of the path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


SHAPES: Final = {
    Signal.TRACES: Shape(
        answer=ExportTraceServiceResponse,
        rejected_field="rejected_spans",
        rejected_json="rejectedSpans",
    ),
    Signal.LOGS: Shape(
        answer=ExportLogsServiceResponse,
        rejected_field="rejected_log_records",
        rejected_json="rejectedLogRecords",
    ),
    Signal.METRICS: Shape(
        answer=ExportMetricsServiceResponse,
        rejected_field="rejected_data_points",
        rejected_json="rejectedDataPoints",
    ),
}


def export_message(signal: Signal, rejected: Rejected) -> Message:
    """Return the answer to an export; ``partial_success`` is unset when all was kept."""
    shape = SHAPES[signal]
    answer: Any = shape.answer()
    if rejected.count or rejected.message:
        setattr(answer.partial_success, shape.rejected_field, rejected.count)
        answer.partial_success.error_message = rejected.message[:MESSAGE_LIMIT_CHARACTERS]
    message: Message = answer
    return message


def export_body(signal: Signal, rejected: Rejected, encoding: PayloadEncoding) -> bytes:
    """Return the answer to an export in the encoding of the request."""
    if encoding == PayloadEncoding.PROTOBUF:
        return export_message(signal, rejected).SerializeToString()
    if not (rejected.count or rejected.message):
        return b"{}"
    partial = {
        SHAPES[signal].rejected_json: str(rejected.count),  # proto3 JSON: int64 is text
        "errorMessage": rejected.message[:MESSAGE_LIMIT_CHARACTERS],
    }
    return msgspec.json.encode({"partialSuccess": partial})


def sender_codes(error: FlowtraceError) -> tuple[int, int]:
    """Return the HTTP status and the gRPC status code that an OTLP sender is told.

    Only ``BusyError`` may pass later. Any other error that has a status senders repeat is told as
    a fault of ours, for repeating would go on for as long as the fault lasts.
    """
    status, code, _ = outside(error)
    if isinstance(error, BusyError):
        return status, code
    return (
        _INTERNAL[0] if status in REPEATED_HTTP else status,
        _INTERNAL[1] if code in REPEATED_RPC else code,
    )


def status_message(code: int, error: FlowtraceError) -> status_pb2.Status:
    """Return an error as ``google.rpc.Status``; bad data says what is bad in the details."""
    text = str(error)[:MESSAGE_LIMIT_CHARACTERS]
    status = status_pb2.Status(code=code, message=text)
    if isinstance(error, InputError):
        violation = error_details_pb2.BadRequest.FieldViolation(field="body", description=text)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def status_body(code: int, error: FlowtraceError, encoding: PayloadEncoding) -> bytes:
    """Return an error as ``google.rpc.Status`` in the encoding of the request.

    Args:
        code: gRPC status code.
        error: What went wrong.
        encoding: That of the request.
    """
    if encoding == PayloadEncoding.PROTOBUF:
        data: bytes = status_message(code, error).SerializeToString()
        return data
    text = str(error)[:MESSAGE_LIMIT_CHARACTERS]
    status: dict[str, Any] = {"code": code, "message": text}
    if isinstance(error, InputError):
        name = error_details_pb2.BadRequest.DESCRIPTOR.full_name
        violations = [{"field": "body", "description": text}]
        status["details"] = [{"@type": _TYPE_URL + name, "fieldViolations": violations}]
    return msgspec.json.encode(status)
