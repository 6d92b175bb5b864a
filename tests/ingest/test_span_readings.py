"""Reading a batch means what reading each span by itself means."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.ingest import span_readings
from flowtrace_mcp.ingest.conventions import KEYS
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.ingest.span_readings import Readings
from flowtrace_mcp.model.telemetry import PayloadEncoding, Resource, Scope, SpanRecord

CONTEXTS = [
    (Resource(attributes={"service.name": "a"}), Scope(name="codex")),
    (Resource(attributes={"service.name": "b", "session.id": "s9"}), Scope()),
]
SOME_KEYS = [*[key for keys in KEYS.values() for key in keys], "busy_ns", "elsewhere"]
COMMON_KEYS = [
    "gen_ai.operation.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.conversation.id",
    "gen_ai.tool.name",
    "gen_ai.agent.name",
]
VALUES = st.sampled_from(
    ["chat", "execute_tool", "tool", "s1", "s2", "", "5", None, True, False, 1, 0, 7, 1.0, ["x"]]
)


def record(attributes, *, name="work", kind=1, status=0, is_root=False, context=0):
    resource, scope = CONTEXTS[context]
    return SpanRecord(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"" if is_root else b"\x03" * 8,
        name=name,
        kind=kind,
        start_us=1_795_000_000_000_000,
        duration_us=5,
        status=status,
        status_message="",
        attributes=attributes,
        resource=resource,
        scope=scope,
        raw=b"",
        encoding=PayloadEncoding.PROTOBUF,
    )


RECORDS = st.builds(
    record,
    st.dictionaries(st.one_of(st.sampled_from(COMMON_KEYS), st.sampled_from(SOME_KEYS)), VALUES),
    name=st.sampled_from(["work", "execute_tool Bash", "chat"]),
    kind=st.sampled_from([0, 1, 3]),
    status=st.sampled_from([0, 1, 2]),
    is_root=st.booleans(),
    context=st.sampled_from([0, 1]),
)


@st.composite
def batches(draw):
    """Some spans, and each again with some values changed, so that many are of one make."""
    first = draw(st.lists(RECORDS, min_size=1, max_size=6))
    again = [
        msgspec.structs.replace(
            one, attributes={key: draw(VALUES) for key in one.attributes}, raw=b""
        )
        for one in first
    ]
    return [*first, *again, *first]


@given(batches())
def test_a_batch_means_what_its_spans_mean_alone(batch):
    readings = Readings()

    assert [readings.facts_of(one) for one in batch] == [facts_of(one) for one in batch]


def test_a_span_of_a_known_make_keeps_its_own_ids_and_counts():
    def call(session, tokens):
        return record(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.conversation.id": session,
                "gen_ai.usage.input_tokens": tokens,
            }
        )

    readings = Readings()
    facts = [readings.facts_of(call(f"s{number}", number)) for number in (1, 2, 3)]

    assert [(one.session, one.usage.input) for one in facts] == [("s1", 1), ("s2", 2), ("s3", 3)]


def test_what_a_make_has_in_common_is_read_once(monkeypatch):
    read = []
    monkeypatch.setattr(span_readings, "facts_of", lambda one: read.append(one) or facts_of(one))
    readings = Readings()
    for number in range(5):
        readings.facts_of(record({"gen_ai.operation.name": "chat", "user.id": f"u{number}"}))

    assert len(read) == 1


def test_one_and_true_are_not_the_same_word():
    readings = Readings()
    spans = [record({"gen_ai.agent.name": word}, context=1) for word in (1, True)]
    agents = [readings.facts_of(span).agent for span in spans]

    assert agents == ["1", ""]
