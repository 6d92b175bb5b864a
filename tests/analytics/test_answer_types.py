import pytest

from flowtrace_mcp.analytics.answer_types import holds_answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("which port does staging use?", "Postgres listens on localhost:5433"),
        ("how much RAM does it get?", "the pod gets 512 MiB"),
        ("what is the rate limit of Stripe?", "Stripe allows 12 calls a second"),
        ("how long do we wait for Adyen?", "the client gives up after 8 seconds"),
        ("how many rows does it take?", "it works in batches of 250"),
        ("when does the digest run?", "the digest starts at 04:05 UTC"),
        ("which day do we release?", "we ship on Tuesday"),
        ("who owns the ledger?", "the payments team looks after the ledger"),
        ("where are the settings?", "the settings live in config/app.toml"),
        ("which version are we on?", "pinned to 2.0.43"),
        ("which command starts the tests?", "tests run with `nox`"),
        ("how do I turn on the new flow?", "it hides behind checkout_v2"),
    ],
)
def test_a_text_holds_the_sort_of_thing_that_is_asked_for(question: str, answer: str) -> None:
    assert holds_answer(question, answer) is True
    assert holds_answer(question, "we talked about it, no result yet") is False


def test_a_question_for_no_known_sort_of_thing_expects_nothing() -> None:
    assert holds_answer("what about the cache", "the cache is warm") is None


def test_a_question_for_two_things_wants_both() -> None:
    question = "where and when does the job run?"

    assert holds_answer(question, "it starts at 04:05 UTC in jobs/digest.py") is True
    assert holds_answer(question, "it starts at 04:05 UTC") is False
