"""The dashboard over HTTP: one page, its files, and nothing that needs the token.

The page and its files are the same for everybody and hold no data; what they show they ask of the
REST interface, with the token.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flowtrace_mcp.dashboard.bundle import Bundle, StaticFile

BASE: Final = "/dashboard"
FILES: Final = f"{BASE}/static"
# Nothing is loaded from elsewhere, no script or style stands in the page, and no text can become
# markup: with Trusted Types and no policy, a browser refuses every string where it would be parsed.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_PAGE_HEADERS: Final = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_FILE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "cache-control": "public, max-age=31536000, immutable",
}


def dashboard_routes() -> list[Route]:
    """Return the routes of the dashboard."""
    bundle = Bundle(FILES)

    def root(request: Request) -> Response:
        """Lead to the page; a browser takes the fragment along."""
        del request
        return RedirectResponse(f"{BASE}/", 307)

    def file(request: Request) -> Response:
        """Answer with a file of this version."""
        found = bundle.find(request.path_params["name"])
        if found is None or request.path_params["digest"] != bundle.digest:
            return Response("There is no such file.", 404, media_type="text/plain")
        return _answer(request, found, _FILE_HEADERS)

    def page(request: Request) -> Response:
        """Answer with the page, whatever part of the dashboard the address names."""
        part = request.path_params["rest"].partition("/")[0]
        return _answer(request, bundle.page(part), _PAGE_HEADERS)

    return [
        Route("/", root),
        Route(BASE, root),
        Route(f"{FILES}/{{digest}}/{{name:path}}", file),
        Route(f"{BASE}/{{rest:path}}", page),
    ]


def _answer(request: Request, file: StaticFile, headers: dict[str, str]) -> Response:
    told = {**headers, "etag": file.etag, "vary": "accept-encoding"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    if "gzip" in request.headers.get("accept-encoding", ""):
        told["content-encoding"] = "gzip"
        return Response(file.gzipped, headers=told, media_type=file.media_type)
    return Response(file.content, headers=told, media_type=file.media_type)
