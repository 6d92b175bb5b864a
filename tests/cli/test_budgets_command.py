"""`flowtrace budgets`, as it is typed."""

from tests.cli.conftest import Type


def test_budgets_are_set_changed_checked_and_removed(typed: Type) -> None:
    assert "no budget" in typed("budgets").out

    typed("budgets", "set", "daily", "--period", "daily", "--amount", "10", "--at", "80", "--stop")
    typed("budgets", "set", "all", "--amount", "1000000", "--unit", "tokens", "--paused")
    changed = typed("budgets", "set", "daily", "--amount", "12", "--json").body["budgets"]

    (of_all, daily) = changed
    assert (daily["amount"], daily["period"], daily["thresholds"]) == (12, "daily", [80, 100])
    assert (daily["stops"], daily["active"]) == (True, True)
    assert (of_all["unit"], of_all["active"], of_all["period"]) == ("tokens", False, "monthly")
    shown = typed("budgets", "list").out
    assert "daily: 0 of 12 USD daily (0 %)" in shown
    assert "stops agents" in shown
    assert "0 of 1,000,000 tokens monthly (0 %)" in shown
    assert "paused" in shown
    assert typed("budgets", "check", "--json").body["fired"] == 0
    assert "0 thresholds" in typed("budgets", "check").out
    left = typed("budgets", "remove", "all", "--json").body["budgets"]
    assert [one["name"] for one in left] == ["daily"]


def test_a_budget_of_a_project_says_so(typed: Type) -> None:
    typed("budgets", "set", "b", "--amount", "1", "--project", "shop", "--model", "m")

    assert "project name:shop, model m" in typed("budgets").out


def test_what_is_missing_is_asked_for(typed: Type) -> None:
    assert typed("budgets", "set", "daily").code == 2
    assert typed("budgets", "set", "--amount", "1").code == 2
    assert typed("budgets", "remove", "none").code == 4
    assert (
        typed("budgets", "set", "b", "--amount", "1", "--webhook", "http://example.com").code == 2
    )
