from dataclasses import replace

import pytest

from flowtrace_mcp.embedding.encoding import encode
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from tests.fakes import FakeEmbedder

PORTS = (
    "The staging database listens on port 5433",
    "The production database listens on port 6432",
    "Ada prefers small commits",
    "Releases go out on Tuesday mornings",
)


@pytest.fixture
def filled(context: Context, caller: Caller) -> Context:
    meaning = Meaning("minilm", lambda texts: encode(FakeEmbedder(), texts))
    context = replace(context, meaning=meaning)
    for content in PORTS:
        request = RememberRequest(content=content, kind=MemoryKind.FACT)
        remember(context, request, caller)
    return context


def texts(context: Context, caller: Caller, query: str, **more: object) -> list[str]:
    request = RecallRequest(query=query, strict=True, **more)  # type: ignore[arg-type]  # any field
    return [row.text for row in recall(context, request, replace(caller, session="")).memories]


@pytest.mark.parametrize(
    ("environment", "answer"), [("staging", PORTS[0]), ("production", PORTS[1])]
)
def test_of_two_facts_that_both_stay_true_the_one_asked_for_is_shown(
    filled: Context, caller: Caller, environment: str, answer: str
) -> None:
    query = f"on which port does the {environment} database listen?"

    assert texts(filled, caller, query) == [answer]


def test_what_is_about_something_else_is_met_with_silence(filled: Context, caller: Caller) -> None:
    assert texts(filled, caller, "who painted the kitchen ceiling?") == []


def test_another_name_of_a_thing_finds_it(filled: Context, caller: Caller) -> None:
    content = "The ledger service is owned by the payments team"
    request = RememberRequest(content=content, kind=MemoryKind.FACT, aliases=("Big Bertha",))
    remember(filled, request, caller)

    assert texts(filled, caller, "which team owns the Big Bertha service?") == [content]


def test_an_answer_tells_how_sure_it_is(filled: Context, caller: Caller) -> None:
    request = RecallRequest(query="port of the staging database", strict=True)

    (row,) = recall(filled, request, replace(caller, session="")).memories

    assert 0.46 <= row.score <= 1.0


def test_what_is_opened_by_id_keeps_the_budget_that_is_asked_for(
    filled: Context, caller: Caller
) -> None:
    told = remember(filled, RememberRequest(content="step " * 300), caller)

    found = texts(filled, caller, "steps", expand=(told.id,), budget=2000)

    assert found == ["step " * 300]
