"""Budgets over REST, under our names and those of the system described."""

import pytest

from flowtrace_mcp.rest.key_limits import role_needed
from flowtrace_mcp.services.budget_watch import BudgetWatch
from flowtrace_mcp.services.keys import Role
from tests.rest.posted import post
from tests.rest.test_costs import call

ALERTS = "/api/v1/budget/alerts"
THEIRS = {
    "name": "Daily",
    "description": "of the team",
    "threshold_type": "daily",
    "threshold_value": 50.0,
    "period": "day",
    "filters": {"project_ids": ["shop"], "agent_ids": [], "models": ["claude-opus-4-1"]},
    "actions": [
        {"action_type": "log", "config": {}},
        {"action_type": "webhook", "config": {"url": "http://127.0.0.1:9/x"}},
        {"action_type": "stop"},
    ],
}


def test_a_budget_is_set_read_replaced_and_removed(client):
    made = client.post(ALERTS, json=THEIRS).json()

    assert (made["period"], made["amount"], made["stops"]) == ("daily", 50.0, True)
    assert (made["project"], made["model"]) == ("name:shop", "claude-opus-4-1")
    assert [one["action_type"] for one in made["actions"]] == ["log", "webhook", "stop"]
    assert made["filters"]["project_ids"] == ["name:shop"]
    one = f"{ALERTS}/{made['id']}"
    assert client.get(one).json()["threshold_type"] == "daily"
    put = client.put(
        one, json={"name": "Other", "amount": 3, "period": "trace", "status": "paused"}
    )
    assert (put.json()["id"], put.json()["name"]) == (made["id"], "Other")
    assert (put.json()["threshold_type"], put.json()["status"]) == ("pertrace", "paused")
    assert client.get(ALERTS).json()["total"] == 1
    assert client.delete(one).json() == {"success": True, "id": made["id"]}
    assert client.get(one).status_code == 404


def test_what_was_reached_is_listed(client, context):
    made = client.post(ALERTS, json={"name": "b", "amount": 10, "thresholds": [50, 100]}).json()
    post(client, call(1))
    watch = BudgetWatch(context)
    watch.look()
    watch.close()

    listed = client.get(f"{ALERTS}/{made['id']}/events").json()

    assert [one["threshold_percent"] for one in listed["events"]] == [100, 50]
    assert listed["events"][0]["spent"] == 15.0
    assert listed["events"][0]["told"] == "log"
    assert client.get("/api/v1/status").json()["budgets"][0].startswith("budget 'b' of all time")


def test_the_state_of_budgets_is_asked_for_by_period(client):
    client.post(ALERTS, json={"name": "d", "amount": 10, "period": "daily"})
    client.post(ALERTS, json={"name": "m", "amount": 10, "period": "monthly"})

    def names(**params):
        answer = client.get("/api/v1/budget/status", params=params).json()
        return [one["name"] for one in answer["items"]]

    assert names() == ["d", "m"]
    assert names(period="month") == names(period="monthly") == ["m"]
    assert client.get("/api/v1/budget/status", params={"period": "age"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"name": "b"},
        {"name": "b", "amount": 0},
        {"name": "b", "amount": 1, "period": "yearly"},
        {"name": "b", "threshold_type": "pertoken", "threshold_value": 1},
        {"name": "b", "amount": 1, "filters": {"environments": ["production"]}},
        {"name": "b", "amount": 1, "filters": {"models": ["one", "two"]}},
        {"name": "b", "amount": 1, "actions": [{"action_type": "email"}]},
        {"name": "b", "amount": 1, "webhook": "http://example.com/"},
        {"name": "b", "amount": 1, "command": True},
        {"name": "b", "amount": 1, "colour": "red"},
    ],
)
def test_what_is_no_budget_is_an_error_with_a_mend(client, body):
    answer = client.post(ALERTS, json=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "code", "mend"}


def test_an_id_that_is_none_is_refused(client):
    assert client.get(f"{ALERTS}/zz").status_code == 400
    assert client.get(f"{ALERTS}/00000000000000ff").status_code == 404


def test_only_an_admin_sets_budgets():
    assert role_needed("POST", ALERTS, is_otlp=False) is Role.ADMIN
    assert role_needed("DELETE", f"{ALERTS}/1", is_otlp=False) is Role.ADMIN
    assert role_needed("GET", ALERTS, is_otlp=False) is Role.READER
