"""Health for watchers and other processes of ours; they need no token."""

import pytest

from flowtrace_mcp import __version__
from flowtrace_mcp.errors import ReadOnlyError, StorageError
from flowtrace_mcp.rest.endpoints import Endpoints
from tests.rest.posted import post, span


def test_health_says_whose_data_is_served(client, context):
    assert client.get("/health").json() == {
        "status": "healthy",
        "version": __version__,
        "data_folder_id": context.store.data_folder_id,
        "pending_embeddings": 0,
    }


@pytest.mark.parametrize("path", ["/health", "/live", "/ready"])
def test_watchers_need_no_token(make_client, path):
    assert make_client("strict", "secret").get(path).status_code == 200


def test_ready_has_asked_the_database(client):
    assert client.get("/ready").json() == {"status": "ready", "checks": {"database": "ok"}}


def test_full_health_counts_spans(client):
    post(client, span(1), span(2))
    body = client.get("/api/v1/health").json()
    assert body["status"] == "healthy"
    assert body["storage"] == {"reachable": True, "total_edges": 2}
    assert body["uptime_seconds"] >= 0


def test_full_health_is_degraded_while_nothing_can_be_written(client, context):
    context.store._database.write_refusal = ReadOnlyError("the file takes no writes")
    assert client.get("/api/v1/health").json()["status"] == "degraded"


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_file_that_cannot_be_opened_is_not_healthy_but_alive(make_client, endpoints, path):
    def fail():
        raise StorageError("the file cannot be opened", mend="look")

    object.__setattr__(endpoints, "open_context", fail)
    client = make_client()
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert client.get("/live").json() == {"status": "alive"}
    assert isinstance(endpoints, Endpoints)
