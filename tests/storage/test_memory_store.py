"""Memories in and out: what a rule decides, what a filter lets through, what is gone for good."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from flowtrace_mcp.model.memory import MemoryKind, MemoryPlace, NewMemory, Outcome, ScopeName
from flowtrace_mcp.storage.memory_store import Kin, MemoryStore, Verdict
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import (
    NOW_US,
    asking,
    by_rule,
    code,
    handle_of,
    keep,
    matching,
    new_memory,
    write_of,
)
from tests.strategies import rough_texts

OTHER = MemoryPlace(project_id=2, branch="main", session="s-1")


@pytest.fixture
def memories(store: Store) -> MemoryStore:
    return store.memories


def texts(memories: MemoryStore, **said: Any) -> list[str]:
    return [memory.content for _, memory in memories.list_recent(asking(**said), 100)]


def found_by(memories: MemoryStore, word: str, **said: Any) -> list[str]:
    """Return the texts that a word finds, first stored first; every project is searched."""
    hits = memories.search(matching(word, 0, 1, 2), None, asking(**said), 100)
    stored = memories.get_memories([hit.key for hit in hits])
    return [stored[hit.key].content for hit in hits]


class TestInsert:
    """What becomes of a memory that is written."""

    def test_a_memory_is_read_back_as_it_was_written(self, memories: MemoryStore) -> None:
        new = new_memory(
            "use  tabs\n",
            kind=MemoryKind.PREFERENCE,
            topic="style",
            author="ann",
            agent="claude-code",
            valid_to_us=NOW_US * 2,
            tags=("b", "a"),
            aliases=("indent",),
            files={"a.py": "", "b.py": "f00"},
            metadata={"n": 1, "deep": {"list": [1.5, None, True]}},
            trace_id=bytes(16),
            span_id=bytes(8),
            tool_call_id="call-1",
            sequence=7,
        )
        placed = memories.insert_memories([write_of(new)], by_rule)[0]

        stored = memories.find_memory(placed.handle)

        assert stored is not None
        assert (placed.outcome, placed.old, stored.seen_count) == (Outcome.NEW, None, 1)
        assert (stored.handle, stored.retracted_us) == (placed.handle, None)
        for name in [
            "content",
            "kind",
            "scope",
            "topic",
            "author",
            "agent",
            "sequence",
            "recorded_us",
            "valid_from_us",
            "valid_to_us",
            "tags",
            "aliases",
            "files",
            "metadata",
            "trace_id",
            "span_id",
            "tool_call_id",
        ]:
            assert getattr(stored, name) == getattr(new, name), name
        assert (stored.project_id, stored.session) == (1, "s-1")
        assert stored.branch == "", "only a memory of a branch keeps its name"

    def test_the_same_text_counts_up_and_takes_further_tags_and_aliases(
        self, memories: MemoryStore
    ) -> None:
        first = keep(memories, "use tabs", tags=("a",), aliases=("indent",))

        again = keep(memories, " use tabs\n", tags=("b", "a"), aliases=("indent", "layout"))

        stored = memories.find_memory(first.handle)
        assert stored is not None
        assert (again.handle, again.outcome) == (first.handle, Outcome.SAME)
        assert (stored.seen_count, stored.tags, stored.aliases) == (
            2,
            ("a", "b"),
            ("indent", "layout"),
        )
        assert found_by(memories, "layout") == ["use tabs"]
        assert texts(memories) == ["use tabs"]

    def test_the_same_topic_retires_the_older_memory(self, memories: MemoryStore) -> None:
        old = keep(memories, "port 5432", topic="port")

        placed = keep(memories, "door 5433", topic="port", recorded_us=START_US + 1)

        assert placed.outcome is Outcome.SUPERSEDES
        assert placed.old is not None
        assert placed.old.handle == old.handle
        assert texts(memories) == ["door 5433"]

    def test_no_topic_is_never_the_same_topic(self, memories: MemoryStore) -> None:
        keep(memories, "one")

        assert keep(memories, "two").outcome is Outcome.NEW

    def test_a_memory_is_told_what_it_supersedes_by_handle_and_by_place_in_the_batch(
        self, memories: MemoryStore
    ) -> None:
        old = keep(memories, "one")

        placed = memories.insert_memories(
            [
                write_of(new_memory("two"), supersedes=old.handle),
                write_of(new_memory("three"), supersedes=0),
            ],
            by_rule,
        )

        assert [one.outcome for one in placed] == [Outcome.SUPERSEDES] * 2
        assert texts(memories) == ["three"]

    def test_near_texts_are_offered_to_the_rule_and_both_stay(self, memories: MemoryStore) -> None:
        keep(memories, "deploy from main")

        placed = keep(memories, "deploy on friday")

        assert placed.outcome is Outcome.REFINES
        assert sorted(texts(memories)) == ["deploy from main", "deploy on friday"]

    def test_nothing_near_is_looked_for_where_no_words_are_left(
        self, memories: MemoryStore
    ) -> None:
        seen: list[Kin] = []

        def judge(_: NewMemory, kin: Kin) -> Verdict:
            seen.append(kin)
            return Verdict(outcome=Outcome.NEW)

        write = write_of(new_memory("the"))
        keep(memories, "the")
        memories.delete(handle_of(write))
        object.__setattr__(write, "near_terms", ())
        memories.insert_memories([write], judge)

        assert seen == [Kin(same=None, topic=None, told=None, near=())]

    def test_same_text_and_topic_count_in_their_own_layer_alone(
        self, memories: MemoryStore
    ) -> None:
        layers: list[dict[str, Any]] = [
            {"scope": ScopeName.GLOBAL},
            {"scope": ScopeName.REPO},
            {"scope": ScopeName.REPO, "place": OTHER},
            {"scope": ScopeName.BRANCH},
            {"scope": ScopeName.BRANCH, "place": MemoryPlace(project_id=1, branch="next")},
            {"scope": ScopeName.SESSION},
            {"scope": ScopeName.SESSION, "place": MemoryPlace(project_id=1, session="s-2")},
        ]

        def rule(_: NewMemory, kin: Kin) -> Verdict:
            assert kin.same is None
            assert kin.topic is None
            return Verdict(outcome=Outcome.NEW)

        writes = [write_of(new_memory("tabs", topic="style", **layer)) for layer in layers]

        assert len(memories.insert_memories(writes, rule)) == len(layers)

    def test_a_retired_memory_is_not_the_same_as_a_new_one(self, memories: MemoryStore) -> None:
        first = keep(memories, "tabs")
        memories.retract(first.handle, START_US + 1, "wrong")

        second = keep(memories, "tabs", recorded_us=START_US + 2)

        assert second.outcome is Outcome.NEW

    def test_a_memory_that_has_run_out_is_not_the_same_as_a_new_one(
        self, memories: MemoryStore
    ) -> None:
        keep(memories, "tabs", valid_to_us=START_US + 5)

        assert keep(memories, "tabs", recorded_us=START_US + 5).outcome is Outcome.NEW

    def test_memories_of_a_session_are_numbered_in_turn(self, memories: MemoryStore) -> None:
        handles = [keep(memories, text).handle for text in ("one", "two")]
        handles.append(keep(memories, "far", place=OTHER).handle)
        handles.append(keep(memories, "off", place=MemoryPlace(project_id=1, session="s-2")).handle)

        stored = [memories.find_memory(handle) for handle in handles]

        assert [one and one.sequence for one in stored] == [1, 2, 1, 1]

    def test_a_batch_is_stored_wholly_or_not_at_all(self, memories: MemoryStore) -> None:
        def rule(new: NewMemory, _: Kin) -> Verdict:
            if new.content == "two":
                raise RuntimeError("no")
            return Verdict(outcome=Outcome.NEW)

        with pytest.raises(RuntimeError):
            memories.insert_memories([write_of(new_memory(text)) for text in ("one", "two")], rule)

        assert texts(memories) == []
        assert found_by(memories, "one") == []

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rough_texts, rough_texts, rough_texts)
    def test_any_session_branch_and_agent_can_be_stored_and_asked_for(
        self, memories: MemoryStore, session: str, branch: str, agent: str
    ) -> None:
        place = MemoryPlace(project_id=1, branch=branch, session=session)
        new = new_memory("rough text", place=place, scope=ScopeName.SESSION, agent=agent)
        placed = memories.insert_memories([write_of_rough(new)], by_rule)[0]

        assert texts(memories, place=place) == ["rough text"]
        assert found_by(memories, "rough", place=place, tags=("\ud800", "\x00")) == []
        memories.delete(placed.handle)


def write_of_rough(new: NewMemory) -> Any:
    whole = write_of(new_memory("rough text"))
    object.__setattr__(whole, "new", new)
    return whole


class TestFilter:
    """What a question may see."""

    @pytest.fixture(autouse=True)
    def _fill(self, memories: MemoryStore) -> None:
        keep(memories, "word global", scope=ScopeName.GLOBAL, place=OTHER)
        keep(memories, "word repo")
        keep(memories, "word branch", scope=ScopeName.BRANCH)
        keep(memories, "word session", scope=ScopeName.SESSION)
        keep(memories, "word other repo", place=OTHER)
        keep(
            memories,
            "word other branch",
            scope=ScopeName.BRANCH,
            place=MemoryPlace(project_id=1, branch="next"),
        )
        keep(
            memories,
            "word other session",
            scope=ScopeName.SESSION,
            place=MemoryPlace(project_id=1, session="s-2"),
        )

    @pytest.mark.parametrize("depth", range(4))
    def test_a_layer_is_read_with_those_above_it_and_never_another_project(
        self, memories: MemoryStore, depth: int
    ) -> None:
        scope = list(ScopeName)[depth]
        readable = ["word global", "word repo", "word branch", "word session"][: depth + 1]

        assert sorted(texts(memories, scope=scope)) == sorted(readable)
        assert found_by(memories, "word", scope=scope) == readable

    def test_a_text_query_that_names_other_projects_sees_nothing_of_them(
        self, memories: MemoryStore
    ) -> None:
        hits = memories.search(matching("word", 2), None, asking(), 100)

        assert hits == []

    def test_a_caller_without_a_project_sees_the_global_layer_alone(
        self, memories: MemoryStore
    ) -> None:
        nowhere = MemoryPlace(project_id=0, session="s-1")

        assert texts(memories, place=nowhere) == ["word global"]


def test_kinds_tags_and_times_of_recording_are_filtered_in_the_query(
    memories: MemoryStore,
) -> None:
    keep(memories, "word one", kind=MemoryKind.FIX, tags=("a", "b"))
    keep(memories, "word two", kind=MemoryKind.PLAN, tags=("a",), recorded_us=START_US + 10)
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["word one", "word two"]),
        ({"kinds": (MemoryKind.FIX,)}, ["word one"]),
        ({"kinds": (MemoryKind.FIX, MemoryKind.PLAN)}, ["word one", "word two"]),
        ({"kinds": (MemoryKind.NOTE,)}, []),
        ({"tags": ("a",)}, ["word one", "word two"]),
        ({"tags": ("b", "a")}, ["word one"]),
        ({"tags": ("c",)}, []),
        ({"since_us": START_US + 10}, ["word two"]),
        ({"until_us": START_US + 10}, ["word one"]),
    ]

    for said, wanted in filters:
        assert found_by(memories, "word", **said) == wanted, said
        assert sorted(texts(memories, **said)) == wanted, said


def test_as_of_shows_what_was_held_true_then(memories: MemoryStore) -> None:
    at = START_US
    first = keep(memories, "port 5432", topic="port", recorded_us=at, valid_from_us=at)
    keep(memories, "door 5433", topic="port", recorded_us=at + 100, valid_from_us=at + 100)
    keep(memories, "sale", recorded_us=at, valid_from_us=at + 50, valid_to_us=at + 150)

    held = {
        as_of: sorted(texts(memories, as_of_us=at + as_of)) for as_of in (-1, 0, 99, 100, 149, 150)
    }

    assert held == {
        -1: [],
        0: ["port 5432"],
        99: ["port 5432", "sale"],
        100: ["door 5433", "sale"],
        149: ["door 5433", "sale"],
        150: ["door 5433"],
    }
    retired = memories.find_memory(first.handle)
    assert retired is not None
    assert retired.retracted_us == at + 100


def test_the_newest_come_first_and_the_list_is_bounded(memories: MemoryStore) -> None:
    for number in range(5):
        keep(memories, f"{number}", recorded_us=START_US + number // 2)

    recent = [memory for _, memory in memories.list_recent(asking(), 3)]

    assert [memory.content for memory in recent] == ["4", "3", "2"]


class TestForget:
    """Retiring and removing."""

    def test_a_retired_memory_is_no_longer_found_and_can_still_be_read(
        self, memories: MemoryStore
    ) -> None:
        handle = keep(memories, "word").handle
        retired = memories.retract(handle, NOW_US, "wrong")
        memories.retract(handle, NOW_US + 1, "again")

        stored = memories.find_memory(handle)

        assert retired is not None
        assert stored is not None
        assert stored.retracted_us == NOW_US, "the first retraction stands"
        assert found_by(memories, "word") == []

    def test_a_handle_of_nothing_is_neither_retired_nor_removed(
        self, memories: MemoryStore
    ) -> None:
        assert memories.retract("0000000000", NOW_US, "") is None
        assert memories.delete("0000000000") is None
        assert memories.find_memory("0000000000") is None

    def test_a_removed_memory_takes_its_words_vector_and_links_along(
        self, memories: MemoryStore, store: Store
    ) -> None:
        old = keep(memories, "word one", topic="t")
        write = write_of(new_memory("word two", topic="t"), vector=code(1, 0))
        memories.insert_memories([write], by_rule)

        removed = memories.delete(handle_of(write))

        assert removed is not None
        assert removed.content == "word two"
        assert memories.find_memory(handle_of(write)) is None
        assert memories.find_memory(old.handle) is not None
        assert found_by(memories, "two") == []
        assert memories.search(None, code(1, 0), asking(), 10) == []
        with store._database.reading() as reader:
            assert reader.execute("SELECT count(*) FROM memory_links").get == 0
        assert store.check() == []

    def test_no_word_of_a_removed_memory_is_left_in_the_files(
        self, memories: MemoryStore, store: Store, path: Path
    ) -> None:
        writes = [write_of(new_memory(f"zqsecret{number:06d}")) for number in range(2000)]
        memories.insert_memories(writes, lambda *_: Verdict(outcome=Outcome.NEW))
        with store._database.reading() as reader:  # first words of the text index's pages
            keys = b" ".join(row[0] for row in reader.execute("SELECT term FROM memory_text_idx"))
        words = {write.new.content: handle_of(write) for write in writes}
        chosen = [word for word in words if word.encode() in keys]

        for word in chosen:
            memories.delete(words[word])

        content = b"".join(place.read_bytes() for place in path.parent.iterdir())
        assert chosen, "the index has more pages than one"
        assert [word for word in chosen if word.encode() in content] == []
        assert content.count(b"zqsecret") >= 2000 - len(chosen)


class TestSearch:
    """Both arms of a question."""

    def test_each_arm_scores_what_the_other_found(self, memories: MemoryStore) -> None:
        memories.insert_memories(
            [
                write_of(new_memory("apple"), vector=code(100, 0)),
                write_of(new_memory("pear"), vector=code(0, 100)),
                write_of(new_memory("plum")),
            ],
            by_rule,
        )

        first = memories.search(matching("apple"), code(100, 1), asking(), 1)
        second = memories.search(matching("pear"), code(100, 0), asking(), 1)

        assert [(hit.bm25 is not None, round(hit.cosine or 0, 2)) for hit in first] == [(True, 1)]
        assert [(hit.bm25 is not None, hit.cosine) for hit in second] == [(False, 1), (True, 0)]

    def test_a_question_without_words_and_meaning_finds_nothing(
        self, memories: MemoryStore
    ) -> None:
        keep(memories, "apple")

        assert memories.search(None, None, asking(), 10) == []

    def test_a_text_without_a_vector_has_no_cosine(self, memories: MemoryStore) -> None:
        keep(memories, "apple")

        (hit,) = memories.search(matching("apple"), code(1, 0), asking(), 10)

        assert hit.cosine is None

    def test_rarer_words_score_higher_and_stems_match(self, memories: MemoryStore) -> None:
        for text in ("deploying apples", "deploys pears", "deployed plums"):
            memories.insert_memories(
                [write_of(new_memory(text))], lambda *_: Verdict(outcome=Outcome.NEW)
            )

        common = memories.search(matching("deployment"), None, asking(), 10)
        rare = memories.search(matching("pear"), None, asking(), 10)

        assert common == [], "porter stems verbs, and a noun is another word"
        assert len(memories.search(matching("deploy"), None, asking(), 10)) == 3
        assert [round(hit.bm25 or 0, 3) > 0 for hit in rare] == [True]


class TestPending:
    """What is still to be embedded."""

    def test_memories_without_a_vector_of_the_embedder_are_pending_newest_first(
        self, memories: MemoryStore
    ) -> None:
        memories.insert_memories(
            [
                write_of(new_memory("one"), vector=code(1, 0, embedder="old@1")),
                write_of(new_memory("two"), vector=code(1, 0)),
                write_of(new_memory("three")),
            ],
            by_rule,
        )
        # A question about an earlier time finds it, so it is embedded like the others.
        memories.retract(keep(memories, "four").handle, NOW_US, "")

        pending = memories.list_pending("e@1", 10)

        assert [memory.content for _, memory in pending] == ["four", "three", "one"]
        below = memories.list_pending("e@1", 1, below_key=pending[1][0])
        assert [memory.content for _, memory in below] == ["one"]

    def test_memories_are_counted_by_the_embedders_that_have_read_them(
        self, memories: MemoryStore
    ) -> None:
        for text in ("one", "two", "three"):
            keep(memories, text)
        keyed = {memory.content: key for key, memory in memories.list_pending("e@1", 10)}
        memories.insert_vectors([(keyed["one"], [code(1, 0), code(0, 1)])])
        memories.insert_vectors([(key, [code(1, 0, embedder="e@2")]) for key in keyed.values()])
        before = memories.count_embedded()
        gone = memories.get_memories([keyed["one"]])[keyed["one"]]
        memories.delete(gone.handle)

        after = memories.count_embedded()

        assert (before.memories, dict(before.by_embedder)) == (3, {"e@2": 3, "e@1": 1})
        assert (after.memories, dict(after.by_embedder)) == (2, {"e@2": 2, "e@1": 0})

    def test_vectors_made_later_are_kept_unless_the_memory_is_gone(
        self, memories: MemoryStore
    ) -> None:
        stays, goes = keep(memories, "one"), keep(memories, "two")
        keyed = {memory.handle: key for key, memory in memories.list_pending("e@1", 10)}
        memories.delete(goes.handle)

        memories.insert_vectors([(key, [code(1, 0)]) for key in keyed.values()])

        assert memories.list_pending("e@1", 10) == []
        assert [hit.key for hit in memories.search(None, code(1, 0), asking(), 10)] == [
            keyed[stays.handle]
        ]

    def test_a_key_is_never_given_twice(self, memories: MemoryStore) -> None:
        keys = []
        for text in ("one", "two"):
            handle = keep(memories, text).handle
            keys.append(memories.newest_key())
            memories.delete(handle)

        assert all(first < second for first, second in pairwise(keys))


def test_no_keys_give_no_memories(memories: MemoryStore) -> None:
    assert memories.get_memories([]) == {}
