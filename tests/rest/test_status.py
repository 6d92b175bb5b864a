"""The status over REST."""

from flowtrace_mcp import __version__
from flowtrace_mcp.errors import ReadOnlyError
from tests.rest.posted import post, span


def test_status_counts_and_says_what_is_still_off(client):
    post(client, span(1))
    body = client.get("/api/v1/status").json()
    assert (body["health"], body["version"]) == ("ok", __version__)
    assert (body["store"]["span_count"], body["store"]["write_refusal"]) == (1, None)
    assert body["listener"]["rest_port"] is None
    assert "claude-code" in body["switch_on"]


def test_status_tells_why_nothing_can_be_written(client, context):
    context.store._database.write_refusal = ReadOnlyError("the disk is full", mend="free some")
    body = client.get("/api/v1/status").json()
    assert body["health"] == "degraded"
    assert body["store"]["write_refusal"] == "the disk is full. Free some."
    assert body["problems"] == ["the disk is full. Free some."]
