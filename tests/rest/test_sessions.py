"""Sessions over REST."""

from tests.rest.conftest import START_US
from tests.rest.posted import post, span


def of_session(number, session, **more):
    attributes = {"session.id": session, "user.id": "ada", "gen_ai.agent.name": "helper"}
    return span(number, number, attributes=attributes, **more)


def test_a_session_is_answered_with_its_traces_and_their_sum(client):
    post(client, of_session(1, "s-1"), of_session(2, "s-1", status="error"), of_session(3, "s-2"))
    body = client.get("/api/v1/sessions/s-1").json()
    assert (body["session"], body["agent"], body["user"]) == ("s-1", "helper", "ada")
    assert [int(one["trace_id"], 16) for one in body["traces"]] == [2, 1]
    assert (body["totals"]["spans"], body["totals"]["errors"]) == (2, 1)
    assert (body["start_us"], body["end_us"]) == (START_US + 1, START_US + 1002)


def test_a_session_names_the_project_it_is_bound_to(client, context):
    post(client, of_session(1, "s-1"))
    context.store.spans.bind_session("s-1", context.store.project_id("name:shop", "shop"))
    assert client.get("/api/v1/sessions/s-1").json()["project"] == "shop"
    assert client.get("/api/v1/sessions").json()["items"][0]["project"] == "shop"
    assert client.get("/api/v1/sessions", params={"project": "other"}).json()["items"] == []


def test_a_session_id_may_hold_any_character(client):
    post(client, of_session(1, "a/b c?é"))
    assert client.get("/api/v1/sessions/a%2Fb%20c%3F%C3%A9").json()["session"] == "a/b c?é"


def test_an_unknown_session_is_not_found(client):
    answer = client.get("/api/v1/sessions/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_paging_visits_every_session_once_newest_first(client, items_of):
    for number in range(1, 12):
        post(client, of_session(number, f"s-{number}", start_time=START_US + number // 4))
    found = items_of("/api/v1/sessions", limit=3)
    assert sorted(one["session"] for one in found) == sorted(f"s-{n}" for n in range(1, 12))
    starts = [one["start_us"] for one in found]
    assert starts == sorted(starts, reverse=True)


def test_the_list_has_both_keys_and_a_window(client):
    post(client, of_session(1, "s-1"), of_session(9, "s-2"))
    body = client.get("/api/v1/sessions", params={"since": START_US + 5}).json()
    assert [one["session"] for one in body["items"]] == ["s-2"]
    assert body["sessions"] == body["items"]
