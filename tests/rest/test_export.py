"""Memories leave over REST as lines."""

import json

PATH = "/api/v1/memories/export"


def lines(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def remember(client, content, project):
    body = {"content": content, "project": project}
    assert client.post("/api/v1/memories", json=body).status_code == 200


def test_a_project_leaves_alone_and_all_of_them_together(client):
    remember(client, "Staging runs Postgres", "shop")
    remember(client, "Built with cargo", "tool")

    one = lines(client.get(PATH, params={"project": "shop"}))
    both = lines(client.get(PATH, params={"all": "true"}))

    assert [line["type"] for line in one] == ["flowtrace-export", "project", "memory"]
    assert one[-1]["content"] == "Staging runs Postgres"
    assert [line["content"] for line in both if line["type"] == "memory"] == [
        "Staging runs Postgres",
        "Built with cargo",
    ]


def test_more_than_a_chunk_leaves_whole(client):
    texts = [f"{number} " + "x" * 2000 for number in range(100)]
    for start in range(0, 100, 50):
        batch = {"memories": [{"content": text} for text in texts[start : start + 50]]}
        client.post("/api/v1/memories", json=batch)

    found = [line["content"] for line in lines(client.get(PATH)) if line["type"] == "memory"]

    assert sorted(found) == sorted(texts)


def test_what_cannot_leave_is_an_error_with_a_mend(client):
    unknown = client.get(PATH, params={"project": "nobody"})
    odd = client.get(PATH, params={"all": "maybe"})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert odd.status_code == 400
    assert client.get(PATH, params={"projects": "x"}).status_code == 400
