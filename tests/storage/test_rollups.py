"""Roll-ups against a recount: whatever the order and however often spans are sent, they agree."""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.analytics.ddsketch import DDSketch
from flowtrace_mcp.model.edge import EdgeFlag, SpanStatus, SpanType
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import MODEL_CALL_TYPES, SpanWrite
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage import database as databases
from flowtrace_mcp.storage.measures import NAMES, Measures
from flowtrace_mcp.storage.project_hours import ProjectHour
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US
from tests.storage.span_builder import span, span_id

WAIT_S = 8.0
ALL = Page(limit=1000)
SESSIONS = ("", "s-1", "s-2")
PROJECTS = (1, 2)
TRACES = [bytes([number]) * 16 for number in (1, 2, 255)]

Step = tuple[str, Any]

# Eighths are exact in binary, so a sum of costs does not depend on its order.
costs = st.one_of(st.none(), st.integers(0, 80).map(lambda eighths: eighths / 8))
counts = st.one_of(st.none(), st.integers(0, 1000))
usages = st.one_of(
    st.none(),
    st.builds(TokenUsage, input=counts, cache_read=counts, output=counts, reasoning=counts),
)


@st.composite
def spans(draw: st.DrawFn) -> SpanWrite:
    return _told_by_its_bytes(
        trace_id=draw(st.sampled_from(TRACES)),
        span_id=span_id(draw(st.integers(1, 6))),
        parent_span_id=draw(st.sampled_from((b"", span_id(1), span_id(9)))),
        start_us=START_US + draw(st.sampled_from((0, 1, 2, 5, HOUR_US, HOUR_US + 1))),
        duration_us=draw(st.sampled_from((0, 1, 10, 1000, 10**9))),
        session=draw(st.sampled_from(SESSIONS)),
        agent=draw(st.sampled_from(("", "a-1", "a-2"))),
        user=draw(st.sampled_from(("", "u-1", "u-2"))),
        service=draw(st.sampled_from(("", "v-1", "v-2"))),
        name=draw(st.sampled_from(("n-1", "n-2"))),
        span_type=draw(st.sampled_from((SpanType.CUSTOM, SpanType.GENERATION, SpanType.TOOL_CALL))),
        status=draw(st.sampled_from(SpanStatus)),
        flags=draw(st.sampled_from((EdgeFlag.NONE, EdgeFlag.AGGREGATE))),
        usage=draw(usages),
        cost_usd=draw(costs),
    )


def _told_by_its_bytes(**said: Any) -> SpanWrite:
    """Return a span whose bytes differ where anything does, as those of real ones do."""
    return span(**said, raw=repr(said).encode())


batches = st.lists(spans(), min_size=1, max_size=8).map(lambda batch: ("store", batch))
bindings = st.tuples(
    st.just("bind"), st.tuples(st.sampled_from(SESSIONS), st.sampled_from(PROJECTS))
)


@contextmanager
def fresh_store() -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store(Path(folder) / "f.db", lambda: START_US)) as store,
    ):
        for number in PROJECTS:
            assert store.project_id(f"name:{number}", str(number)) == number
        yield store


def play(store: Store, steps: Iterable[Step]) -> None:
    for kind, what in steps:
        if kind == "bind":
            store.spans.bind_session(*what)
        else:
            store.spans.insert_spans(what).result(WAIT_S)


