"""Who may come in: from this machine, by its own names, with the token."""

import asyncio

import pytest
from starlette.datastructures import Headers

from flowtrace_mcp.errors import AccessError
from flowtrace_mcp.rest import access
from flowtrace_mcp.rest.access import (
    AccessGate,
    AccessPolicy,
    bearer_token,
    grpc_admission,
    needs_token,
    place_fault,
    token_cookie,
    token_fault,
)

TOKEN = "right-token"
PATH = "/api/v1/status"


@pytest.fixture
def guarded(make_client):
    return make_client("true", TOKEN)


def test_without_a_token_nothing_is_told(guarded):
    answer = guarded.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_access")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["mend"]
    assert answer.json()["error"] == "no token: this route needs the token of the data folder"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/traces/1"])
def test_without_a_token_it_is_not_even_told_what_is_served(guarded, path):
    assert guarded.get(path).status_code == 401


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        ("Bearer wrong", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer", 401),
        (TOKEN, 401),
    ],
)
def test_the_header_opens_with_the_right_token_only(guarded, authorization, status):
    assert guarded.get(PATH, headers={"authorization": authorization}).status_code == status


def test_a_wrong_header_is_not_mended_by_a_right_cookie(guarded):
    headers = {"authorization": "Bearer wrong", "cookie": token_cookie(TOKEN).partition(";")[0]}
    assert guarded.get(PATH, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        (token_cookie(TOKEN).partition(";")[0], 200),
        ("flowtrace_token=wrong", 401),
        ("other=1", 401),
        ("a/b=[1]; ; x; flowtrace_token=right-token; y=2", 200),
        ("flowtrace_token", 401),
    ],
)
def test_the_cookie_opens_too(guarded, cookie, status):
    assert guarded.get(PATH, headers={"cookie": cookie}).status_code == status


def test_the_cookie_is_for_this_site_and_hidden_from_scripts():
    assert token_cookie("t").split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]


def test_the_address_opens_what_changes_nothing(guarded):
    assert guarded.get(PATH, params={"token": TOKEN}).status_code == 200
    assert guarded.get(PATH, params={"token": "wrong"}).status_code == 401
    assert guarded.get(f"{PATH}?" + "&".join(["a=1"] * 101)).status_code == 401
    posted = guarded.post(f"/api/v1/memories?token={TOKEN}", json={"content": "x"})
    assert posted.status_code == 401


@pytest.mark.parametrize(
    ("mode", "path", "is_otlp", "expected"),
    [
        ("false", PATH, False, False),
        ("false", "", True, False),
        ("true", PATH, False, True),
        ("true", "/health", False, False),
        ("true", "/v1/traces", True, False),
        ("strict", PATH, False, True),
        ("strict", "/health", False, False),
        ("strict", "/live", False, False),
        ("strict", "/ready", False, False),
        ("strict", "/health", True, True),
        ("strict", "/v1/traces", True, True),
    ],
)
def test_what_needs_the_token_by_mode(mode, path, is_otlp, expected):
    assert needs_token(mode, path, is_otlp=is_otlp) is expected


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("localhost", True),
        ("LOCALHOST:9600", True),
        ("127.0.0.1:9600", True),
        ("127.8.8.8", True),
        ("[::1]:9600", True),
        ("[::1]", True),
        ("my-machine:9600", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:9600", False),
        ("10.0.0.1", False),
        ("", False),
        ("127.0.0.1:port", False),
        ("a:b:c", False),
    ],
)
def test_only_names_of_this_machine_are_served(host, is_served):
    denial = place_fault(Headers({"host": host}), "my-machine")
    assert (denial is None) is is_served
    assert denial is None or denial.status == 403


def test_a_request_with_no_host_or_two_is_refused():
    two = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    for headers in (Headers({}), two):
        assert place_fault(headers, "127.0.0.1").status == 403


@pytest.mark.parametrize(
    ("origin", "is_served"),
    [
        ("http://localhost:9600", True),
        ("http://127.0.0.1:5173", True),
        ("https://[::1]", True),
        ("https://evil.example", False),
        ("null", False),
        ("file://localhost", False),
        ("http://[broken", False),
        ("vscode-webview://x", False),
    ],
)
def test_only_pages_of_this_machine_may_ask(client, origin, is_served):
    answer = client.get("/health", headers={"origin": origin})
    assert answer.status_code == (200 if is_served else 403)


def test_an_empty_own_host_admits_no_empty_name():
    assert place_fault(Headers({"host": ""}), "").status == 403


def test_an_empty_token_opens_nothing():
    assert token_fault([""], "").status == 401
    assert token_fault([], TOKEN).error.what == "no token"
    assert token_fault(["x"], TOKEN).error.what == "a wrong token"


def test_a_bearer_token_is_read_whatever_the_spaces():
    assert bearer_token("  Bearer   abc ") == "abc"
    assert bearer_token("Basic abc") == ""


def serve(app, scope):
    """Return what an ASGI app sends."""
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(("kind", "is_passed"), [("lifespan", True), ("websocket", False)])
def test_web_sockets_are_not_served_and_lifespans_pass(kind, is_passed):
    passed = []

    async def app(scope, receive, send):
        passed.append(scope["type"])

    gate = AccessGate(app, AccessPolicy(require_auth="false", token=""))
    assert serve(gate, {"type": kind, "headers": []}) == []
    assert bool(passed) is is_passed


def test_otlp_needs_the_header_in_strict_and_no_cookie_will_do():
    async def app(scope, receive, send):
        await send({"type": "passed"})

    gate = AccessGate(app, AccessPolicy(require_auth="strict", token=TOKEN), is_otlp=True)

    def first_sent(*headers):
        scope = {"type": "http", "method": "POST", "path": "/v1/traces"}
        return serve(gate, scope | {"headers": [(b"host", b"localhost"), *headers]})[0]

    assert first_sent((b"authorization", b"Bearer right-token")) == {"type": "passed"}
    assert first_sent()["status"] == 401
    assert first_sent((b"cookie", b"flowtrace_token=right-token"))["status"] == 401


def admit(require_auth, authorization, caller="unix:"):
    grpc_admission(AccessPolicy(require_auth=require_auth, token=TOKEN))(
        caller, 4317, authorization
    )


def test_grpc_needs_the_token_in_strict_alone():
    admit("true", "")
    admit("strict", f"Bearer {TOKEN}")
    for authorization in ("", "Bearer wrong"):
        with pytest.raises(AccessError):
            admit("strict", authorization)


@pytest.mark.parametrize("caller", ["ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711"])
def test_grpc_calls_of_another_user_are_refused(monkeypatch, caller):
    asked = []

    def refuse(own, peer):
        asked.append((own.host, own.port, peer.port))
        return True

    monkeypatch.setattr(access, "is_refused", refuse)
    with pytest.raises(AccessError, match="another user"):
        admit("false", "", caller)
    assert asked == [("::1" if "ipv6" in caller else "127.0.0.1", 4317, 4711)]
