"""OTLP over gRPC. Importing this costs what grpc costs, so only the listener's thread does it.

A plain ``grpc.server``: handlers wait for the disk, which threads do well, and a request's bytes
reach the pipeline without being parsed on the way.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # it ships no types

from flowtrace_mcp.errors import BusyError, FlowtraceError
from flowtrace_mcp.ingest.gzip_body import gunzip
from flowtrace_mcp.ingest.otlp_answers import (
    Signal,
    export_message,
    sender_codes,
    status_message,
)
from flowtrace_mcp.ingest.pipeline import Outcome, Pipeline
from flowtrace_mcp.ingest.request_parts import Body
from flowtrace_mcp.ingest.room import Room
from flowtrace_mcp.model.telemetry import PayloadEncoding, Rejected

# The requests beyond these are told to come back, by the threads that are left for it.
REQUESTS_LIMIT: Final = 8
WORKERS: Final = 12
BODIES_LIMIT: Final = 2
STOP_LIMIT_S: Final = 0.02

_SERVICES: Final = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS: Final = "grpc-status-details-bin"
# A protobuf message cannot begin like this: the first byte would be a field of wire type 7.
_GZIP_BEGIN: Final = b"\x1f\x8b"
_ACCEPTED_COMPRESSIONS: Final = 0b101  # bit 0 is none, bit 2 is gzip

logger: Final = logging.getLogger(__name__)

# Takes the caller as grpc writes it ("ipv4:127.0.0.1:4711"), our port, and the authorization
# that was sent or ""; raises AccessError, or RateError when too much was sent. Returns who is to be
# told how many items came, None when nobody counts.
Admit = Callable[[str, int, str], Callable[[int], None] | None]


class OtlpGrpc:
    """The server, listening from the moment it exists.

    Args:
        pipeline: Where requests go.
        address: Host and port; port 0 is any free one.
        limit_bytes: The largest request, after decompression.
        admit: Refuses callers, and counts what they send.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self, pipeline: Pipeline, address: tuple[str, int], limit_bytes: int, admit: Admit
    ) -> None:
        self._admit = admit
        self._limit_bytes = limit_bytes
        self._room = Room(REQUESTS_LIMIT, BODIES_LIMIT * limit_bytes)
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="flowtrace-grpc")
        self._server = grpc.server(
            self._workers,
            options=(
                # Otherwise two processes share a port and each gets half of every trace.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", limit_bytes),
                # Messages are unpacked here, where what all of them hold together is bounded.
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", _ACCEPTED_COMPRESSIONS),
            ),
            compression=grpc.Compression.NoCompression,  # of answers; requests may be gzip
        )
        takers = {
            Signal.TRACES: pipeline.traces,
            Signal.LOGS: pipeline.logs,
            Signal.METRICS: pipeline.metrics,
        }
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    _SERVICES[signal],
                    {
                        "Export": grpc.unary_unary_rpc_method_handler(
                            self._handler(signal, take), response_serializer=_serialize
                        )
                    },
                )
                for signal, take in takers.items()
            ]
        )
        self.port = self._bind(*address)
        self._server.start()

    def stop(self) -> None:
        """Let what is under way end for a moment, then hang up."""
        self._server.stop(STOP_LIMIT_S).wait(STOP_LIMIT_S * 2)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _bind(self, host: str, port: int) -> int:
        shown = f"[{host}]" if ":" in host else host
        try:
            bound = int(self._server.add_insecure_port(f"{shown}:{port}"))
        except RuntimeError as error:
            raise OSError(f"port {port} is taken") from error
        if not bound:
            raise OSError(f"port {port} is taken")
        return bound

    def _handler(
        self, signal: Signal, take: Callable[[Body, PayloadEncoding], Outcome]
    ) -> Callable[[bytes, Any], Message]:
        def export(body: bytes, context: Any) -> Message:
            try:
                return export_message(signal, self._take(body, context, take))
            except FlowtraceError as error:
                _fail(context, error)
            except (
                Exception
            ):  # the edge of the request: the caller gets a status, the log the cause
                logger.exception("an OTLP request failed")
                _fail(context, FlowtraceError("the request failed", mend="see the log file"))
            return export_message(signal, Rejected())  # with a failed status it is not sent

        return export

    def _take(
        self, body: Body, context: Any, take: Callable[[Body, PayloadEncoding], Outcome]
    ) -> Rejected:
        sent = dict(context.invocation_metadata())
        charge = self._admit(context.peer(), self.port, sent.get("authorization", ""))
        with self._room.enter() as stay:
            stay.take(len(body))
            if body.startswith(_GZIP_BEGIN):
                with self._room.unpacking:
                    body = gunzip(body, self._limit_bytes, stay.take)
            outcome = take(body, PayloadEncoding.PROTOBUF)
        if charge is not None:
            charge(outcome.accepted_count + outcome.rejected.count)
        return outcome.rejected


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _fail(context: Any, error: FlowtraceError) -> None:
    """Set a failed status; what may pass later says when to come back."""
    code = sender_codes(error)[1]
    status = status_message(code, error)
    if isinstance(error, BusyError):
        pause = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=error.retry_after_s))
        status.details.add().Pack(pause)
    context.set_trailing_metadata(((_DETAILS, status.SerializeToString()),))
    context.set_code(_CODES[code])
    context.set_details(status.message)
