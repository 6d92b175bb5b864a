"""What a client asked, as plain data that a worker thread may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of a tool.

    Attributes:
        tool: Its name.
        arguments: As they came.
        meta: What the client put beside them.
        client: The name by which the client presents itself, or "".
        headers: Of the HTTP request, with names in lower case; None on stdio.
        request_id: Of the JSON-RPC request.
        protocol: Version of the protocol that the call came in.
    """

    tool: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any]
    client: str
    headers: Mapping[str, str] | None = None
    request_id: str = ""
    protocol: str = ""


def asked_of(
    request: ServerRequestContext[Any, Any],
    tool: str = "",
    arguments: Mapping[str, Any] | None = None,
) -> Asked:
    """Return what a request of either protocol era asks; a tool only where it calls one."""
    client = request.session.client_params
    headers = getattr(request.request, "headers", None)
    return Asked(
        tool=tool,
        arguments=arguments or {},
        meta=dict(request.meta or {}),
        client=client.client_info.name if client else "",
        headers=None if headers is None else {name.lower(): text for name, text in headers.items()},
        request_id="" if request.request_id is None else str(request.request_id),
        protocol=request.protocol_version,
    )
