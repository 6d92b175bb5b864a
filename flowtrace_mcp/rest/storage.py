"""The routes of the file's figures; `storage_answers` answers them."""

from typing import Final

from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late

TABLES: Final = Parameter(
    name="tables", form="boolean", means="whether each table is measured, which reads the file"
)


def storage_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of the file's figures."""
    return [
        endpoints.get(
            "/api/v1/storage",
            late("storage_answers", "storage"),
            TABLES,
            says="pages, log, free list, checks, what was written, advice; `tables` if asked for",
        ),
        endpoints.get(
            "/api/v1/storage/stats",
            late("storage_answers", "stats"),
            says="the same in short, with counts, under the keys of other systems",
        ),
    ]
