"""What a tool is: its name, when to call it, what it takes, how it answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from mcp.types import Tool as ListedTool
from mcp.types import ToolAnnotations
from pydantic import BaseModel, BeforeValidator, ConfigDict

from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.status import ListenerFacts


class Arguments(BaseModel):
    """What a tool takes; an argument it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a tool says; a field that holds its default has nothing to say and is left out."""

    model_config = ConfigDict(frozen=True)


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a running tool is given beside its arguments."""

    context: Context
    caller: Caller
    listener_facts: Callable[[], ListenerFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, and the same in a few lines for those who read text."""

    answer: Answer
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A]):
    """One MCP tool.

    Attributes:
        name: What it is called.
        description: When to call it, then what it does; 150 to 350 characters.
        arguments: What it takes.
        answer: What it says.
        annotations: Hints for the client; all four are set.
        run: Does it, on a worker thread. Raises FlowtraceError.
        is_always_loaded: Whether clients that load tools late should show this one at once.
    """

    name: str
    description: str
    arguments: type[A]
    answer: type[Answer]
    annotations: ToolAnnotations
    run: Callable[[Call, A], Reply]
    is_always_loaded: bool = False


def listed(tool: Tool[Any]) -> ListedTool:
    """Return a tool as clients list it."""
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=_slim(tool.arguments.model_json_schema()),
        output_schema=_slim(tool.answer.model_json_schema()),
        annotations=tool.annotations,
        _meta={"anthropic/alwaysLoad": True} if tool.is_always_loaded else None,
    )


def hints(*, reads: bool, destroys: bool = False, repeats: bool = False) -> ToolAnnotations:
    """Return the four hints of a tool that reaches nothing outside this machine.

    Args:
        reads: It changes nothing that anyone asked to keep.
        destroys: It may take away what was kept.
        repeats: Calling it again with the same arguments changes nothing more.
    """
    return ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=destroys,
        idempotent_hint=repeats,
        open_world_hint=False,
    )


def _texts(value: Any) -> Any:
    """Take a lone text, or a list that was sent as JSON text: models send both."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        return parsed
    return [value] if value.strip() else []


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]

_NOISE: Final[tuple[dict[str, Any], ...]] = ({"default": ""}, {"default": []}, {"default": False})


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without what a model does not need: titles, prose on models, defaults."""
    slim = {key: value for key, value in schema.items() if key not in ("title", "description")}
    slim["properties"] = {
        name: {
            key: value
            for key, value in field.items()
            if key != "title" and {key: value} not in _NOISE
        }
        for name, field in schema.get("properties", {}).items()
    }
    return slim
