"""Who may come in: loopback names, loopback pages, and whoever has the token."""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowtrace_mcp.errors import AccessError, BusyError, FlowtraceError, RateError
from flowtrace_mcp.ingest.charging import CHARGE, Charge
from flowtrace_mcp.rest.key_limits import KEY, refuse_role, role_needed
from flowtrace_mcp.rest.peers import Address, grpc_address, is_refused, other_user
from flowtrace_mcp.services.keys import Role
from flowtrace_mcp.services.rates import BURST_SPANS, SPANS_A_MINUTE, RateLimiter
from flowtrace_mcp.settings import AuthMode
from flowtrace_mcp.storage.api_keys import ApiKey
from flowtrace_mcp.storage.audit import AuditEntry

COOKIE: Final = "flowtrace_token"
OPEN_PATHS: Final = frozenset(("/health", "/live", "/ready", "/", "/dashboard"))
# The dashboard's files hold no data, and a browser cannot show a token before it has them.
OPEN_FOLDER: Final = "/dashboard/"
_USUAL_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")

PATH_CHARACTERS: Final = 200

Refuse = Callable[[Send, int, FlowtraceError, Headers], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """The rules of this process."""

    require_auth: AuthMode
    token: str
    host: str = "127.0.0.1"  # the address we listen on, which callers may use as our name
    find_key: Callable[[str], ApiKey | None] = lambda _: None  # the key in force of a secret
    note: Callable[[AuditEntry], None] = lambda _: None  # is told what was done with a key
    limiter: RateLimiter | None = None
    now_us: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a request is turned away."""

    status: int  # 401 without the token, 403 from the wrong place, 429 too much
    error: FlowtraceError


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
        denial = place_fault(headers, self._policy.host)
        key: ApiKey | None = None
        if denial is None:
            denial, key = self._holder_of(scope, headers)
        source = key.key_id if key else _foreign_host(scope)
        denial = denial or self._rate_fault(source)
        if key is not None:
            send = self._noting(key, scope, send)
        if denial is not None:
            await self._refuse(send, denial.status, denial.error, headers)
            return
        if source and self._policy.limiter is not None:
            scope = {**scope, CHARGE: partial(self._policy.limiter.charge, source)}
        await self._app({**scope, KEY: key} if key else scope, receive, send)

    def _holder_of(self, scope: Scope, headers: Headers) -> tuple[Denial | None, ApiKey | None]:
        """Return why a request is refused, and the key that it came with, if any."""
        if not needs_token(self._policy.require_auth, scope["path"], is_otlp=self._is_otlp):
            return None, None
        given = [bearer_token(headers.get("authorization", ""))]
        if given == [""] and not self._is_otlp:
            given = [_cookie(headers), _query_token(scope)]
        told = [token for token in given if token]
        denial = token_fault(told, self._policy.token)
        if denial is None:
            return None, None
        key = next(filter(None, map(self._policy.find_key, told)), None)
        if key is None:
            return denial, None
        fault = refuse_role(key, scope["method"], scope["path"], is_otlp=self._is_otlp)
        return (Denial(status=403, error=fault) if fault else None), key

    def _rate_fault(self, source: str) -> Denial | None:
        error = _rate_error(self._policy.limiter, source)
        return Denial(status=429, error=error) if error is not None else None

    def _noting(self, key: ApiKey, scope: Scope, send: Send) -> Send:
        """Return a way to answer that tells the audit record what was asked with a key."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry = AuditEntry(
                    at_us=self._policy.now_us(),
                    who=f"key:{key.key_id}",
                    action=action_of(scope["method"], scope["path"]),
                    what=f"{scope['method']} {scope['path']}"[:PATH_CHARACTERS],
                    status=message["status"],
                )
                self._policy.note(entry)
            await send(message)

        return noting


def action_of(method: str, path: str) -> str:
    """Return what the audit record calls a request."""
    if path.endswith("/export"):
        return "export"
    if method == "DELETE" or path.endswith(("/forget", "/erase")):
        return "delete"
    needed = role_needed(method, path, is_otlp=False)
    return {Role.READER: "read", Role.WRITER: "write"}.get(needed, "admin")


def needs_token(mode: AuthMode, path: str, *, is_otlp: bool) -> bool:
    """Say whether a request needs the token at all."""
    if mode == "false" or (not is_otlp and (path in OPEN_PATHS or path.startswith(OPEN_FOLDER))):
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


def grpc_admission(policy: AccessPolicy) -> Callable[[str, int, str], Charge]:
    """Return what ``OtlpGrpc`` asks about each call: who, on which port, with what header.

    It raises AccessError for another user of this machine, and in ``strict`` without the token, and
    RateError when the caller has sent too much.
    """

    def admit(caller: str, own_port: int, authorization: str) -> Charge:
        peer = grpc_address(caller)
        if peer is not None:
            own = Address("::1" if ":" in peer.host else "127.0.0.1", own_port)
            if is_refused(own, peer):
                raise other_user()
        key = _grpc_key(policy, authorization)
        source = key.key_id if key else _unless_loopback(peer.host if peer else "")
        limiter = policy.limiter
        error = _rate_error(limiter, source)
        if error is not None:
            raise error
        return partial(limiter.charge, source) if source and limiter is not None else None

    return admit


def _grpc_key(policy: AccessPolicy, authorization: str) -> ApiKey | None:
    """Return the key that a call came with, None when it needs none.

    Raises:
        AccessError: It needs the token or a key, and has neither.
        ForbiddenError: Its key may not send telemetry.
    """
    if not needs_token(policy.require_auth, "", is_otlp=True):
        return None
    given = list(filter(None, [bearer_token(authorization)]))
    denial = token_fault(given, policy.token)
    if denial is None:
        return None
    key = policy.find_key(given[0]) if given else None
    if key is None:
        raise denial.error
    fault = refuse_role(key, "POST", "", is_otlp=True)
    if fault is not None:
        raise fault
    return key


def token_cookie(token: str) -> str:
    """Return the Set-Cookie value that keeps a browser signed in."""
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, "" when it holds none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def refuse_in_json(send: Send, status: int, error: FlowtraceError, headers: Headers) -> None:
    """Answer with the JSON that every error of the REST API has."""
    del headers
    body = {"error": error.fault, "code": error.code, "mend": error.mend}
    more = {"www-authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, BusyError):
        more["retry-after"] = str(error.retry_after_s)
    response = JSONResponse(body, status_code=status, headers=more)
    await response({"type": "http"}, _nothing_more, send)


async def _nothing_more() -> dict[str, str]:
    return {"type": "http.disconnect"}


def _foreign_host(scope: Scope) -> str:
    """Return the address of a caller on another machine, "" for one on this."""
    return _unless_loopback(str((scope.get("client") or ("",))[0]))


def _unless_loopback(host: str) -> str:
    try:
        is_here = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # no address: a socket of this machine
        is_here = True
    return "" if is_here else host


def _rate_error(limiter: RateLimiter | None, source: str) -> RateError | None:
    """Return what a source is told that has sent more than it may, None when it may go on."""
    wait_s = limiter.wait_s(source) if source and limiter is not None else 0
    if not wait_s:
        return None
    return RateError(
        "too much was sent",
        retry_after_s=wait_s,
        why=f"after a burst of {BURST_SPANS:,}, {SPANS_A_MINUTE:,} spans a minute are taken",
        mend=f"send it again in {wait_s} s",
    )


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
