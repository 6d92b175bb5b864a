"""What is found for a question before it is ranked, and how it is ranked then."""

from collections.abc import Callable, Sequence

import pytest

from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.services.candidates import Candidates, find_candidates
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember_all
from flowtrace_mcp.services.upkeep import embed_pending

TALK = (
    ("Ann", "Which colour did you paint the boat?"),
    ("Bob", "Green, it took all of Sunday"),
    ("Ann", "Nice to hear that"),
)


def tell(context: Context, caller: Caller, talk: Sequence[tuple[str, str]] = TALK) -> None:
    requests = [
        RememberRequest(content=text, author=author, session="talk", sequence=number)
        for number, (author, text) in enumerate(talk, 1)
    ]
    remember_all(context, requests, caller)


def find(context: Context, caller: Caller, query: str) -> Candidates:
    wanted = MemoryFilter(place=place_of(context, caller), now_us=context.now_us())
    return find_candidates(context, query, wanted)


def texts(found: Candidates) -> list[str]:
    return [one.text for one in found.candidates]


def test_what_stands_beside_the_found_is_looked_at_too(context: Context, caller: Caller) -> None:
    tell(context, caller)

    found = find(context, caller, "painted boat")

    assert texts(found) == [TALK[0][1], TALK[1][1]]
    assert not found.has_meaning


def test_the_answer_is_shown_with_the_question_that_holds_the_words(
    context: Context, caller: Caller
) -> None:
    tell(context, caller)

    answer = recall(context, RecallRequest(query="the colour of the boat"), caller)

    assert TALK[1][1] in [row.text for row in answer.memories]


def test_what_has_no_session_has_no_neighbours(context: Context, caller: Caller) -> None:
    outside = Caller(project=caller.project)
    remember_all(context, [RememberRequest(content=text) for _, text in TALK], outside)

    assert texts(find(context, outside, "painted boat")) == [TALK[0][1]]


def test_the_rarity_of_a_word_is_that_in_the_project(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    tell(context, caller)
    before = find(context, caller, "painted boat").terms
    tell(context, stranger, [("Eve", f"boat {number}") for number in range(20)])

    assert find(context, caller, "painted boat").terms == before


def test_a_question_without_words_finds_nothing_by_words(context: Context, caller: Caller) -> None:
    tell(context, caller)

    found = find(context, caller, "?!")

    assert (texts(found), list(found.terms)) == ([], [])


def test_a_date_in_the_question_decides_between_equals(context: Context, caller: Caller) -> None:
    days = ("2023-05-08", "2023-06-08", "2023-07-08")
    requests = [
        RememberRequest(content=f"release {n} went out late", valid_from=day)
        for n, day in enumerate(days)
    ]
    remember_all(context, requests, caller)

    answer = recall(context, RecallRequest(query="which release went out on June 8?"), caller)

    assert answer.memories[0].when == "2023-06-08"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_what_stands_beside_is_held_against_the_question_by_meaning(
    make_context: Callable[..., Context], caller: Caller
) -> None:
    context = make_context(FLOWTRACE_EMBEDDER="minilm")
    tell(context, caller, [*TALK, *(("Ann", f"filler number {n}") for n in range(300))])
    context.meaning.load()
    assert context.meaning.wait(30)
    while embed_pending(context):
        pass

    found = find(context, caller, "which paint was used on the boat")

    assert found.has_meaning
    assert all(one.dense is not None for one in found.candidates)
