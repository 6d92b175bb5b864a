import json

import pytest

from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.span_documents import plain_text, span_document
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.model.telemetry import (
    PayloadEncoding,
    Resource,
    Scope,
    SpanExtras,
    SpanRecord,
)


def words_of(name="work", *, status_message="", told=None, **attributes):
    record = SpanRecord(
        b"\1" * 16,
        b"\2" * 8,
        b"",
        name,
        1,
        0,
        0,
        2 if status_message else 0,
        status_message,
        {key.replace("__", "."): value for key, value in attributes.items()},
        Resource(),
        Scope(),
        b"",
        PayloadEncoding.PROTOBUF,
    )
    more = () if told is None else (told,)
    return span_document(record, facts_of(record), SpanExtras(), *more).split()


def tool(**more):
    return words_of(gen_ai__operation__name="execute_tool", gen_ai__tool__name="Bash", **more)


def test_a_tools_run_is_found_by_its_name_its_arguments_and_its_result():
    words = tool(
        gen_ai__tool__call__arguments='{"command": "make deployment"}',
        gen_ai__tool__call__result="exit code 7: hostUnreachable",
    )

    assert {"bash", "make", "deployment", "exit", "7", "hostunreachable", "host"} <= set(words)
    assert "command" not in words, "the names of arguments tell nothing of a call"


def test_what_log_events_tell_of_a_call_counts_where_the_span_is_silent():
    told = EventFacts(tool_arguments={"command": "pytest"}, tool_result="3 passed")

    assert {"pytest", "passed"} <= set(tool(told=told))


def test_a_models_call_is_found_by_its_answer_and_by_what_it_was_asked_last():
    messages = [
        {"role": "user", "content": "elderly"},
        {"role": "user", "content": [{"type": "text", "text": "newest"}]},
    ]
    words = words_of(
        gen_ai__operation__name="chat",
        gen_ai__request__model="claude-opus-4-1",
        gen_ai__input__messages=json.dumps(messages),
        gen_ai__output__messages="answered",
    )

    assert {"claude", "opus", "answered", "newest"} <= set(words)
    assert "elderly" not in words


def test_an_error_is_found_by_its_type_and_its_message():
    words = words_of(status_message="connection refused", error__type="ECONNREFUSED")

    assert {"work", "connection", "refused", "econnrefused"} <= set(words)


def test_no_secret_is_indexed():
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

    words = tool(gen_ai__tool__call__arguments=json.dumps({"command": f"curl -H {secret} host"}))

    assert {"curl", "host"} <= set(words)
    assert secret[4:].lower() not in words


def test_of_a_long_text_beginning_and_end_are_indexed():
    text = "first " + "middle " * 2_000 + "crash"

    words = tool(gen_ai__tool__call__result=text)

    assert {"first", "crash"} <= set(words)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (7, ""),
        (b"raw", ""),
        ("a", "a"),
        ({"x": "a", "y": ["b", {"z": "c"}, 3]}, "a\nb\nc"),
    ],
)
def test_the_texts_of_a_value_stand_in_their_order(value, text):
    assert plain_text(value) == text


def test_a_value_that_is_nested_without_end_is_read():
    value = "deep"
    for _ in range(5_000):
        value = [value]

    assert plain_text(value) == "deep"
