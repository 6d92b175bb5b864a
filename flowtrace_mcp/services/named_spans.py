"""The trace and the span that a person or an agent means by what they type."""

from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, parse_id, short_id_range
from flowtrace_mcp.services.context import Context

_SHOWN_LIMIT: Final = 5

Place = tuple[bytes, bytes]  # trace id, span id


def named_trace(context: Context, typed: str) -> bytes:
    """Return the trace id that a handle or a whole id means.

    Raises:
        InputError: Neither, or a handle that fits several traces.
        NotFoundError: No trace has this handle.
    """
    lows = short_id_range(typed)
    if lows is None:
        return parse_id(typed, TRACE_ID_BYTES, name="trace_id")
    found = context.store.spans.list_trace_ids(lows, _SHOWN_LIMIT)
    if len(found) > 1:
        raise _ambiguous(typed, [trace_id.hex() for trace_id in found], "traces")
    if not found:
        raise NotFoundError(
            f"no trace {typed.strip()}",
            why="no span of it is stored",
            mend='find it with view "list"',
        )
    return found[0]


def named_span(context: Context, typed: str, trace_id: bytes = b"") -> Place:
    """Return the trace and the span that a handle or a whole span id means.

    Args:
        context: The means of the program.
        typed: Of the span.
        trace_id: The trace it is in; b"" = look for it in all of them.

    Raises:
        InputError: Neither, or one that fits several spans.
        NotFoundError: No such span.
    """
    between = short_id_range(typed)
    if between is None:
        number = int.from_bytes(parse_id(typed, SPAN_ID_BYTES, name="span_id"), "big", signed=True)
        between = (number, number)
    places = context.store.spans.list_span_places(between, _SHOWN_LIMIT)
    fitting = [place for place in places if not trace_id or place[0] == trace_id]
    if len(fitting) > 1:
        told = [f"{span.hex()} in trace {trace.hex()}" for trace, span in fitting]
        raise _ambiguous(typed, told, "spans")
    if not fitting:
        place = f" in trace {trace_id.hex()}" if trace_id else ""
        raise NotFoundError(
            f"no span {typed.strip()}{place}",
            why="none of that id is stored",
            mend='find it with view "tree" of its trace',
        )
    return fitting[0]


def _ambiguous(typed: str, found: list[str], what: str) -> InputError:
    return InputError(
        f"{typed.strip()} fits {len(found)} {what} ({'; '.join(found)})",
        why="a short id is how an id begins",
        mend="give the whole id",
    )
