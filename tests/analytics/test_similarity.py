import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.similarity import Likeness, compare_texts, fold_text

SAME, CONFLICTS = Likeness.SAME, Likeness.CONFLICTS
REFINES, DIFFERENT = Likeness.REFINES, Likeness.DIFFERENT

EXAMPLES = [
    ("Use pnpm, not npm.", "use  PNPM - not npm", SAME),
    ("- The cache doesn't expire", "The cache does not expire!", SAME),
    ("Timeout is 30s", "timeout is 30 s", SAME),
    ("Use pnpm, not npm", "Use npm, not pnpm", CONFLICTS),
    ("timeout is 30 s", "timeout is 60 s", CONFLICTS),
    ("timeout is 30s", "timeout is 60 s", CONFLICTS),
    ("The API uses JWT", "The API does not use JWT", CONFLICTS),
    ("The API uses JWT", "The API doesn't use JWT", CONFLICTS),
    ("Deploy on Friday", "Never deploy on Friday", CONFLICTS),
    ("Always run the linter", "Never run the linter", CONFLICTS),
    ("The database is PostgreSQL", "The database is MySQL", CONFLICTS),
    ("PostgreSQL 16", "PostgreSQL 17", CONFLICTS),
    ("Python 3.11 is the floor", "Python 3.12 is the floor", CONFLICTS),
    ("The entry point is app.main", "The entry point is app.run", CONFLICTS),
    ("The cache is on", "The cache is off", CONFLICTS),
    ("Telemetry is enabled", "Telemetry is disabled", CONFLICTS),
    ("Run migrations before the deploy", "Run migrations after the deploy", CONFLICTS),
    ("We prefer tabs over spaces", "We prefer spaces over tabs", CONFLICTS),
    ("Cut releases from main to stable", "Cut releases from stable to main", CONFLICTS),
    ("fail when x < 5", "fail when x > 5", CONFLICTS),
    ("the offset is 5", "the offset is -5", CONFLICTS),
    ("nightly build ✅", "nightly build ❌", CONFLICTS),
    ("超时是30秒", "超时是60秒", CONFLICTS),
    ("порт сервера 5432", "порт сервера 5433", CONFLICTS),
    ("कि", "की", DIFFERENT),
    ("!!!", "???", DIFFERENT),
    ("You can't restart it", "You can restart it", CONFLICTS),
    ("Deploy with make deploy", "Deploy with make deploy from the main branch", REFINES),
    ("Deploy with make deploy from the main branch", "Deploy with make deploy", REFINES),
    ("Use Python for the tools", "Use Python 3.12 for the tools", REFINES),
    ("Run lint, tests and types", "Run tests, lint and types", REFINES),
    (
        "Before each release run the full suite twice, bump the version, tag, sign, push, announce",
        "Before each release run the full suite twice, bump the version, tag, sign, push, tell",
        REFINES,
    ),
    ("staging uses port 5432", "production uses port 5433", DIFFERENT),
    ("Staging uses port 5432", "Production uses port 5432", DIFFERENT),
    ("timeout is 30 s", "timeout of the upload worker in the second zone is 60 s", DIFFERENT),
    ("Alice likes green tea", "Bob likes green tea", DIFFERENT),
    ("The user prefers dark mode", "The build runs on Linux", DIFFERENT),
    ("run 1 took 2 ms on node-3", "run 4 took 5 ms on node-6", DIFFERENT),
    (
        "use pnpm",
        "the team agreed to use lockfiles of pnpm when caching dependencies between pipeline jobs",
        DIFFERENT,
    ),
    ("", "something", DIFFERENT),
    ("not", "something", DIFFERENT),
]


@pytest.mark.parametrize(("old", "new", "likeness"), EXAMPLES)
def test_a_new_text_is_compared_with_an_old_one(old, new, likeness):
    assert compare_texts(old, new) == likeness


@pytest.mark.parametrize(("old", "new", "likeness"), EXAMPLES)
def test_the_comparison_is_the_same_from_both_sides(old, new, likeness):
    assert compare_texts(new, old) == likeness


def test_words_in_number_and_tense_are_one():
    assert compare_texts("It processes files", "It process file in batches") == REFINES


def test_signs_that_carry_meaning_are_not_folded_away():
    assert len({fold_text(text) for text in ("C", "C++", "C#", "x < 5", "x > 5", "x 5")}) == 6


@given(st.text(max_size=60))
def test_a_text_with_blanks_around_it_is_the_same(text):
    assert compare_texts(text, f"  {text}\n") == SAME


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_compare_alike_from_both_sides(old, new):
    assert compare_texts(old, new) == compare_texts(new, old)


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_another_number_alone_is_a_conflict(old, new):
    expected = SAME if old == new else CONFLICTS
    assert compare_texts(f"the queue holds {old} rows", f"the queue holds {new} rows") == expected
