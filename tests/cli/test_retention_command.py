"""`flowtrace retention`, as it is typed."""

from tests.cli.conftest import Type


def test_rules_are_set_listed_run_and_cleared(typed: Type) -> None:
    typed("remember", "Staging runs on alpha")

    assert "everything is kept" in typed("retention").out
    typed("retention", "set", "--days", "90")
    typed("retention", "set", "--project", "shop", "--sensitivity", "pii", "--bytes", "1000")

    rules = typed("retention", "--json").body["rules"]
    assert {"project": "all", "sensitivity": "all", "days": 90, "bytes": None} in rules
    assert {"project": "shop", "sensitivity": "pii", "days": None, "bytes": 1000} in rules
    assert "deleted 0 spans" in typed("retention", "run").out
    assert typed("retention", "run", "--json").body["deleted_spans"] == 0
    typed("retention", "clear")
    assert "days 90" not in typed("retention", "list").out


def test_a_rule_has_to_say_how_much(typed: Type) -> None:
    assert typed("retention", "set").code == 2
    assert typed("retention", "set", "--days", "-1").code == 2
