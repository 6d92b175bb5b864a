"""The dashboard over HTTP: open to who may come in at all, and nothing in it but itself."""

import gzip
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flowtrace_mcp.dashboard.routes import dashboard_routes
from flowtrace_mcp.rest.access import AccessGate, AccessPolicy

TOKEN = "t" * 43


@pytest.fixture
def client():
    app = AccessGate(
        Starlette(routes=dashboard_routes()), AccessPolicy(require_auth="strict", token=TOKEN)
    )
    with TestClient(app, base_url="http://127.0.0.1:9600", follow_redirects=False) as client:
        yield client


def first_module(client):
    page = client.get("/dashboard/").text
    return re.search(r'src="([^"]+)"', page)[1]


@pytest.mark.parametrize("path", ["/", "/dashboard"])
def test_the_short_addresses_lead_to_the_page(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/dashboard/")


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/trace/abc", "/dashboard/a/b/c?x=1"])
def test_every_address_below_is_the_page_with_a_strict_policy(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style| style=| on\w+=", answer.text)


def test_the_page_is_asked_for_again_and_answered_in_few_bytes(client):
    first = client.get("/dashboard/")
    again = client.get("/dashboard/", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_is_kept_for_ever_and_sent_gzipped_where_it_may(client):
    path = first_module(client)
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "immutable" in plain.headers["cache-control"]
    assert "content-encoding" not in plain.headers
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(answer.iter_raw())) == plain.content


def test_a_file_of_another_version_is_not_there(client):
    path = first_module(client)
    assert client.get(re.sub(r"static/\w+/", "static/0000/", path)).status_code == 404
    assert client.get(path + ".none").status_code == 404


def test_no_page_of_elsewhere_and_no_other_name_gets_it(client):
    assert client.get("/dashboard/", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/dashboard/", headers={"Host": "evil.example"}).status_code == 403
