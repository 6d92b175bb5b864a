"""The file's figures over REST."""

from tests.rest.posted import post
from tests.rest.test_costs import call


def test_the_figures_of_the_file_come_with_its_tables_where_asked(client):
    post(client, call(1), call(2))

    short = client.get("/api/v1/storage").json()
    whole = client.get("/api/v1/storage", params={"tables": "true"}).json()

    assert short["tables"] == []
    assert {"page_count", "free_pages", "log_pages", "write_amplification", "advice"} <= set(short)
    assert {tree["name"]: tree["rows"] for tree in whole["tables"]}["edges"] == 2
    assert client.get("/api/v1/storage", params={"tables": "2"}).status_code == 400


def test_counts_have_the_keys_of_other_systems(client):
    empty = client.get("/api/v1/storage/stats").json()
    post(client, call(1), call(2))

    stats = client.get("/api/v1/storage/stats").json()

    assert (empty["total_edges"], empty["oldest_timestamp_us"]) == (0, None)
    assert (empty["avg_trace_size_bytes"], empty["projects"]) == (0, [])
    assert stats["total_edges"] == 2
    assert stats["oldest_timestamp_us"] <= stats["newest_timestamp_us"]
    assert stats["storage_bytes"] > stats["avg_trace_size_bytes"] > 0
