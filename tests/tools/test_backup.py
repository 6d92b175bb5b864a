"""The tool `backup`."""

import pytest

from tests.tools.conftest import Ask, text_of


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"FLOWTRACE_TOOLS": "all"}


def test_an_agent_makes_a_backup_and_tells_how_to_restore_it(ask: Ask) -> None:
    empty = ask("backup")
    made = ask("backup", action="create", name="before")
    verified = ask("backup", action="verify", name="before")
    listed = ask("backup")

    assert text_of(empty) == "no backup yet"
    assert made.structured_content["restore"] == "flowtrace backup restore before"
    assert text_of(verified) == "before is whole"
    assert [row["id"] for row in listed.structured_content["backups"]] == ["before"]


def test_a_backup_that_is_not_there_is_an_error_with_a_mend(ask: Ask) -> None:
    answer = ask("backup", action="verify", name="missing")

    assert answer.is_error
    assert "flowtrace backup list" in text_of(answer)
