"""Erasure, its proof and the report over HTTP."""

import pytest


@pytest.fixture
def kept(client):
    body = {"content": "Staging runs on zylophrastic", "session": "s-1", "project": "shop"}
    client.post("/api/v1/memories", json=body)


def test_what_is_erased_is_found_before_and_not_after(client, kept):
    words = {"words": ["zylophrastic"]}
    before = client.post("/api/v1/admin/erase/verify", json=words).json()

    receipt = client.post("/api/v1/admin/erase", json={"session": "s-1"}).json()

    after = client.post("/api/v1/admin/erase/verify", json=words).json()
    assert before["hits"] > 0
    assert (receipt["memories"], receipt["log"]) == (1, "emptied")
    assert receipt["verified"]["hits"] == after["hits"] == 0


def test_a_time_is_erased(client, kept):
    since = {"since": "2026-01-01", "until": 1_800_000_000_000_000}

    assert client.post("/api/v1/admin/erase", json=since).json()["memories"] == 1


def test_it_must_be_said_what(client, kept):
    assert client.post("/api/v1/admin/erase", json={}).status_code == 400
    assert client.post("/api/v1/admin/erase", json={"project": "unheard of"}).status_code == 404
    assert client.post("/api/v1/admin/erase/verify", json={"words": []}).status_code == 400


def test_the_report_is_served(client, kept):
    report = client.get("/api/v1/admin/privacy").json()

    assert report["memories"]["looked_at"] == 1
    assert report["access"]["keys_in_force"] == 0
