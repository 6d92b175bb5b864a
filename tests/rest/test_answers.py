"""Every answer is JSON, and every error has one shape."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from flowtrace_mcp.errors import BusyError, NotFoundError, StorageError, TooLargeError
from flowtrace_mcp.rest.answers import error_response, to_json, unserved_response
from tests.rest.conftest import LIMIT_BYTES

JSON = {"content-type": "application/json"}


@pytest.fixture
def client_of(make_client, endpoints):
    """Serve one function at /work, by GET and POST."""

    def make(work):
        routes = [
            endpoints.get("/work", work, says=""),
            endpoints.post("/work", work, says="", status=201),
        ]
        return make_client(extra_routes=routes)

    return make


def raising(error):
    def work(context, question):
        raise error

    return work


def test_numbers_that_json_lacks_become_null_and_bytes_base64():
    assert to_json({"a": float("nan"), "b": float("inf"), "c": b"x"}) == (
        b'{"a":null,"b":null,"c":"eA=="}'
    )


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundError("no trace", why="none is stored", mend="look"), 404, "not_found"),
        (BusyError("too much at once"), 503, "busy"),
        (StorageError("the file is gone"), 500, "storage"),
        (TooLargeError("too large"), 413, "too_large"),
    ],
)
def test_an_error_of_ours_says_what_code_and_mend(client_of, error, status, code):
    answer = client_of(raising(error)).get("/work")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    what = f"{error.what}: {error.why}" if error.why else error.what
    assert answer.json() == {"error": what, "code": code, "mend": error.mend}
    assert ("retry-after" in answer.headers) == (code == "busy")


def test_an_unforeseen_failure_gives_nothing_away_and_is_logged(client_of, caplog):
    answer = client_of(raising(ZeroDivisionError("secret /home/ada"))).get("/work")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_path_that_is_not_served_is_not_found(client):
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/api/v1/nothing" in answer.json()["error"]


def test_a_method_that_is_not_served_names_those_that_are(client):
    answer = client.put("/api/v1/traces")
    assert (answer.status_code, answer.json()["code"]) == (405, "bad_input")
    assert "GET" in answer.headers["allow"]


def test_head_answers_like_get_without_a_body(client):
    answer = client.head("/live")
    assert (answer.status_code, answer.content) == (200, b"")


def test_other_refusals_of_the_framework_keep_their_status_and_headers():
    error = HTTPException(418, "a teapot", headers={"x-pot": "tea"})
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    response = asyncio.run(unserved_response(request, error))
    assert (response.status_code, response.headers["x-pot"]) == (418, "tea")
    assert b"a teapot" in response.body


def test_a_body_of_another_type_is_refused(client):
    headers = {"content-type": "text/xml"}
    answer = client.post("/api/v1/memories", content=b"<x/>", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "bad_input")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 2000, b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(client, body):
    answer = client.post("/api/v1/memories", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_body_over_the_limit_is_refused(client):
    body = b'{"content": "' + b"x" * LIMIT_BYTES + b'"}'
    answer = client.post("/api/v1/memories", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_at_the_limit_is_read(client_of):
    client = client_of(lambda _, question: {"size": len(question.body)})
    answer = client.post("/work", content=b" " * LIMIT_BYTES, headers=JSON)
    assert (answer.status_code, answer.json()) == (201, {"size": LIMIT_BYTES})


def test_a_caller_that_hangs_up_is_not_answered(endpoints):
    route = endpoints.post("/work", lambda _context, _question: {}, says="")
    scope = {"type": "http", "method": "POST", "path": "/work", "headers": [], "query_string": b""}

    async def receive():
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        asyncio.run(route.endpoint(Request(scope | {"path_params": {}}, receive)))


def test_routes_of_others_stand_beside_ours(make_client):
    async def page(request):
        return PlainTextResponse("here")

    client = make_client(extra_routes=[Route("/page", page)])
    assert client.get("/page").text == "here"


def test_an_error_without_a_reason_reads_well():
    assert b'"error":"no"' in error_response(BusyError("no")).body
