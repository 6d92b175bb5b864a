"""The REST app over a real file, asked through Starlette's test client."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.access import AccessPolicy
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.rest_app import rest_app
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store

BASE_URL = "http://127.0.0.1:9600"
START_US = 1_795_000_000_000_000  # 2026-11-18
LIMIT_BYTES = 256 * 1024


@pytest.fixture
def now_us():
    ticks = itertools.count(START_US)
    return lambda: next(ticks)


@pytest.fixture
def context(tmp_path, now_us):
    settings = load_settings({"FLOWTRACE_HOME": str(tmp_path), "FLOWTRACE_EMBEDDER": "off"})
    store = Store(settings.db_path, now_us)
    yield Context(
        settings=settings,
        store=store,
        meaning=Meaning(settings.embedder, lambda _: None),
        now_us=now_us,
        random_bytes=os.urandom,
    )
    store.close()


@pytest.fixture
def pipeline(context, now_us):
    return Pipeline(context.store, now_us)


@pytest.fixture
def workers():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def endpoints(context, workers):
    return Endpoints(open_context=lambda: context, workers=workers, limit_bytes=LIMIT_BYTES)


@pytest.fixture
def make_client(endpoints, pipeline):
    def make(require_auth="false", token="", extra_routes=(), **more):
        policy = AccessPolicy(require_auth=require_auth, token=token, **more)
        app = rest_app(endpoints, pipeline, ListenerFacts, policy, extra_routes=extra_routes)
        return TestClient(app, base_url=BASE_URL)

    return make


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def items_of(client):
    """Return all items of a list, page by page."""

    def collect(path, **query):
        found, cursor = [], None
        while True:
            answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["items"]) <= int(query.get("limit", 100))
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    return collect
