"""Who may come in: loopback names, loopback pages, and whoever has the token."""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from flowtrace_mcp.errors import AccessError
from flowtrace_mcp.rest.peers import Address, grpc_address, is_refused, other_user
from flowtrace_mcp.settings import AuthMode

COOKIE: Final = "flowtrace_token"
OPEN_PATHS: Final = frozenset(("/health", "/live", "/ready"))
_USUAL_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")

Refuse = Callable[[Send, int, AccessError, Headers], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """The rules of this process."""

    require_auth: AuthMode
    token: str
    host: str = "127.0.0.1"  # the address we listen on, which callers may use as our name


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a request is turned away."""

    status: int  # 401 without the token, 403 from the wrong place
    error: AccessError


class AccessGate:
    """ASGI middleware that lets a request through or answers in the app's stead.

    Args:
        app: What stands behind it.
        policy: The rules.
        is_otlp: Whether this is the door for telemetry, which needs the token in ``strict`` only.
        refuse: Sends the refusal; OTLP senders read another shape than people do.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: AccessPolicy,
        *,
        is_otlp: bool = False,
        refuse: Refuse | None = None,
    ) -> None:
        self._app = app
        self._policy = policy
        self._is_otlp = is_otlp
        self._refuse = refuse or refuse_in_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it; web sockets are not served at all."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        denial = place_fault(headers, self._policy.host) or self._token_fault(scope, headers)
        if denial is None:
            await self._app(scope, receive, send)
        else:
            await self._refuse(send, denial.status, denial.error, headers)

    def _token_fault(self, scope: Scope, headers: Headers) -> Denial | None:
        if not needs_token(self._policy.require_auth, scope["path"], is_otlp=self._is_otlp):
            return None
        given = [bearer_token(headers.get("authorization", ""))]
        if given == [""] and not self._is_otlp:
            given = [_cookie(headers), _query_token(scope)]
        return token_fault([token for token in given if token], self._policy.token)


def needs_token(mode: AuthMode, path: str, *, is_otlp: bool) -> bool:
    """Say whether a request needs the token at all."""
    if mode == "false" or (not is_otlp and path in OPEN_PATHS):
        return False
    return mode == "strict" or not is_otlp


def place_fault(headers: Headers, own_host: str) -> Denial | None:
    """Return why a request comes from the wrong place, or None.

    A page of the internet can make a browser ask a loopback address under the page's own name;
    then Host is that name, and Origin is where the page is from.
    """
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or not _is_own_name(_host_name(hosts[0]), own_host):
        return Denial(
            status=403,
            error=AccessError(
                f"host {', '.join(hosts)[:80]!r} is not served here",
                why="requests are made to localhost, 127.0.0.1 or [::1]",
                mend="use http://127.0.0.1 and the port",
            ),
        )
    for origin in origins:
        if not _is_own_name(_origin_name(origin), own_host):
            return Denial(
                status=403,
                error=AccessError(
                    f"pages of {origin[:80]!r} may not ask",
                    why="only pages served from this machine may",
                    mend="open the page from localhost",
                ),
            )
    return None


def token_fault(given: list[str], token: str) -> Denial | None:
    """Return why no given token opens the door, or None; takes the same time for all wrong ones."""
    expected = token.encode()
    if token and any(hmac.compare_digest(each.encode(), expected) for each in given):
        return None
    return Denial(
        status=401,
        error=AccessError(
            "a wrong token" if given else "no token",
            why="this route needs the token of the data folder",
            mend="send the header `Authorization: Bearer` with what `flowtrace token` prints",
        ),
    )


def grpc_admission(policy: AccessPolicy) -> Callable[[str, int, str], None]:
    """Return what ``OtlpGrpc`` asks about each call: who, on which port, with what header.

    It raises AccessError for another user of this machine, and in ``strict`` without the token.
    """

    def admit(caller: str, own_port: int, authorization: str) -> None:
        peer = grpc_address(caller)
        if peer is not None:
            own = Address("::1" if ":" in peer.host else "127.0.0.1", own_port)
            if is_refused(own, peer):
                raise other_user()
        if needs_token(policy.require_auth, "", is_otlp=True):
            denial = token_fault(list(filter(None, [bearer_token(authorization)])), policy.token)
            if denial is not None:
                raise denial.error

    return admit


def token_cookie(token: str) -> str:
    """Return the Set-Cookie value that keeps a browser signed in."""
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, "" when it holds none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def refuse_in_json(send: Send, status: int, error: AccessError, headers: Headers) -> None:
    """Answer with the JSON that every error of the REST API has."""
    del headers
    body = {"error": error.fault, "code": error.code, "mend": error.mend}
    more = {"www-authenticate": "Bearer"} if status == 401 else None
    response = JSONResponse(body, status_code=status, headers=more)
    await response({"type": "http"}, _nothing_more, send)


async def _nothing_more() -> dict[str, str]:
    return {"type": "http.disconnect"}


def _host_name(host: str) -> str:
    found = _HOST.fullmatch(host.strip().lower())
    return found["name"].strip("[]") if found else ""


def _origin_name(origin: str) -> str:
    """Return the host name of a web origin, "" when it is not one."""
    try:
        parts = urlsplit(origin.strip().lower())
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def _is_own_name(name: str, own_host: str) -> bool:
    if name in _USUAL_NAMES:
        return True
    if name == own_host.lower():
        return bool(name)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _cookie(headers: Headers) -> str:
    """Return our cookie, whatever the others are: the standard parser gives up at a strange one."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _query_token(scope: Scope) -> str:
    """Return the token in the address, which only what changes nothing may use."""
    if scope["method"] not in ("GET", "HEAD"):
        return ""
    query: str = scope.get("query_string", b"").decode("latin-1")
    try:
        return parse_qs(query, max_num_fields=100).get("token", [""])[0]
    except ValueError:
        return ""
