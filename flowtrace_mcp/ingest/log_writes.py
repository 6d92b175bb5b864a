"""Log records to rows, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowtrace_mcp.ingest.conventions import concepts_of
from flowtrace_mcp.ingest.record_bytes import Origins, digest, pack, unpack
from flowtrace_mcp.ingest.span_claims import told_beside
from flowtrace_mcp.ingest.span_facts import text
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import ToldBeside
from flowtrace_mcp.model.telemetry import LogRecord, MetricPoint
from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.contents import content_id
from flowtrace_mcp.storage.logs import LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWrites:
    """What ``Store.insert_logs`` takes."""

    rows: list[LogRow] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # strings that stand as numbers in the rows
    shared: dict[int, bytes] = field(default_factory=dict)  # content id -> resource
    told: list[ToldBeside] = field(default_factory=list)  # what hooks tell as well


def log_writes(records: Sequence[LogRecord]) -> LogWrites:
    """Return the rows of log records; equal records have equal digests."""
    writes = LogWrites()
    origins = Origins()
    for record in records:
        resource = origins.resource(record.resource)
        resource_id = content_id(resource)
        writes.shared[resource_id] = resource
        session = session_of(record)
        writes.names.update((session, record.event_name))
        if told := told_beside(record, session):
            writes.told.append(told)
        data = pack((resource, origins.scope(record.scope), _fields(record)))
        writes.rows.append(
            (
                digest(data),
                record.time_us,
                int.from_bytes(record.trace_id[8:], "big", signed=True),
                int.from_bytes(record.span_id, "big", signed=True),
                to_signed(string_id(session)),
                to_signed(string_id(record.event_name)),
                resource_id,
                compress(data),
            )
        )
    writes.names.discard("")
    return writes


def read_log(data: bytes) -> LogRecord:
    """Return the record that a row's unpacked data holds.

    Raises:
        DamagedError: The bytes are no record of ours.
    """
    resource, scope, fields = unpack(data, "log record")
    return LogRecord(resource=resource, scope=scope, **fields)


def session_of(record: LogRecord | MetricPoint) -> str:
    """Return the session that a record or point or its resource names, "" when none does."""
    for attributes in (record.attributes, record.resource.attributes):
        if session := text(concepts_of(attributes).get("session")):
            return session
    return ""


def _fields(record: LogRecord) -> dict[str, object]:
    seldom = {
        "observed_us": record.observed_us,
        "flags": record.flags,
        "dropped_attribute_count": record.dropped_attribute_count,
    }
    return {
        **{name: number for name, number in seldom.items() if number},
        "time_us": record.time_us,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "severity": record.severity,
        "severity_text": record.severity_text,
        "event_name": record.event_name,
        "body": record.body,
        "attributes": record.attributes,
    }
