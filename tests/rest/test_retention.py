"""Rules of retention over HTTP."""

import pytest

BASE = "/api/v1/admin/retention"


def test_a_rule_is_set_run_and_taken_away(client):
    client.post(BASE, json={"days": 30})
    rules = client.post(BASE, json={"project": "shop", "sensitivity": 1, "bytes": 5}).json()[
        "rules"
    ]

    assert {"project": "all", "sensitivity": 0, "days": 30, "bytes": None} in rules
    assert {"project": "shop", "sensitivity": 1, "days": None, "bytes": 5} in rules
    assert client.post(f"{BASE}/run").json()["deleted_spans"] == 0
    client.post(BASE, json={})
    assert [one["project"] for one in client.get(BASE).json()["rules"]] == ["shop"]


@pytest.mark.parametrize("body", [{"days": -1}, {"bytes": 2**60}, {"sensitivity": 99, "days": 1}])
def test_a_rule_that_is_none_is_refused(client, body):
    assert client.post(BASE, json=body).status_code == 400
    assert client.get(BASE).json()["rules"] == []