class Recount:
    """What the roll-ups have to say, counted from the newest version of each span."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.projects = {"": 0}
        latest: dict[tuple[bytes, bytes], SpanWrite] = {}
        for kind, what in steps:
            if kind == "bind":
                session, project_id = what
                self.projects[session] = project_id if session else 0
            else:
                latest.update({(one.trace_id, one.span_id): one for one in what})
        self.spans = list(latest.values())

    def project_of(self, one: SpanWrite) -> int:
        return self.projects.get(one.session, 0)

    def traces(self, *, with_names: bool) -> dict[Any, Any]:
        return {
            trace_id: {
                "project": self.projects.get(_earliest(group, "session"), 0),
                "session": _number(_earliest(group, "session")),
                "agent": _number(_earliest(group, "agent")),
                "service": _number(_earliest(group, "service")) if with_names else None,
                "name": _number(_earliest([w for w in group if not w.parent_span_id], "name"))
                if with_names
                else None,
                **_span_of_time(group),
                "measures": _measures(group),
            }
            for trace_id, group in _groups(self.spans, lambda one: one.trace_id)
        }

    def sessions(self, *, with_names: bool) -> dict[Any, Any]:
        return {
            _number(session): {
                "project": self.projects.get(session, 0),
                "agent": _number(_earliest(group, "agent")),
                "user": _number(_earliest(group, "user")) if with_names else None,
                **_span_of_time(group),
                "measures": _measures(group),
            }
            for session, group in _groups(self.spans, lambda one: one.session)
            if session
        }

    def hours(self) -> dict[Any, Any]:
        return {
            key: {
                "durations": sorted(one.duration_us for one in group),
                "sessions": {string_id(one.session) for one in group if one.session},
                "measures": _measures(group),
            }
            for key, group in _groups(
                self.spans,
                lambda one: (self.project_of(one), one.start_us // HOUR_US * HOUR_US),
            )
        }


def _groups(
    items: Iterable[SpanWrite], key: Callable[[SpanWrite], Any]
) -> Iterator[tuple[Any, list[SpanWrite]]]:
    items = list(items)
    for found in dict.fromkeys(map(key, items)):
        yield found, [one for one in items if key(one) == found]


def _number(text: str) -> int:
    return to_signed(string_id(text))


def _earliest(group: Iterable[SpanWrite], name: str) -> str:
    said = [(w.start_us, _number(getattr(w, name)), getattr(w, name)) for w in group]
    return min((one for one in said if one[2]), default=(0, 0, ""))[2]


def _span_of_time(group: Sequence[SpanWrite]) -> dict[str, int]:
    return {
        "start": min(one.start_us for one in group),
        "end": max(one.start_us + one.duration_us for one in group),
    }


def _measures(group: Sequence[SpanWrite]) -> Measures:
    def total(values: Iterable[Any]) -> Any:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    counted = [one for one in group if not one.flags & EdgeFlag.AGGREGATE]
    used = [one.usage or TokenUsage() for one in counted]
    return Measures(
        span_count=len(group),
        error_count=sum(one.status == SpanStatus.ERROR for one in group),
        model_call_count=sum(one.span_type in MODEL_CALL_TYPES for one in counted),
        tool_call_count=sum(one.span_type == SpanType.TOOL_CALL for one in group),
        input_tokens=total(one.input for one in used),
        cache_read_tokens=total(one.cache_read for one in used),
        cache_write_tokens=total(one.cache_write for one in used),
        output_tokens=total(one.output for one in used),
        reasoning_tokens=total(one.reasoning for one in used),
        cost_usd=total(one.cost_usd for one in counted),
    )


def stored_traces(store: Store, *, with_names: bool) -> dict[Any, Any]:
    return {
        one.trace_id: {
            "project": one.project_id,
            "session": one.session_id,
            "agent": one.agent_id,
            "service": one.service_id if with_names else None,
            "name": one.name_id if with_names else None,
            "start": one.start_us,
            "end": one.end_us,
            "measures": one.measures,
        }
        for one in store.spans.list_traces(ALL)
    }


def stored_sessions(store: Store, *, with_names: bool) -> dict[Any, Any]:
    return {
        one.session_id: {
            "project": one.project_id,
            "agent": one.agent_id,
            "user": one.user_id if with_names else None,
            "start": one.start_us,
            "end": one.end_us,
            "measures": one.measures,
        }
        for one in store.spans.list_sessions(ALL)
    }


def stored_hours(store: Store) -> list[ProjectHour]:
    window_us = (0, 2**62)
    return [
        hour
        for project_id in (0, *PROJECTS)
        for hour in store.spans.list_project_hours(project_id, window_us, 1000)
    ]


def check_hours(store: Store, recount: Recount) -> None:
    wanted = recount.hours()
    assert {(hour.project_id, hour.hour_us) for hour in stored_hours(store)} == set(wanted)
    for hour in stored_hours(store):
        counted = wanted[hour.project_id, hour.hour_us]
        assert hour.measures == counted["measures"]
        assert hour.sessions.hashes == counted["sessions"]
        assert _shape(hour.durations) == _shape(_sketch(counted["durations"]))


def _sketch(values: Sequence[int]) -> DDSketch:
    sketch = DDSketch()
    sketch.add_many(values)
    return sketch


def _shape(sketch: DDSketch) -> tuple[Any, ...]:
    return sketch.bins, sketch.zero_count, sketch.sum, sketch.min, sketch.max


@settings(max_examples=60)
@given(st.lists(st.one_of(batches, bindings), min_size=1, max_size=6))
def test_rollups_equal_a_recount_after_any_changes_of_spans_and_projects(
    steps: list[Step],
) -> None:
    recount = Recount(steps)

    with fresh_store() as store:
        play(store, steps)

        assert stored_traces(store, with_names=False) == recount.traces(with_names=False)
        assert stored_sessions(store, with_names=False) == recount.sessions(with_names=False)
        check_hours(store, recount)


@settings(max_examples=40)
@given(
    st.lists(spans(), min_size=1, max_size=12, unique_by=lambda one: (one.trace_id, one.span_id)),
    st.lists(bindings, max_size=2),
    st.randoms(use_true_random=False),
)
def test_rollups_do_not_depend_on_order_batches_and_deliveries(
    group: list[SpanWrite], binding: list[Step], chance: random.Random
) -> None:
    sent = group + chance.choices(group, k=len(group))
    chance.shuffle(sent)
    steps: list[Step] = []
    while sent:
        size = chance.randint(1, 5)
        steps.append(("store", sent[:size]))
        sent = sent[size:]
    for one in binding:
        steps.insert(chance.randint(0, len(steps)), one)
    recount = Recount(steps)

    with fresh_store() as store:
        play(store, steps)

        assert stored_traces(store, with_names=True) == recount.traces(with_names=True)
        assert stored_sessions(store, with_names=True) == recount.sessions(with_names=True)
        check_hours(store, recount)


def test_the_recount_knows_every_measure() -> None:
    with_all = span(
        usage=TokenUsage(input=1, cache_read=1, cache_write=1, output=1, reasoning=1), cost_usd=1.0
    )

    assert None not in [getattr(_measures([with_all]), name) for name in NAMES]


def test_a_name_said_again_by_a_longer_version_of_its_span_stays(store: Store) -> None:
    first = span(1, name="root", service="shop", user="ann", session="s-1")
    longer = span(1, name="root", service="shop", user="ann", session="s-1", duration_us=99)
    for one in (first, span(2, service="bank", user="bob", session="s-1"), longer):
        store.spans.insert_spans([one]).result(WAIT_S)

    (trace,) = store.spans.list_traces(ALL)
    (session,) = store.spans.list_sessions(ALL)

    assert (trace.name_id, trace.service_id) == (_number("root"), _number("shop"))
    assert session.user_id == _number("ann")


def test_a_name_that_its_span_takes_back_is_gone(store: Store) -> None:
    for name in ("wrong", "right"):
        store.spans.insert_spans([span(1, name=name, raw=name.encode())]).result(WAIT_S)

    (trace,) = store.spans.list_traces(ALL)

    assert trace.name_id == _number("right")


def test_the_trace_takes_its_name_when_the_root_comes_last(store: Store) -> None:
    store.spans.insert_spans([span(2, parent_span_id=span_id(1))]).result(WAIT_S)
    before = store.spans.list_traces(ALL)[0].name_id

    store.spans.insert_spans([span(1, name="root")]).result(WAIT_S)

    assert (before, store.spans.list_traces(ALL)[0].name_id) == (0, _number("root"))


def test_a_trace_of_two_sessions_belongs_to_the_project_of_the_earlier_one(store: Store) -> None:
    for number in PROJECTS:
        store.project_id(f"name:{number}", str(number))
    store.spans.bind_session("early", 1)
    store.spans.bind_session("late", 2)

    store.spans.insert_spans([span(1, session="early")]).result(WAIT_S)
    store.spans.insert_spans([span(2, session="late")]).result(WAIT_S)

    assert store.spans.list_traces(ALL)[0].project_id == 1


def test_an_hour_that_would_lose_its_extreme_is_counted_again(store: Store) -> None:
    for duration_us in (10, 30):
        store.spans.insert_spans(
            [span(1, duration_us=duration_us), span(2, duration_us=20)]
        ).result(WAIT_S)

    (hour,) = store.spans.list_project_hours(0, (0, 2**62), 10)

    assert (hour.durations.min, hour.durations.max, hour.durations.count) == (20, 30, 2)


def test_the_rollups_of_a_write_are_undone_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr("flowtrace_mcp.storage.span_store.meta.update_meta", fail)
    with pytest.raises(RuntimeError):
        store.spans.insert_spans([span(1, session="s-1")]).result(databases.ANSWER_LIMIT_S)

    assert store.spans.list_traces(ALL) == []
    assert store.spans.list_sessions(ALL) == []
    assert store.facts().span_count == 0
