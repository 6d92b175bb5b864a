"""What a received item must have to be kept, whatever its encoding."""

from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from flowtrace_mcp.model.telemetry import Rejected, SpanRecord
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US

_NO_TRACE: Final = bytes(TRACE_ID_BYTES)
_NO_SPAN: Final = bytes(SPAN_ID_BYTES)


class Refusals:
    """The refused items of one request: how many, and why the first one was."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._count = 0
        self._first_reason = ""

    def add(self, reason: str) -> None:
        """Count one refused item."""
        self._count += 1
        self._first_reason = self._first_reason or reason

    def rejected(self) -> Rejected:
        """Return what the sender is told."""
        if not self._count:
            return Rejected()
        return Rejected(
            count=self._count,
            message=f"{self._count} {self._noun} refused; the first: {self._first_reason}",
        )


def span_fault(record: SpanRecord) -> str:
    """Return why a span cannot be kept, "" when it can."""
    if len(record.trace_id) != TRACE_ID_BYTES or record.trace_id == _NO_TRACE:
        return "its trace id is not 16 bytes with one above zero"
    if len(record.span_id) != SPAN_ID_BYTES or record.span_id == _NO_SPAN:
        return "its span id is not 8 bytes with one above zero"
    if record.parent_span_id and len(record.parent_span_id) != SPAN_ID_BYTES:
        return "its parent span id is not 8 bytes"
    if record.start_us < EARLIEST_US or record.start_us + record.duration_us >= LATEST_US:
        return "its times are not in the years 2000 to 2199"
    return ""


def log_fault(trace_id: bytes, span_id: bytes, time_us: int) -> str:
    """Return why a log record cannot be kept, "" when it can; it needs no ids."""
    if trace_id and len(trace_id) != TRACE_ID_BYTES:
        return "its trace id is not 16 bytes"
    if span_id and len(span_id) != SPAN_ID_BYTES:
        return "its span id is not 8 bytes"
    return time_fault(time_us)


def time_fault(time_us: int) -> str:
    """Return why a point in time cannot be kept, "" when it can."""
    if EARLIEST_US <= time_us < LATEST_US:
        return ""
    return "its time is not in the years 2000 to 2199"


def parent_or_root(parent_span_id: bytes) -> bytes:
    """Return a parent id as it is kept: all zero means the same as none."""
    return b"" if parent_span_id == _NO_SPAN else parent_span_id


def id_or_none(item_id: bytes) -> bytes:
    """Return an optional trace or span id: empty when all zero."""
    return item_id if any(item_id) else b""


def unreadable(signal: str, encoding: str) -> InputError:
    """Return the error for a body that cannot be decoded at all.

    Args:
        signal: traces, logs or metrics.
        encoding: protobuf or JSON.
    """
    return InputError(
        f"cannot read the body as OTLP {signal} in {encoding}",
        why=f"it is not a complete Export{signal.capitalize()}ServiceRequest in {encoding}",
        mend="check the exporter's protocol and that its Content-Type matches the body",
    )
