"""Memories over REST, by the arguments of the tools."""

import json

import pytest

from flowtrace_mcp.services.named_projects import UNNAMED_PROJECT
from tests.rest.conftest import START_US

PATH = "/api/v1/memories"


@pytest.fixture
def remember(client):
    def call(**body):
        answer = client.post(PATH, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    return call


@pytest.fixture
def recall(client):
    def call(**body):
        answer = client.post(f"{PATH}/recall", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


def texts(answer):
    return [memory["text"] for memory in answer["memories"]]


def test_a_memory_is_kept_and_found_with_its_metadata(remember, recall):
    metadata = {"source": "chat", "depth": {"turns": [1, 2.5, None]}}
    (kept,) = remember(content="The staging database is Postgres", metadata=metadata, kind="fact")
    assert kept["outcome"] == "new"
    answer = recall(query="staging database")
    assert answer["more"] == 0
    assert 0 < answer["tokens"] <= 800
    (found,) = answer["memories"]
    assert found["id"] == kept["id"]
    assert found["metadata"] == metadata
    assert (found["kind"], found["text"]) == ("fact", "The staging database is Postgres")
    assert found.keys() == {"id", "text", "kind", "when", "score", "metadata"}


def test_a_batch_answers_in_order(remember):
    results = remember(
        memories=[
            {"content": "We deploy on Mondays", "topic": "deploy"},
            {"content": "The linter is ruff"},
            {"content": "We deploy on Mondays", "topic": "deploy"},
            {"content": "We deploy on Fridays", "topic": "deploy"},
        ]
    )
    assert [one["outcome"] for one in results] == ["new", "new", "same", "supersedes"]
    assert results[3]["old_id"] == results[0]["id"] == results[2]["id"]
    assert results[3]["old_text"] == "We deploy on Mondays"
    assert "old_id" not in results[2]


def test_a_batch_may_be_empty(remember):
    assert remember(memories=[]) == []


def test_an_index_supersedes_an_earlier_item_of_the_batch(remember, recall):
    results = remember(
        memories=[
            {"content": "Invoices are sent by post"},
            {"content": "Invoices are sent by mail", "supersedes": 0},
        ]
    )
    assert (results[1]["outcome"], results[1]["old_id"]) == ("supersedes", results[0]["id"])
    assert texts(recall(query="how are invoices sent")) == ["Invoices are sent by mail"]


def test_an_id_supersedes_a_memory_of_before(remember, recall):
    (old,) = remember(content="Invoices are sent by post")
    (new,) = remember(content="Invoices go out by mail", supersedes=old["id"])
    assert (new["outcome"], new["old_id"]) == ("supersedes", old["id"])


@pytest.mark.parametrize("index", [1, 2, -1])
def test_an_index_of_no_earlier_item_is_refused_and_nothing_is_kept(client, context, index):
    batch = [{"content": "first"}, {"content": "second", "supersedes": index}]
    answer = client.post(PATH, json={"memories": batch})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert context.store.facts().memory_count == 0


def test_an_index_cannot_supersede_a_memory_of_another_project(client, context):
    batch = [
        {"content": "first", "project": "shop"},
        {"content": "second", "project": "bank", "supersedes": 0},
    ]
    assert client.post(PATH, json={"memories": batch}).status_code == 400
    assert context.store.facts().memory_count == 0


def test_projects_do_not_see_each_other(remember, recall):
    remember(
        memories=[
            {"content": "The token lives in vault A", "project": "shop"},
            {"content": "The token lives in vault B", "project": "bank"},
            {"content": "The token lives in vault C"},
        ]
    )
    assert texts(recall(query="token vault", project="shop")) == ["The token lives in vault A"]
    assert texts(recall(query="token vault", project="bank")) == ["The token lives in vault B"]
    assert texts(recall(query="token vault")) == ["The token lives in vault C"]
    assert texts(recall(query="token vault", project=UNNAMED_PROJECT)) == [
        "The token lives in vault C"
    ]


def test_a_project_is_meant_by_its_name_or_identity(context, remember, recall):
    context.store.project_id("git:example.com/o/shop", "shop")
    remember(content="Prices are in cents", project="git:example.com/o/shop")
    assert texts(recall(query="prices cents", project="shop")) == ["Prices are in cents"]


def test_global_memories_are_seen_by_every_project(remember, recall):
    remember(content="Answer in British English", scope="global", project="shop")
    assert texts(recall(query="british english", project="bank")) == ["Answer in British English"]
    assert texts(recall(query="british english", project="bank", scope="global")) != []


def test_scope_reads_its_layer_and_those_above(remember, recall):
    remember(content="The cache holds for one hour", scope="session", session="s-1")
    remember(content="The cache is Redis", scope="repo")
    assert set(texts(recall(query="cache", session="s-1"))) == {
        "The cache holds for one hour",
        "The cache is Redis",
    }
    assert texts(recall(query="cache", session="s-2")) == ["The cache is Redis"]
    assert texts(recall(query="cache", session="s-1", scope="repo")) == ["The cache is Redis"]


def test_kind_is_one_or_a_list(remember, recall):
    for kind in ("fact", "fix", "plan"):
        remember(content=f"the parser {kind}", kind=kind)
    assert texts(recall(query="parser", kind="fix")) == ["the parser fix"]
    found = texts(recall(query="parser", kind=["fix", "plan"]))
    assert sorted(found) == ["the parser fix", "the parser plan"]


def test_tags_filter_all_of_them_and_are_not_searched(remember, recall):
    remember(content="The build is slow", tags=["ci", "linux"])
    remember(content="The build is broken", tags=["ci"])
    assert texts(recall(query="build", tags=["ci", "linux"])) == ["The build is slow"]
    assert len(texts(recall(query="build", tags=["ci"]))) == 2
    assert texts(recall(query="linux")) == []


def test_aliases_are_searched(remember, recall):
    remember(content="The order service owns refunds", aliases=["money back", "OMS"])
    assert texts(recall(query="who gives money back")) == ["The order service owns refunds"]


def test_the_same_text_again_merges_tags_and_aliases(remember, recall):
    remember(content="The order service owns refunds", tags=["a"])
    (again,) = remember(
        content="The order service owns refunds", tags=["b"], aliases=["chargeback desk"]
    )
    assert again["outcome"] == "same"
    assert len(texts(recall(query="chargeback desk", tags=["a", "b"]))) == 1


def test_times_are_microseconds_or_iso_8601(remember, recall):
    remember(content="The office is in Berlin", valid_from="2026-01-01T00:00:00Z")
    remember(content="The office is in Oslo", valid_from=START_US - 1)
    remember(content="The office is in Rome", valid_from=float(START_US - 2))
    days = {one["text"]: one["when"] for one in recall(query="office")["memories"]}
    assert days["The office is in Berlin"] == "2026-01-01"
    assert days["The office is in Oslo"] == days["The office is in Rome"] == "2026-11-18"


def test_as_of_answers_with_what_was_held_true_then(client, now_us, remember, recall):
    (old,) = remember(content="The office is in Berlin")
    between_us = now_us()
    remember(content="The office is in Oslo", supersedes=old["id"])
    assert texts(recall(query="office", as_of=between_us)) == ["The office is in Berlin"]
    assert texts(recall(query="office")) == ["The office is in Oslo"]
    future = {"query": "office", "as_of": between_us + 1_000_000}
    assert client.post(f"{PATH}/recall", json=future).status_code == 400


def test_a_secret_is_taken_out_and_counted(remember, recall):
    (kept,) = remember(content="The key is sk-ant-api03-" + "a1B2" * 24 + " for staging")
    assert kept["redactions"] == 1
    assert "sk-ant" not in texts(recall(query="key staging"))[0]


def test_nothing_strong_answers_with_a_reason(recall):
    answer = recall(query="quantum", strict=True)
    assert answer["memories"] == []
    assert answer["reason"]


def test_a_strict_question_shows_nothing_twice_in_a_session(remember, recall):
    remember(content="The staging database listens on port 5433", kind="fact")
    remember(content="Ada prefers small commits", kind="preference")
    question = {"query": "port of the staging database", "strict": True}
    first = recall(**question, session="s-1")
    assert texts(first) == ["The staging database listens on port 5433"]
    assert first["tokens"] <= 200
    assert texts(recall(**question, session="s-1")) == []
    assert texts(recall(**question, session="s-2")) == texts(first)
    assert texts(recall(**question)) == texts(first)


def test_expand_opens_memories_without_a_query(remember, recall):
    (kept,) = remember(content="word " * 400)
    assert texts(recall(expand=[kept["id"]], budget=4000)) == ["word " * 400]


def test_forget_retires_by_id_or_by_what_one_memory_says(client, remember, recall):
    (kept,) = remember(content="The office is in Berlin")
    answer = client.post(f"{PATH}/forget", json={"id": kept["id"], "reason": "moved"})
    assert answer.json() == {"id": kept["id"], "text": "The office is in Berlin", "hard": False}
    assert texts(recall(query="office")) == []
    remember(content="The office is in Oslo")
    gone = client.post(f"{PATH}/forget", json={"query": "office in Oslo", "hard": True}).json()
    assert (gone["text"], gone["hard"]) == ("The office is in Oslo", True)
    assert client.post(f"{PATH}/forget", json={"id": kept["id"] + "x"}).status_code == 400


def test_forget_keeps_to_the_project(client, remember):
    (kept,) = remember(content="The office is in Berlin", project="shop")
    answer = client.post(f"{PATH}/forget", json={"id": kept["id"], "project": "bank"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (
        client.post(f"{PATH}/forget", json={"id": kept["id"], "project": "shop"}).status_code == 200
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, {"content": "x", "colour": "red"}),
        (PATH, {"content": "x", "limit": 3}),
        (PATH, {"kind": "fact"}),
        (PATH, {"content": "  "}),
        (PATH, {"content": 3}),
        (PATH, {"content": "x", "kind": "poem"}),
        (PATH, {"content": "x", "scope": "world"}),
        (PATH, {"content": "x", "sequence": -1}),
        (PATH, {"content": "x", "tags": "ci"}),
        (PATH, {"content": "x", "valid_from": 1.5}),
        (PATH, {"memories": [{"content": "x"}], "project": "shop"}),
        (PATH, {"memories": {"content": "x"}}),
        (PATH, {"memories": ["x"]}),
        (PATH, {"memories": [{"content": "x", "colour": "red"}]}),
        (f"{PATH}/recall", {}),
        (f"{PATH}/recall", {"query": " \n"}),
        (f"{PATH}/recall", {"query": "x", "limit": 0}),
        (f"{PATH}/recall", {"query": "x", "kind": ["fact", "poem"]}),
        (f"{PATH}/recall", {"query": "x", "colour": "red"}),
        (f"{PATH}/forget", {}),
        (f"{PATH}/forget", {"id": "0123456789", "query": "x"}),
        (f"{PATH}/forget", {"id": "0123456789", "colour": "red"}),
    ],
)
def test_what_cannot_be_understood_is_refused_and_keeps_nothing(client, context, path, body):
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert answer.json()["error"]
    assert context.store.facts().memory_count == 0


def test_a_bad_item_is_named_by_its_place(client):
    answer = client.post(PATH, json={"memories": [{"content": "x"}, {"contents": "y"}]})
    assert "memories[1]" in answer.json()["error"]


def test_null_means_left_out(remember):
    (kept,) = remember(content="x", kind=None, topic=None, sequence=None, supersedes=None)
    assert kept["outcome"] == "new"


def test_a_history_tells_every_version_of_a_fact(client, remember):
    (old,) = remember(content="We deploy on Mondays", topic="deploy", author="ann")
    (new,) = remember(content="We deploy on Fridays", topic="deploy", session="s-2")
    for kept in (old, new):
        answer = client.get(f"{PATH}/{kept['id'].upper()}/history")
        assert answer.status_code == 200
        items = answer.json()["items"]
        assert [item["id"] for item in items] == [old["id"], new["id"]]
    assert items[0]["superseded_by"] == [new["id"]]
    assert (items[0]["state"], items[0]["reason"]) == ("retired", "superseded")
    assert (items[0]["author"], items[1]["session"]) == ("ann", "s-2")
    assert items[0]["retired_us"] == items[1]["recorded_us"]
    assert answer.json()["next"] is None


def test_a_history_is_of_one_project(client, remember):
    (kept,) = remember(content="We deploy on Mondays", project="shop")
    assert client.get(f"{PATH}/{kept['id']}/history").status_code == 404
    assert client.get(f"{PATH}/{kept['id']}/history?project=shop").status_code == 200
    assert client.get(f"{PATH}/{kept['id']}/history?limit=3").status_code == 400
    assert client.get(f"{PATH}/nonsense/history").status_code == 400


def test_the_last_change_is_undone_and_done_again(client, remember, recall):
    remember(content="We deploy on Mondays", topic="deploy")
    remember(content="We deploy on Fridays", topic="deploy")
    undone = client.post(f"{PATH}/undo", json={}).json()
    assert undone["undone"] == "supersede"
    assert {one["text"]: one["state"] for one in undone["memories"]} == {
        "We deploy on Fridays": "retired",
        "We deploy on Mondays": "in force",
    }
    assert texts(recall(query="when do we deploy")) == ["We deploy on Mondays"]
    assert client.post(f"{PATH}/undo", json={"redo": True}).json()["redone"] == "supersede"
    assert texts(recall(query="when do we deploy")) == ["We deploy on Fridays"]


def test_an_undo_that_cannot_be_says_why(client):
    answer = client.post(f"{PATH}/undo")
    assert answer.status_code == 404
    assert answer.json()["error"]
    assert client.post(f"{PATH}/undo", json={"steps": 2}).status_code == 400


def test_a_session_layer_needs_a_session(client):
    answer = client.post(PATH, json={"content": "for now", "scope": "session"})
    assert answer.status_code == 400
    assert "session" in answer.json()["error"]


def test_contradictory_times_are_refused(client):
    for body in (
        {"since": START_US + 10, "until": START_US + 5},
        {"since": START_US + 3, "as_of": START_US + 1},
    ):
        answer = client.post(f"{PATH}/recall", json={"query": "x", **body})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_history_knows_a_memory_by_the_id_of_an_export_too(client):
    handle = client.post("/api/v1/memories", json={"content": "Staging runs Postgres 16"}).json()[
        "results"
    ][0]["id"]
    lines = client.get("/api/v1/memories/export").text.splitlines()
    whole = next(one["id"] for one in map(json.loads, lines) if one["type"] == "memory")
    by_handle = client.get(f"/api/v1/memories/{handle}/history").json()
    assert by_handle["id"] == handle
    assert client.get(f"/api/v1/memories/{whole}/history").json() == by_handle
