"""Every path of memories, asked as one project, shows nothing of another."""

import pytest

from flowtrace_mcp.rest.rest_app import rest_routes
from flowtrace_mcp.services.status import ListenerFacts

PATH = "/api/v1/memories"
WORD = "quetzal"


@pytest.fixture
def handle(client):
    answer = client.post(
        PATH, json={"content": f"the {WORD} is blue", "topic": "bird", "project": "shop"}
    )
    return answer.json()["results"][0]["id"]


def test_no_path_shows_a_memory_of_another_project(client, handle, endpoints, pipeline):
    asked = {
        ("POST", PATH): [
            {"content": "another bird", "topic": "bird"},
            {"content": "yet another", "supersedes": handle},
            {"memories": [{"content": f"the {WORD[:5]} is blue"}]},
        ],
        ("POST", f"{PATH}/recall"): [
            {"query": WORD},
            {"query": WORD, "scope": "global"},
            {"query": "x", "expand": [handle]},
            {"query": "is blue", "strict": True},
        ],
        ("POST", f"{PATH}/forget"): [
            {"query": WORD},
            {"id": handle},
            {"id": handle, "hard": True},
            {"id": handle[:6]},
        ],
        ("POST", f"{PATH}/undo"): [{}, {"redo": True}],
        ("GET", f"{PATH}/{{id}}/history"): [None],
        ("GET", f"{PATH}/export"): [None],
    }
    served = {
        (method, route.path)
        for route in rest_routes(endpoints, pipeline, ListenerFacts)
        for method in route.methods - {"HEAD"}
        if route.path.startswith(PATH)
    }
    assert served == set(asked), "a new path of memories belongs into this walk"
    for (method, path), bodies in asked.items():
        for body in bodies:
            for project in ("", "bank"):
                if method == "GET":
                    told = client.get(path.format(id=handle), params={"project": project})
                else:
                    whole = body if "memories" in body else {**body, "project": project}
                    told = client.post(path, json=whole)
                assert WORD not in told.text, (path, body)
                assert "did you mean" not in told.text, (path, body)
    kept = client.post(f"{PATH}/recall", json={"query": WORD, "project": "shop"}).json()
    assert [row["text"] for row in kept["memories"]] == [f"the {WORD} is blue"]


def test_lists_of_other_things_show_no_memory(client, handle):
    for path in ("/health", "/api/v1/status", "/api/v1/sessions", "/api/v1/traces"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert WORD not in answer.text
