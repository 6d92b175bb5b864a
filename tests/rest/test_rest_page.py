"""docs/rest.md names every route with its method, and no other."""

import re
from pathlib import Path

import pytest

from flowtrace_mcp.rest import memories
from flowtrace_mcp.rest.rest_app import rest_routes
from flowtrace_mcp.services.post_spans import PlainSpan
from flowtrace_mcp.services.status import ListenerFacts
from tests.rest.test_traces import SPAN_KEYS, TOKEN_KEYS, TOTAL_KEYS, TRACE_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(GET|POST|PUT|DELETE) ([^`]+)` \| (.*?) \|", re.MULTILINE)


def section(title):
    return PAGE.split(f"### {title}\n")[1].split("\n#")[0]


def test_every_route_has_a_row_and_every_row_a_route(endpoints, pipeline):
    served = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in rest_routes(endpoints, pipeline, ListenerFacts)
        for method in route.methods - {"HEAD"}
    }
    rows = [(method, path) for method, path, _ in ROW.findall(PAGE)]
    assert sorted(rows) == sorted(served)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("A trace", SPAN_KEYS | TOTAL_KEYS | TOKEN_KEYS | TRACE_KEYS),
        ("Posting spans", set(PlainSpan.__struct_fields__)),
        ("Remembering", set(memories.RememberBody.__struct_fields__)),
        ("Recalling", set(memories.RecallBody.__struct_fields__)),
    ],
)
def test_a_section_names_every_field(title, names):
    named = set(re.findall(r"`(\w+)`", section(title)))
    assert names <= named, names - named


def test_the_row_of_forget_names_every_argument():
    row = next(line for line in PAGE.splitlines() if "memories/forget`" in line)
    assert set(memories.ForgetBody.__struct_fields__) <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("path", ["/api/v1/traces", "/api/v1/sessions", "/api/v1/logs"])
def test_the_parameters_in_a_row_are_taken(client, path):
    takes = next(
        takes for method, row, takes in ROW.findall(PAGE) if (method, row) == ("GET", path)
    )
    for name in re.findall(r"`(\w+)`", takes):
        value = "0x1" if name == "trace_id" else "s-1"
        assert client.get(path, params={name: value}).status_code == 200


def test_the_example_of_posted_spans_is_taken(client):
    example = section("Posting spans").split("```json\n")[1].split("```")[0]
    answer = client.post(
        "/api/v1/traces", content=example, headers={"content-type": "application/json"}
    )
    assert answer.json() == {"accepted": 1, "rejected": 0, "errors": []}
