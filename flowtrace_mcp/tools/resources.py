"""What a client reads at our addresses: the answer of a tool to a fixed question, as JSON."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.tools import recall, status, traces
from flowtrace_mcp.tools.declaring import Call, Tool
from flowtrace_mcp.tools.offered import RESOURCES

RESOURCE_BUDGET_TOKENS: Final = 4_000
_SHOWN_CHARACTERS: Final = 80
_BUDGET: Final = {"budget": RESOURCE_BUDGET_TOKENS}

# Address -> tool and arguments; an address that ends in a slash has an id behind it, which goes
# into the argument that is named third.
_QUESTIONS: Final[Mapping[str, tuple[Tool[Any], Mapping[str, Any], str]]] = {
    "flowtrace://traces/recent": (traces.TOOL, {"session": "all", **_BUDGET}, ""),
    "flowtrace://traces/errors": (
        traces.TOOL,
        {"session": "all", "view": "errors", **_BUDGET},
        "",
    ),
    "flowtrace://stats/summary": (status.TOOL, {}, ""),
    "flowtrace://trace/": (traces.TOOL, {"view": "tree", **_BUDGET}, "trace_id"),
    "flowtrace://memory/": (recall.TOOL, {"query": "", **_BUDGET}, "expand"),
}


def read_resource(call: Call, uri: str) -> str:
    """Return the JSON text of a resource.

    Raises:
        NotFoundError: There is no such resource, trace or memory.
        InputError: An id in it cannot be read.
    """
    head, slash, told = uri.rpartition("/")
    question = _QUESTIONS.get(uri) or (_QUESTIONS.get(head + slash) if told else None)
    if question is None:
        raise NotFoundError(
            f"there is no resource {uri[:_SHOWN_CHARACTERS]!r}",
            why="this server has " + ", ".join(offered.uri for offered in RESOURCES),
            mend="read one of these",
        )
    tool, arguments, takes_id = question
    asked = {**arguments, **({takes_id: told} if takes_id else {})}
    reply = tool.run(call, tool.arguments.model_validate(asked))
    return msgspec.json.encode(reply.answer.model_dump(mode="json", exclude_defaults=True)).decode()
