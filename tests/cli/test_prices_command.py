import json
from pathlib import Path

from tests.cli.conftest import Type


def test_the_table_in_use_is_shown_with_its_date(typed: Type) -> None:
    answer = typed("prices")

    assert answer.code == 0
    assert "packaged table" in answer.out
    assert "LiteLLM" in answer.out
    shown = typed("prices", "show", "--json").body
    assert shown["level"] == "packaged"
    assert shown["model_count"] > 3000


def test_a_price_is_shown_under_any_name_of_the_model(typed: Type) -> None:
    answer = typed("prices", "show", "gpt-4.1-mini-2026-01-01", "--provider", "openai")

    assert answer.out.startswith("gpt-4.1-mini (packaged)\n")
    assert "standard: input 0.4, output 1.6, cache_read 0.1" in answer.out
    assert "batch: " in answer.out


def test_a_price_with_tiers_says_where_they_begin(typed: Type) -> None:
    assert "above 200,000 tokens of input" in typed("prices", "show", "gemini-2.5-pro").out


def test_an_unknown_model_is_an_error(typed: Type) -> None:
    answer = typed("prices", "show", "boom-1")

    assert answer.code == 4
    assert "no price is known" in answer.err


def test_a_price_of_ones_own_is_set_shown_and_taken_away(typed: Type) -> None:
    rates = ("--input", "0.5", "--output", "2", "--cache-read", "0.05")

    assert "input 0.5, output 2, cache_read 0.05" in typed("prices", "set", "m-1", *rates).out
    assert typed("prices", "show", "m-1", "--json").body == {
        "model": "m-1",
        "level": "custom",
        "price": {"standard": [{"input": 0.5, "output": 2.0, "cache_read": 0.05}]},
    }
    assert "m-1" in typed("prices").out
    assert typed("prices", "set", "m-1", "--remove", "--json").body == {"removed": "m-1"}
    assert typed("prices", "show", "m-1").code == 4


def test_a_price_needs_both_rates(typed: Type) -> None:
    answer = typed("prices", "set", "m-1", "--input", "1")

    assert answer.code == 2
    assert "--output" in answer.err


def test_a_newer_table_is_taken_over_from_a_file_and_given_up_again(
    typed: Type, tmp_path: Path
) -> None:
    entry = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "mode": "chat"}
    path = tmp_path / "map.json"
    path.write_text(json.dumps({f"m-{number}": entry for number in range(150)}))

    assert typed("prices", "update", "--from", str(path), "--json").body["model_count"] == 150
    assert "updated table: 150 models" in typed("prices").out
    assert "in the package" in typed("prices", "update", "--packaged").out
    assert "packaged table" in typed("prices").out


def test_nothing_is_fetched_unasked(typed: Type) -> None:
    answer = typed("prices", "update")

    assert answer.code == 2
    assert "--from" in answer.err


def test_a_damaged_file_of_ones_own_is_told(typed: Type, environ: dict[str, str]) -> None:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir()
    (home / "prices.json").write_text("no json")

    assert "not read: cannot read prices.json" in typed("prices").out


def test_costs_are_reckoned_again_only_when_asked_for(typed: Type) -> None:
    answer = typed("prices", "recompute", "--since", "2026-01-01", "--all", "--json")

    assert answer.body == {"traces": 0, "changed_calls": 0}
    assert "traces looked through: 0" in typed("prices", "recompute").out
