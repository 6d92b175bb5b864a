"""The routes that find spans: by every filter, and by plain words; `span_answers` answers them."""

import msgspec

from flowtrace_mcp.rest.declared import LISTING, PROJECT, SESSION, TRACE, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late
from flowtrace_mcp.rest.span_filters import FILTERS, ROOTS


class SearchBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A question about spans: ``errors of Bash last hour deploy``."""

    query: str
    project: str = ""  # name, identity or number
    project_id: str | int = ""  # the same
    session: str = ""
    limit: int = 100


def span_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes that find spans."""
    return [
        endpoints.get(
            "/api/v1/spans",
            late("span_answers", "list_found"),
            SESSION,
            PROJECT,
            TRACE,
            *FILTERS,
            ROOTS,
            *LISTING,
            says="spans, newest first; a page may hold fewer than `limit` and yet go on",
        ),
        endpoints.post(
            "/api/v1/search",
            late("span_answers", "search"),
            bodies=(SearchBody,),
            says="spans that a question like `errors last hour deploy` is about, see below",
        ),
    ]
