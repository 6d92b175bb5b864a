"""One call of a tool of our own MCP server, as it is told in spans."""

from typing import Final

import msgspec

from flowtrace_mcp.model.span_write import TIMED

OWN_SCOPE: Final = "flowtrace.mcp"
OWN_SERVICE: Final = "flowtrace-mcp"
# On both spans of a call: by what an agent's own account of the call is recognised.
CALL_ATTRIBUTE: Final = "flowtrace.call"
# On both, once they stand below the agent's span of the call: what kind of span that is.
TOLD_BY_ATTRIBUTE: Final = "flowtrace.told_by"

AttributeText = str | int


class OwnWork(msgspec.Struct, frozen=True, kw_only=True):
    """What a call did to the memories."""

    operation: str  # of gen_ai.operation.name
    start_ns: int
    end_ns: int
    attributes: dict[str, AttributeText]


class OwnCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call, with nothing in it that the settings keep out."""

    seed: bytes  # 16 bytes that no other call has: the ids of its spans follow from them
    name: str  # of the span
    start_ns: int
    end_ns: int
    session: str
    attributes: dict[str, AttributeText]
    error_code: str = ""  # "" = it was answered
    work: OwnWork | None = None
    trace_id: bytes = b""  # what the client said that it calls from
    span_id: bytes = b""
    call: str = ""  # the agent's id of the call, or ``TIMED`` and the tool; "" = it has no other


def call_claims(call: str) -> tuple[str, ...]:
    """Return by what the agent's own spans of a call are found.

    Args:
        call: As ``OwnCall`` has it. Agents that name no call name its tool, each in its way.
    """
    if not call:
        return ()
    if not call.startswith(TIMED):
        return (f"call {call}",)
    tool = call.removeprefix(TIMED)
    return tuple(f"{TIMED}{prefix}{tool}" for prefix in _TOOL_PREFIXES)


_TOOL_PREFIXES: Final = ("", "mcp__flowtrace__", "flowtrace__", "flowtrace.")
