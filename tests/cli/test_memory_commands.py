import io
import sys

import pytest

from tests.cli.conftest import Type


def test_what_is_remembered_is_recalled_with_id_date_kind_and_text(typed: Type) -> None:
    kept = typed("remember", "Staging runs Postgres 16", "--kind", "fact", "--json").body

    answer = typed("recall", "Postgres staging")

    assert kept["outcome"] == "new"
    head, text = answer.out.splitlines()
    assert head.split()[0] == kept["id"]
    assert head.split()[2] == "fact"
    assert text == "  Staging runs Postgres 16"


@pytest.mark.promise("json")
def test_recall_as_json_has_the_rows_an_agent_gets(typed: Type) -> None:
    typed("remember", "Deploys run from main", "--file", "deploy.sh", "--tag", "ops")

    answer = typed("recall", "deploys", "--tag", "ops", "--kind", "note", "--json").body

    assert answer["more"] == 0
    assert answer["tokens"] > 0
    (row,) = answer["memories"]
    assert row["text"] == "Deploys run from main"
    assert row["files"] == ["deploy.sh"]


def test_a_recall_that_finds_nothing_says_so_and_is_no_failure(typed: Type) -> None:
    answer = typed("recall", "zeppelin")

    assert answer.code == 0
    assert answer.out.strip() == "nothing strong enough was found"


def test_a_text_of_many_lines_keeps_them_within_eighty_columns(typed: Type) -> None:
    typed("remember", "first line\n" + "word " * 60)

    lines = typed("recall", "first line word").out.splitlines()

    assert lines[1] == "  first line"
    assert max(map(len, lines)) <= 80
    assert len(lines) > 4


def test_text_comes_from_stdin_for_a_dash(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Tests überall\n".encode())))

    typed("remember", "-")

    assert "Tests überall" in typed("recall", "Tests überall").out


def test_stdin_that_is_not_utf8_is_refused(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))

    answer = typed("remember", "-")

    assert answer.code == 2
    assert "byte 3 is not UTF-8" in answer.err


def test_a_later_memory_of_a_topic_retires_the_older_and_shows_it(typed: Type) -> None:
    old = typed("remember", "Staging listens on 5432", "--topic", "staging", "--json").body

    answer = typed("remember", "Staging listens on 5439", "--topic", "staging")

    assert "the older one is retired" in answer.out
    assert f"  {old['id']}: Staging listens on 5432" in answer.out
    assert "5432" not in typed("recall", "Staging listens").out


def test_a_conflict_says_how_to_settle_it(typed: Type) -> None:
    old = typed("remember", "The staging database listens on port 5432", "--json").body

    answer = typed("remember", "The staging database listens on port 5439")

    assert "an older one says otherwise" in answer.out
    assert f"settle it: flowtrace forget {old['id']}" in answer.out


def test_a_superseded_memory_is_named_as_json(typed: Type) -> None:
    old = typed("remember", "We use tabs", "--json").body

    new = typed("remember", "We use spaces", "--supersedes", old["id"], "--json").body

    assert new["outcome"] == "supersedes"
    assert new["old_id"] == old["id"]
    assert new["old_text"] == "We use tabs"


def test_a_secret_is_counted_as_taken_out(typed: Type) -> None:
    secret = "ghp_" + "a1B2" * 9

    answer = typed("remember", f"The token is {secret}")

    assert "secrets taken out before storing: 1" in answer.out
    assert secret not in typed("recall", "token").out


def test_a_forgotten_memory_is_not_recalled_and_can_still_be_opened(typed: Type) -> None:
    kept = typed("remember", "Ada reviews migrations", "--json").body

    answer = typed("forget", kept["id"], "--reason", "she left")

    assert answer.out.splitlines() == [f"{kept['id']}  retired", "  Ada reviews migrations"]
    assert "Ada" not in typed("recall", "Ada reviews migrations").out
    assert "Ada" in typed("recall", "--expand", kept["id"]).out


def test_forgetting_by_a_question_needs_no_id(typed: Type) -> None:
    typed("remember", "The cache lives in Redis")

    answer = typed("forget", "--query", "cache lives in Redis", "--json")

    assert answer.body["text"] == "The cache lives in Redis"
    assert answer.body["hard"] is False


def test_removal_for_good_wants_a_yes(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = typed("remember", "A secret plan", "--json").body
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))  # not a terminal: nobody was asked

    refused = typed("forget", kept["id"], "--hard")
    done = typed("forget", kept["id"], "--hard", "--yes")

    assert refused.code == 2
    assert "mend: add --yes" in refused.err
    assert "removed for good" in done.out
    assert typed("recall", "--expand", kept["id"]).code == 4


def test_an_id_that_is_not_there_has_an_exit_code_of_its_own(typed: Type) -> None:
    answer = typed("forget", "0000000000")

    assert answer.code == 4
    assert answer.err.startswith("error: no memory 0000000000")


@pytest.mark.promise("words-and-meaning")
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_recall_without_a_server_loads_the_model_and_embeds_what_waits(
    typed: Type, environ: dict[str, str]
) -> None:
    environ["FLOWTRACE_EMBEDDER"] = "minilm"
    typed("remember", "The canteen serves lasagne on Fridays")
    typed("remember", "Login tokens expire after an hour")

    typed("recall", "anything at all")  # embeds both
    answer = typed("recall", "food at the end of the week", "--limit", "1")

    assert "lasagne" in answer.out


def test_a_strict_recall_shows_nothing_twice_in_a_session(typed: Type) -> None:
    typed("remember", "The staging database listens on port 5433", "--kind", "fact")
    question = ("recall", "port of the staging database", "--strict", "--session", "s-1", "--json")

    first, again = typed(*question).body, typed(*question).body

    assert [row["text"] for row in first["memories"]] == [
        "The staging database listens on port 5433"
    ]
    assert again["memories"] == []


def test_a_strict_recall_of_nothing_tells_what_a_session_starts_with(typed: Type) -> None:
    typed("remember", "Ada prefers small commits", "--kind", "preference")

    answer = typed("recall", "--strict", "--json").body

    assert [row["text"] for row in answer["memories"]] == ["Ada prefers small commits"]
    assert answer["tokens"] <= 300
