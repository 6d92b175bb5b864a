import itertools
from dataclasses import replace

import pytest

from flowtrace_mcp.embedding.encoding import encode
from flowtrace_mcp.embedding.loader import Embedder
from flowtrace_mcp.errors import EmbeddingError
from flowtrace_mcp.model.memory import MemoryFilter, MemoryPlace
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services import meaning as meaning_module
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.meaning import Meaning, MeaningState
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember_all
from flowtrace_mcp.services.upkeep import EMBED_BATCH, RUN_LIMIT_US, Upkeep, embed_pending
from tests.fakes import FakeEmbedder

CHOICE = "sentence-transformers:fake-bag-of-words"  # as the fake's id begins


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load the fake in place of a model; return what was asked for so far."""
    asked: list[str] = []

    def load(choice: str) -> Embedder:
        asked.append(choice)
        return FakeEmbedder()

    monkeypatch.setattr(meaning_module, "load_embedder", load)
    return asked


def awake(context: Context) -> Context:
    """Return the context of a process whose search by meaning is on, over the same file."""
    return replace(context, meaning=Meaning(CHOICE, lambda _: None))


def old_code() -> VectorCode:
    return VectorCode(embedder="old@1", sign_code=b"\x80", int8_code=b"\x7f", scale=1 / 127)


def asking(context: Context) -> MemoryFilter:
    return MemoryFilter(place=MemoryPlace(project_id=1), now_us=context.now_us())


def keep(context: Context, caller: Caller, *texts: str) -> None:
    """Remember texts without vectors."""
    assert not context.meaning.is_wanted
    remember_all(context, [RememberRequest(content=text) for text in texts], caller)


def pending(context: Context) -> int:
    return len(context.store.memories.list_pending(FakeEmbedder.embedder_id, 100))


def test_memories_stored_without_a_vector_get_one(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, "deploys run from main", "staging runs Postgres")

    assert Upkeep(awake(context)).run_once() == 2
    assert pending(context) == 0


def test_more_than_a_batch_is_done_in_one_run(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, *(f"{n} apples cost {n * n} cents" for n in range(EMBED_BATCH + 3)))
    waiting = pending(context)

    assert waiting > EMBED_BATCH
    assert Upkeep(awake(context)).run_once() == waiting
    assert pending(context) == 0


def test_a_process_with_nothing_to_do_loads_no_model(context: Context, loads: list[str]) -> None:
    assert Upkeep(awake(context)).run_once() == 0
    assert loads == []


def test_memories_that_have_vectors_already_load_no_model(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, "deploys run from main")
    Upkeep(awake(context)).run_once()
    loads.clear()
    later = Upkeep(awake(context))

    assert (later.run_once(), later.run_once()) == (0, 0)
    assert loads == []


def test_what_is_done_is_not_done_again_and_what_is_new_is(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    upkeep = Upkeep(awake(context))
    keep(context, caller, "deploys run from main")
    assert upkeep.run_once() == 1
    assert upkeep.run_once() == 0

    keep(context, caller, "staging runs Postgres")

    assert upkeep.run_once() == 1
    assert loads == [CHOICE]


def test_a_change_of_the_model_loads_it_and_embeds_again_newest_first(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, "deploys run from main", "staging runs Postgres")
    old = [(key, [old_code()]) for key in (1, 2)]
    context.store.memories.insert_vectors(old)

    assert Upkeep(awake(context)).run_once() == 2
    assert loads == [CHOICE]
    assert context.store.memories.count_embedded().by_embedder == {
        "old@1": 2,
        FakeEmbedder.embedder_id: 2,
    }


def test_back_at_an_earlier_model_nothing_is_to_do(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, "deploys run from main")
    Upkeep(awake(context)).run_once()
    context.store.memories.insert_vectors([(1, [old_code()])])
    loads.clear()

    assert Upkeep(awake(context)).run_once() == 0
    assert loads == []


def test_a_run_ends_after_its_time_and_the_next_goes_on(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, *(f"{n} apples cost {n * n} cents" for n in range(EMBED_BATCH + 3)))
    waiting = pending(context)
    looks = itertools.count(step=RUN_LIMIT_US + 1)
    upkeep = Upkeep(replace(awake(context), now_us=lambda: next(looks)))

    assert [upkeep.run_once() for _ in range(3)] == [EMBED_BATCH, waiting - EMBED_BATCH, 0]


def test_a_long_memory_is_found_by_what_its_last_part_says(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    filler = "the build writes its log to a folder of its own. " * 2000
    keep(context, caller, filler + "Marmots hibernate under the terrace. " * 15, "a note on cats")
    here = awake(context)
    Upkeep(here).run_once()

    found = here.store.memories.search(
        None, encode(FakeEmbedder(), ["marmots hibernate under the terrace"])[0], asking(here), 2
    )

    best = max(found, key=lambda hit: hit.cosine or 0)
    assert best.key == 1
    assert best.cosine is not None
    assert best.cosine > 0.5


def test_a_batch_ends_with_the_memory_that_fills_it(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    keep(context, caller, *(f"{n} " + "long text " * 8000 for n in range(3)))
    here = awake(context)
    here.meaning.load()
    assert here.meaning.wait(5)

    assert embed_pending(here) == 1


def test_switched_off_memories_wait(context: Context, caller: Caller) -> None:
    keep(context, caller, "deploys run from main")

    assert Upkeep(context).run_once() == 0
    assert embed_pending(context) == 0
    assert pending(context) == 1


def test_a_model_that_cannot_be_loaded_leaves_memories_waiting(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(choice: str) -> Embedder:
        raise EmbeddingError("cannot load the embedding model")

    monkeypatch.setattr(meaning_module, "load_embedder", fail)
    keep(context, caller, "deploys run from main")
    here = awake(context)

    assert Upkeep(here).run_once() == 0
    assert here.meaning.state is MeaningState.FAILED
    assert pending(context) == 1


def test_a_step_does_at_most_a_batch(context: Context, caller: Caller, loads: list[str]) -> None:
    keep(context, caller, *(f"{n} apples cost {n * n} cents" for n in range(EMBED_BATCH + 3)))
    here = awake(context)
    here.meaning.load()
    assert here.meaning.wait(5)

    assert embed_pending(here) == EMBED_BATCH


def test_a_process_that_asks_another_for_vectors_embeds_nothing_itself(
    context: Context, caller: Caller
) -> None:
    keep(context, caller, "deploys run from main")
    here = awake(context)
    here.meaning.embedder_id = FakeEmbedder.embedder_id  # as told by the other process

    assert embed_pending(here) == 0
    assert pending(context) == 1


def test_while_a_new_model_reads_words_find_what_it_has_not_read(
    context: Context, caller: Caller, loads: list[str]
) -> None:
    others = [f"note {n}: the terrace faces {word}" for n, word in enumerate(("north", "west"))]
    keep(context, caller, "marmots hibernate under the terrace", *others)
    here = awake(context)
    here.meaning.load()
    assert here.meaning.wait(5)
    codes = encode(FakeEmbedder(), others)
    here.store.memories.insert_vectors([(2, codes[:1]), (3, codes[1:])])

    answer = recall(here, RecallRequest(query="which marmots are under the terrace?"), caller)

    assert answer.memories[0].text == "marmots hibernate under the terrace"
