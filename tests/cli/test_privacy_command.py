"""`flowtrace privacy`, as it is typed."""

from pathlib import Path

from tests.cli.conftest import Type


def test_a_project_is_reported_handed_out_and_erased(typed: Type, tmp_path: Path) -> None:
    typed("remember", "Staging runs on zylophrastic, says ada@example.com")

    assert "| personal | email | 1 |" in typed("privacy").out
    assert typed("privacy", "report", "--json").body["memories"]["looked_at"] == 1
    given = typed("privacy", "export", "--project", "shop", "--to", str(tmp_path / "s.zip"))
    assert "memories 1" in given.out
    before = typed("privacy", "verify", "zylophrastic", "--json")
    assert (before.code, before.body["hits"] > 0) == (1, True)
    assert typed("privacy", "erase", "--project", "shop").code == 2
    erased = typed("privacy", "erase", "--project", "shop", "--yes", "--json")
    assert (erased.code, erased.body["memories"]) == (0, 1)
    assert erased.body["verified"]["hits"] == 0
    after = typed("privacy", "verify", "zylophrastic")
    assert (after.code, after.out) == (0, "found: 0\n")


def test_a_place_and_a_subject_are_needed(typed: Type, tmp_path: Path) -> None:
    assert typed("privacy", "export", "--session", "x").code == 2
    assert typed("privacy", "export", "--to", str(tmp_path / "s.zip")).code == 2
    assert typed("privacy", "erase", "--yes").code == 2
    assert typed("privacy", "verify").code == 2
    since = ("--since", "2026-01-01", "--until", "2026-02-01")
    erased = typed("privacy", "erase", *since, "--yes")
    assert "erased of time" in erased.out
