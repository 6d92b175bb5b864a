"""The description of the interface: as OpenAPI, and as a page for people."""

import html
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from flowtrace_mcp.rest.answers import json_response, to_json
from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute
from flowtrace_mcp.rest.openapi import openapi_document

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code{font:13px ui-monospace,monospace}h2{font-size:1rem;margin:2rem 0"
    " 0}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;"
    "padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884}"
)
# The page has no script and loads nothing; its own style is all that it may use.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def reference_routes(routes: Callable[[], Sequence[DeclaredRoute]]) -> list[DeclaredRoute]:
    """Return the routes that describe all routes.

    Args:
        routes: All of them, these included; asked when somebody looks.
    """

    async def document(request: Request) -> Response:
        """Answer with OpenAPI."""
        del request
        return json_response(to_json(openapi_document(routes())))

    async def page(request: Request) -> Response:
        """Answer with the page."""
        del request
        body = _page(openapi_document(routes()))
        return HTMLResponse(body, headers={"Content-Security-Policy": _POLICY})

    return [
        DeclaredRoute(
            Declaration(method="GET", path="/openapi.json", says="this interface, as OpenAPI 3.1"),
            document,
        ),
        DeclaredRoute(
            Declaration(
                method="GET",
                path="/api/docs",
                says="the same as a page to read",
                media_type="text/html",
            ),
            page,
        ),
    ]


def _page(document: dict[str, Any]) -> str:
    info = document["info"]
    parts = [
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{info["title"]} REST</title>'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
            f"<h1>{info['title']} {info['version']}</h1><p>{html.escape(info['description'])}</p>"
        )
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            parts.append(f"<p>{html.escape(operation['summary'])}</p>")
            parts.append(_parameters(operation["parameters"]))
    return "".join(parts)


def _parameters(parameters: Sequence[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{parameter['name']}</code><td>{parameter['in']}"
        f"<td>{html.escape(parameter.get('description', ''))}"
        for parameter in parameters
    )
    return f"<table><tr><th>parameter<th>in<th>meaning{rows}</table>" if rows else ""
