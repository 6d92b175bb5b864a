import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.importers.memory_service import parse_service_row
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind


def test_a_row_is_a_memory_with_its_tags_time_and_metadata() -> None:
    found = parse_service_row(
        {
            "content_hash": "ab12",
            "content": "Retries three times",
            "tags": "api, retries,,untagged",
            "memory_type": "learning",
            "metadata": '{"hostname": "box"}',
            "created_at": 1_795_000_000.25,
            "deleted_at": None,
        }
    )

    assert found == FoundMemory(
        content="Retries three times",
        key="ab12",
        kind=MemoryKind.FACT,
        tags=("api", "retries"),
        when_us=1_795_000_000_250_000,
        metadata={"hostname": "box", "source": "mcp-memory-service"},
    )


def test_a_deleted_or_replaced_row_arrives_retired() -> None:
    row = {"content": "x", "created_at": 1_795_000_000.0}

    deleted = parse_service_row({**row, "deleted_at": 1_795_000_001.0})
    replaced = parse_service_row({**row, "superseded_by": "cd34"})

    assert deleted.retired_us == 1_795_000_001_000_000
    assert replaced.retired_us == 1_795_000_000_000_000


def test_odd_values_are_kept_or_passed_over() -> None:
    found = parse_service_row(
        {
            "content": "x",
            "tags": '["a", "b"]',
            "memory_type": "Recipe",
            "metadata": "not json",
            "created_at": 1e30,
        }
    )

    assert found.tags == ("a", "b", "recipe")
    assert found.metadata == {"metadata": "not json", "source": "mcp-memory-service"}
    assert found.when_us is None


@pytest.mark.parametrize("content", [None, "", " ", b"x"])
def test_a_row_without_text_is_refused(content: object) -> None:
    with pytest.raises(InputError, match="no text"):
        parse_service_row({"content": content})
