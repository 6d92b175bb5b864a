"""Edges as senders write them."""

from typing import Any

import msgspec


class EdgeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An edge as senders write it; ids as hex, 0x-hex, decimal or a number."""

    timestamp_us: int | str
    edge_id: str | int = ""  # whole, or that of its span; "" = a new one
    trace_id: str | int = ""  # "" = that of the parent, else one of its own
    causal_parent: str | int = ""
    duration_us: int = 0
    name: str = ""
    span_type: str | int = ""
    status: str = "unset"
    status_message: str = ""
    session_id: str | int = ""
    agent_id: str | int = ""
    provider: str = ""
    model: str = ""
    tool: str = ""
    input_token_count: int | None = None
    output_token_count: int | None = None
    cost_usd: float | None = None
    sensitivity_flags: int = 0
    ttl_hours: int = 0
    attributes: dict[str, Any] = {}
    # What an edge of such an SDK has besides; these are made here, whatever is sent.
    token_count: int = 0
    logical_clock: int = 0
    tenant_id: int = 0
    project_id: int = 0
    schema_version: int = 0
    parent_count: int = 0
    environment: int = 0
    confidence: float = 1.0
    sampling_rate: float = 1.0
    compression_type: int = 0
    compression_dict_id: int = 0
    has_payload: int | bool = 0
    flags: int = 0
    checksum: int | str = 0


class EdgesBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Edges of one request."""

    edges: list[EdgeBody]
