from pathlib import Path

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.importers.server_memory import parse_graph_line

DATA = Path(__file__).parents[2] / "data" / "importers"


def lines(name: str) -> list[bytes]:
    return (DATA / name).read_bytes().splitlines()


def test_an_observation_names_its_entity_and_a_relation_both_of_its_ends() -> None:
    found = [one for line in lines("server-memory.jsonl") for one in parse_graph_line(line)]

    assert [one.content for one in found] == [
        "order-service: Runs Postgres 16",
        "order-service: Owned by the platform team\nsince May",
        "order-service: Retries three times: größer 🎉",
        "Ada: Prefers small commits",
        "staging (environment)",
        "Ada maintains order-service",
        "order-service is deployed to staging",
    ]
    assert (found[0].tags, found[0].aliases) == (("service",), ("order-service",))
    assert (found[5].tags, found[5].aliases) == (("relation",), ("Ada", "order-service"))


@pytest.mark.parametrize("line", [b"{}", b"x", b'{"type":"entity"}', b'{"type":"song"}'])
def test_a_line_that_is_neither_is_refused(line: bytes) -> None:
    with pytest.raises(InputError, match="cannot read the line"):
        list(parse_graph_line(line))
