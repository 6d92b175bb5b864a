"""Spans in and out: what is new, what replaces, what is the same, and where it belongs."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError, InputError, StorageError
from flowtrace_mcp.model.edge import U32_MAX, Edge, EdgeFlag, SpanStatus, SpanType
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.compression import decompress
from flowtrace_mcp.storage.meta import CLOCK, find_meta
from flowtrace_mcp.storage.payloads import LONG_VALUE_BYTES
from flowtrace_mcp.storage.span_rows import in_causal_order, prepare_spans
from flowtrace_mcp.storage.span_store import Stored, StoredSpan
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US, Clock
from tests.storage.span_builder import TRACE, span, span_id, version_of

WAIT_S = 8.0
WINDOW_US = (START_US, START_US + HOUR_US)
ALL = Page(limit=100)


def send(store: Store, *spans: SpanWrite) -> Stored:
    return store.spans.insert_spans(spans).result(WAIT_S)


def read(store: Store, trace_id: bytes = TRACE) -> list[StoredSpan]:
    return store.spans.list_trace_spans(trace_id)


def numbers(edges: Sequence[tuple[int, Edge]]) -> list[int]:
    return [int.from_bytes(edge.span_id, "big") for _, edge in edges]


class TestReading:
    """What is read is what was sent."""

    def test_a_span_is_read_back_as_it_was_sent(self, store: Store) -> None:
        usage = TokenUsage(input=1, cache_read=2, cache_write=3, output=4, reasoning=1)
        sent = span(
            1,
            parent_span_id=span_id(9),
            session="s-1",
            agent="claude",
            provider="anthropic",
            model="opus",
            span_type=SpanType.GENERATION,
            status=SpanStatus.ERROR,
            kind=3,
            usage=usage,
            cost_usd=0.5,
            flags=EdgeFlag.FOLDED,
            raw=b"span bytes",
            resource=b"resource bytes",
            scope=b"scope bytes",
            encoding=PayloadEncoding.JSON,
            confidence=0.5,
            sampling_rate=0.25,
        )

        assert send(store, sent) == Stored(new_count=1, replaced_count=0, same_count=0)

        (stored,) = read(store)
        edge = stored.edge
        assert (edge.trace_id, edge.span_id, edge.parent_span_id) == (TRACE, span_id(1), span_id(9))
        assert (edge.timestamp_us, edge.duration_us, edge.status) == (START_US + 1, 10, 2)
        assert (edge.session_id, edge.agent_id) == (string_id("s-1"), string_id("claude"))
        assert (edge.input_token_count, edge.output_token_count, edge.token_count) == (6, 4, 10)
        assert (edge.confidence, edge.sampling_rate, edge.kind) == (0.5, 0.25, 3)
        assert edge.flags == EdgeFlag.FOLDED | EdgeFlag.PAYLOAD
        assert edge.parent_count == 1
        assert stored.payload is not None
        assert (stored.payload.raw, stored.payload.encoding) == (b"span bytes", 1)
        assert (stored.payload.resource, stored.payload.scope) == (
            b"resource bytes",
            b"scope bytes",
        )
        assert stored.usage is not None
        assert (stored.usage.tokens, stored.usage.cost_usd) == (usage, 0.5)
        names = store.spans.get_strings([stored.usage.model_id, stored.usage.provider_id, 0])
        assert sorted(names.values()) == ["", "anthropic", "opus"]

    def test_counts_beyond_32_bits_are_held_at_their_limit_in_the_edge_alone(
        self, store: Store
    ) -> None:
        send(store, span(1, usage=TokenUsage(input=U32_MAX + 5, output=U32_MAX + 7)))

        (stored,) = read(store)

        assert (stored.edge.input_token_count, stored.edge.token_count) == (U32_MAX, U32_MAX)
        assert stored.usage is not None
        assert stored.usage.tokens.input == U32_MAX + 5

    def test_a_span_without_tokens_and_cost_has_no_usage(self, store: Store) -> None:
        send(store, span(1), span(2, cost_usd=0.0))

        assert [stored.usage is None for stored in read(store)] == [True, False]

    def test_long_values_are_kept_once_for_all_spans_and_put_back(self, store: Store) -> None:
        prompt = random.Random(1).randbytes(3 * LONG_VALUE_BYTES)
        raws = [b"head %d " % number + prompt + b" tail" for number in range(3)]
        send(
            store,
            *(span(n + 1, raw=raw, long_values=(prompt,)) for n, raw in enumerate(raws)),
        )

        found = [stored.payload.raw for stored in read(store) if stored.payload]

        with store._database.reading() as reader:
            sizes = "SELECT sum(length(data)) FROM packs"
            assert reader.execute(sizes).get < LONG_VALUE_BYTES
        assert found == raws

    def test_a_payload_whose_shared_part_is_gone_is_told_as_damaged(self, store: Store) -> None:
        send(store, span(1, resource=b"resource"))
        store._database.write(lambda c: c.execute("DELETE FROM contents"))

        with pytest.raises(DamagedError, match="not whole"):
            read(store)

    def test_a_payload_whose_pack_is_gone_is_told_as_damaged(self, store: Store) -> None:
        send(store, span(1))
        store._database.write(lambda c: c.execute("DELETE FROM packs"))

        with pytest.raises(DamagedError, match="not whole"):
            read(store)

    def test_nothing_of_an_older_version_stays_in_its_pack(self, store: Store) -> None:
        send(store, span(1, raw=b"older version"), span(2, raw=b"neighbour"))
        send(store, span(1, raw=b"newer"))

        with store._database.reading() as reader:
            kept = [decompress(row[0]) for row in reader.execute("SELECT data FROM packs")]
        assert [stored.payload.raw for stored in read(store) if stored.payload] == [
            b"newer",
            b"neighbour",
        ]
        assert kept == [bytes(len(b"older version")) + b"neighbour", b"newer"]

    def test_an_edge_whose_bytes_were_changed_is_told_as_damaged(self, store: Store) -> None:
        send(store, span(1))
        store._database.write(
            lambda c: c.execute(
                "UPDATE edges SET edge = CAST(substr(edge, 1, 127) || x'00' AS BLOB)"
            )
        )

        with pytest.raises(DamagedError, match="checksum"):
            read(store)

    def test_traces_that_share_their_lower_half_are_told_apart(self, store: Store) -> None:
        twin = bytes(8) + TRACE[8:]
        send(store, span(1), span(1, trace_id=twin, start_us=START_US))

        assert [len(read(store, one)) for one in (TRACE, twin)] == [1, 1]
        assert len(store.spans.list_traces(ALL)) == 2

    def test_a_trace_is_read_up_to_a_limit_by_start(self, store: Store) -> None:
        send(store, *(span(number) for number in (3, 1, 2)))

        found = store.spans.list_trace_spans(TRACE, 2)

        assert [stored.edge.span_id for stored in found] == [span_id(1), span_id(2)]

    def test_an_unknown_trace_and_session_have_nothing(self, store: Store) -> None:
        assert read(store, bytes(15) + b"\x01") == []
        assert store.spans.find_trace(TRACE) is None
        assert store.spans.find_session("s-1") is None
        assert store.spans.get_spans([]) == []

    def test_strings_of_any_kind_are_kept(self, store: Store) -> None:
        send(store, span(1, session="a\x00b", agent="\ud800", user="é"))

        names = store.spans.get_strings(
            to_signed(string_id(text)) for text in ("a\x00b", "\ud800", "é", "unknown")
        )

        assert sorted(names.values()) == ["", "\\ud800", "a\\u0000b", "é"]


class TestWindows:
    """Edges of a stretch of time."""

    @pytest.fixture(autouse=True)
    def _fill(self, store: Store) -> None:
        for number in (1, 2):
            store.project_id(f"name:{number}", str(number))
        store.spans.bind_session("s-1", 1)
        send(store, *(span(n, session="s-1" if n % 2 else "") for n in range(1, 6)))

    def test_the_newest_come_first_up_to_a_limit(self, store: Store) -> None:
        assert numbers(store.spans.list_edges(WINDOW_US, 3)) == [5, 4, 3]

    def test_a_window_holds_its_first_microsecond_and_not_its_last(self, store: Store) -> None:
        window_us = (START_US + 2, START_US + 4)

        assert numbers(store.spans.list_edges(window_us, 10)) == [3, 2]

    def test_a_project_and_a_session_are_listed_alone(self, store: Store) -> None:
        listed = store.spans.list_edges

        assert numbers(listed(WINDOW_US, 10, project_id=1)) == [5, 3, 1]
        assert numbers(listed(WINDOW_US, 10, project_id=0)) == [4, 2]
        assert numbers(listed(WINDOW_US, 10, project_id=2)) == []
        assert numbers(listed(WINDOW_US, 2, session="s-1")) == [5, 3]

    def test_edges_are_completed_in_the_order_given(self, store: Store) -> None:
        keyed = store.spans.list_edges(WINDOW_US, 10)[::2]

        found = store.spans.get_spans(keyed)

        assert [one.edge for one in found] == [edge for _, edge in keyed]
        assert all(one.payload is not None for one in found)


class TestAgain:
    """A span that is sent more than once."""

    def test_a_span_without_change_is_the_same_and_changes_nothing(self, store: Store) -> None:
        group = [span(n, session="s-1", usage=TokenUsage(input=5)) for n in (1, 2)]
        send(store, *group)
        before = (store.spans.list_traces(ALL), read(store), store.spans.list_sessions(ALL))

        again = send(store, *group)

        assert again == Stored(new_count=0, replaced_count=0, same_count=2)
        assert (store.spans.list_traces(ALL), read(store), store.spans.list_sessions(ALL)) == before

    @pytest.mark.parametrize(
        "changed",
        [
            {"duration_us": 99},
            {"start_us": START_US + 7},
            {"status": 2},
            {"raw": b"other bytes"},
            {"resource": b"other resource"},
            {"session": "s-2"},
            {"usage": TokenUsage(output=1)},
            {"parent_span_id": span_id(8)},
            {"sampling_rate": 0.5},
        ],
    )
    def test_a_span_that_changed_takes_the_place_of_the_older_one(
        self, store: Store, changed: dict[str, object]
    ) -> None:
        send(store, span(1, session="s-1"), span(2, session="s-1"))

        again = send(store, span(1, **{"session": "s-1", **changed}), span(3))

        assert again == Stored(new_count=1, replaced_count=1, same_count=0)
        assert len(read(store)) == 3
        assert store.facts().span_count == 3
        assert store.check() == []

    def test_the_last_of_equal_spans_in_a_batch_wins(self, store: Store) -> None:
        stored = send(store, span(1, duration_us=1), span(1, duration_us=2))

        (one,) = read(store)
        assert (stored.new_count, one.edge.duration_us) == (1, 2)

    def test_equal_span_ids_of_two_traces_are_two_spans(self, store: Store) -> None:
        other = TRACE[::-1]
        stored = send(store, span(1), span(1, trace_id=other))

        assert stored.new_count == 2
        assert send(store, span(1, trace_id=other)).same_count == 1

    def test_a_batch_that_cannot_be_stored_leaves_no_part_of_it(self, store: Store) -> None:
        future = store.spans.insert_spans([span(1), span(2, duration_us=-1)])

        with pytest.raises(InputError):
            future.result(WAIT_S)
        assert read(store) == []

    def test_an_empty_batch_is_nothing(self, store: Store) -> None:
        assert send(store) == Stored(new_count=0, replaced_count=0, same_count=0)


class TestKeys:
    """Spans that start together."""

    def test_spans_of_one_microsecond_all_find_a_place(self, store: Store) -> None:
        group = [span(number << 10 | 7, start_us=START_US) for number in range(1, 40)]

        for part in (group[:20], group[10:]):
            send(store, *part)

        found = store.spans.list_edges((START_US, START_US + 1), 100)
        assert len({key for key, _ in found}) == 39
        assert len({edge.span_id for _, edge in found}) == 39

    def test_more_spans_than_a_microsecond_has_places_go_on_in_the_next(self, store: Store) -> None:
        group = [span(number, start_us=START_US) for number in range(1, 1101)]

        send(store, *group[:600])
        send(store, *group[600:])

        assert len(read(store)) == 1100
        (hour,) = store.spans.list_project_hours(0, WINDOW_US_OF_HOUR, 10)
        assert hour.measures.span_count == 1100


WINDOW_US_OF_HOUR = (START_US - HOUR_US, START_US + HOUR_US)


class TestClock:
    """The Lamport clock of the file."""

    def test_a_parent_of_the_batch_is_before_its_children(self, store: Store) -> None:
        send(
            store,
            span(2, parent_span_id=span_id(1), start_us=START_US),
            span(1, start_us=START_US + 5),
        )

        clocks = {one.edge.span_id: one.edge.logical_clock for one in read(store)}

        assert clocks == {span_id(1): 1, span_id(2): 2}

    def test_the_clock_goes_on_in_other_processes_and_stands_for_what_is_the_same(
        self, store: Store, clock: Clock
    ) -> None:
        send(store, span(1))
        send(store, span(1))
        other = Store(store.path, clock)
        send(other, span(2))
        other.close()
        send(store, span(3))

        assert [one.edge.logical_clock for one in read(store)] == [1, 2, 3]
        with store._database.reading() as reader:
            assert find_meta(reader, CLOCK) == "3"

    @settings(max_examples=100)
    @given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 5)), max_size=9))
    def test_causal_order_loses_no_span_and_puts_parents_first_unless_they_form_a_ring(
        self, family: list[tuple[int, int, int]]
    ) -> None:
        group = list(
            {
                number: span(
                    number,
                    parent_span_id=span_id(parent) if parent else b"",
                    start_us=START_US + start,
                )
                for number, parent, start in family
            }.values()
        )

        ordered = [one.write for one in in_causal_order(prepare_spans(group))]

        assert sorted(one.span_id for one in ordered) == sorted(one.span_id for one in group)
        parents = {one.span_id: one.parent_span_id for one in ordered}
        places = {one.span_id: place for place, one in enumerate(ordered)}
        for child, parent in parents.items():
            if parent in places and not _is_in_ring(child, parents):
                assert places[parent] < places[child]


def _is_in_ring(child: bytes, parents: dict[bytes, bytes]) -> bool:
    seen = {child}
    step = parents.get(child, b"")
    while step and step not in seen:
        seen.add(step)
        step = parents.get(step, b"")
    return bool(step)


class TestBinding:
    """A session and its project."""

    @pytest.fixture(autouse=True)
    def _projects(self, store: Store) -> None:
        for number in (1, 2):
            store.project_id(f"name:{number}", str(number))

    def test_what_is_there_moves_along_and_what_comes_follows(self, store: Store) -> None:
        send(store, span(1, session="s-1"), span(2))
        moved = store.spans.bind_session("s-1", 1)
        send(store, span(3, session="s-1"))

        assert moved == 1
        assert [one.edge.project_id for one in read(store)] == [1, 0, 1]
        assert [one.project_id for one in store.spans.list_sessions(ALL)] == [1]
        assert len(store.spans.list_traces(ALL, project_id=1)) == 1
        assert store.check() == []

    def test_binding_again_moves_everything_and_empties_the_old_hours(self, store: Store) -> None:
        send(store, span(1, session="s-1"))

        moved = [store.spans.bind_session("s-1", number) for number in (1, 1, 2)]

        hours = [
            len(store.spans.list_project_hours(number, WINDOW_US_OF_HOUR, 10))
            for number in (0, 1, 2)
        ]
        assert moved == [1, 0, 1]
        assert hours == [0, 0, 1]

    def test_a_session_without_spans_is_bound_for_those_to_come(self, store: Store) -> None:
        assert store.spans.bind_session("s-1", 2) == 0

        send(store, span(1, session="s-1"))

        assert read(store)[0].edge.project_id == 2

    def test_spans_that_name_no_session_are_never_bound(self, store: Store) -> None:
        send(store, span(1))

        assert store.spans.bind_session("", 1) == 0
        assert read(store)[0].edge.project_id == 0

    def test_a_project_that_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(StorageError):
            store.spans.bind_session("s-1", 77)


class TestPages:
    """Lists that go on where they stopped."""

    def test_pages_of_traces_meet_without_gap_or_overlap_even_in_one_microsecond(
        self, store: Store
    ) -> None:
        for number in range(1, 8):
            send(store, span(1, trace_id=bytes([number]) * 16, start_us=START_US + number // 4))
        whole = store.spans.list_traces(ALL)
        paged = []
        page = Page(limit=3)
        while found := store.spans.list_traces(page):
            paged += found
            last = int.from_bytes(found[-1].trace_id[8:], "big", signed=True)
            page = Page(limit=3, before_us=found[-1].start_us, before_id=last)

        assert paged == whole
        assert len(whole) == 7
        assert [one.start_us for one in whole] == sorted((o.start_us for o in whole), reverse=True)

    def test_pages_of_sessions_meet_without_gap_or_overlap(self, store: Store) -> None:
        send(store, *(span(n, session=f"s-{n}", start_us=START_US) for n in range(1, 6)))
        whole = store.spans.list_sessions(ALL)
        last = whole[2]

        rest = store.spans.list_sessions(
            Page(limit=10, before_us=last.start_us, before_id=last.session_id)
        )

        assert whole[3:] == rest
        assert len(whole) == 5

    def test_lists_look_back_no_further_than_asked(self, store: Store) -> None:
        send(store, span(1, session="old"), span(2, trace_id=TRACE[::-1], session="new"))
        page = Page(limit=10, since_us=START_US + 2)

        assert [one.start_us for one in store.spans.list_traces(page)] == [START_US + 2]
        assert [one.start_us for one in store.spans.list_sessions(page)] == [START_US + 2]
        assert len(store.spans.list_traces(ALL, session="old")) == 1

    def test_a_session_is_found_with_its_sums(self, store: Store) -> None:
        send(store, span(1, session="s-1", user="ann", usage=TokenUsage(input=1)))

        found = store.spans.find_session("s-1")

        assert found is not None
        assert found.user_id == to_signed(string_id("ann"))
        assert found.measures.usage == TokenUsage(input=1)


class TestVersion:
    """A digest that tells whether anything of a trace has changed."""

    def test_a_trace_that_is_not_there_has_no_version(self, store: Store) -> None:
        assert store.spans.read_trace(TRACE, lambda _: True) is None

    def test_the_version_stands_until_anything_of_the_trace_changes(self, store: Store) -> None:
        store.project_id("name:shop", "shop")
        first = span(1, session="s-1")
        send(store, first)
        versions = [version_of(store)]

        send(store, first)
        send(store, span(1, trace_id=TRACE[::-1]))
        assert version_of(store) == versions[0]
        send(store, span(1, session="s-1", raw=b"other bytes"))
        versions.append(version_of(store))
        store.spans.bind_session("s-1", 1)
        versions.append(version_of(store))
        low = int.from_bytes(TRACE[8:], "big", signed=True)
        row = (1, START_US, low, 0, 0, 0, 0, b"")
        store.insert_logs([row], [], {}).result(WAIT_S)
        versions.append(version_of(store))

        assert len(set(versions)) == 4
