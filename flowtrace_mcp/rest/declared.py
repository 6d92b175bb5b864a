"""What a path takes and answers: checked at the door, and told in docs/rest.md and OpenAPI."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Form: TypeAlias = Literal["text", "time", "integer", "number", "boolean", "id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a query; every one may be left out."""

    name: str
    means: str
    form: Form = "text"
    also: tuple[str, ...] = ()  # its names in other systems
    one_of: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    default: str | int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names it is taken by, its own first."""
        return (self.name, *self.also)


SINCE: Final = Parameter(
    name="since", form="time", also=("start_ts", "start_time"), means="only from this time on"
)
UNTIL: Final = Parameter(
    name="until", form="time", also=("end_ts", "end_time"), means="only before this time"
)
LIMIT: Final = Parameter(
    name="limit", form="integer", least=1, most=1000, default=100, means="most rows"
)
CURSOR: Final = Parameter(name="cursor", means="`next` of the page before")
WINDOW: Final = (SINCE, UNTIL)
LISTING: Final = (*WINDOW, LIMIT, CURSOR)
SESSION: Final = Parameter(name="session", also=("session_id",), means="only of this session")
PROJECT: Final = Parameter(
    name="project",
    also=("project_id",),
    means="only of this project: a name, an identity or a number",
)
TRACE: Final = Parameter(name="trace_id", form="id", means="only of this trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A path as callers know it."""

    method: str
    path: str
    says: str  # what it answers, in one line
    takes: tuple[Parameter, ...] = ()
    bodies: tuple[type, ...] = ()  # shapes of the body, any of which it takes
    body: str = ""  # what the body is, where no shape says it
    body_type: str = "application/json"
    answers: Any = None  # the type of a good answer, where it is one
    status: int = 200
    media_type: str = "application/json"
    is_open: bool = False  # needs no token


class DeclaredRoute(Route):
    """A route that knows what it takes and answers."""

    def __init__(self, declared: Declaration, handler: Handler) -> None:
        super().__init__(declared.path, handler, methods=[declared.method])
        self.declared: Final = declared
