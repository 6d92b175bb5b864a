import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.storage.store import Store
from tests.ingest.otlp_bodies import now_us


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "flowtrace.db", now_us)
    yield store
    store.close()


@pytest.fixture
def pipeline(store):
    return Pipeline(store, now_us)
