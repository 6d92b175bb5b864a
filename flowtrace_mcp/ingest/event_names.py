"""How a log record says which event it is."""

import re
from typing import Final

from flowtrace_mcp.model.telemetry import Attributes

# Those that tell of one model call.
CALL_EVENTS: Final = ("api_request", "claude_code.api_request", "gemini_cli.api_response")

# Rust's tracing puts "event src/file.rs:12" into the field; the name is then an attribute.
_SOURCE_POSITION: Final = re.compile(r"event \S+:\d+")


def event_name(field: str, attributes: Attributes) -> str:
    """Return the event's name: the record's own field, else attribute ``event.name``."""
    if field and not _SOURCE_POSITION.fullmatch(field):
        return field
    named = attributes.get("event.name")
    return named if isinstance(named, str) and named else field
