import json

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.transcripts.claude_code import ClaudeCodeReader


def entry(second, kind, content, **more):
    message = {"role": kind, "content": content, **more.pop("message", {})}
    return json.dumps(
        {
            "type": kind,
            "sessionId": "s-1",
            "timestamp": f"2026-11-18T09:00:{second:02d}.000Z",
            "cwd": "/home/dev/shop",
            "message": message,
            **more,
        }
    ).encode()


def read(*lines, **more):
    reader = ClaudeCodeReader(**more)
    told = [span for each in lines for span in reader.read(each)]
    return [*told, *reader.finish()]


ASKED = entry(0, "user", "what is this?", promptId="p-1")


def answer(second, output_tokens, text, **more):
    usage = {"input_tokens": 10, "output_tokens": output_tokens}
    told = {"id": "msg_1", "model": "claude-sonnet-4-5", "usage": usage}
    return entry(second, "assistant", [{"type": "text", "text": text}], message=told, **more)


def test_of_the_lines_of_a_message_the_one_with_most_output_counts_and_once():
    call, turn = read(ASKED, answer(1, 1, "A"), answer(2, 30, "test"), answer(3, 2, "."))

    assert call.attributes["gen_ai.usage.output_tokens"] == 30
    assert [part["content"] for part in call.attributes["gen_ai.output.messages"][0]["parts"]] == [
        "A",
        "test",
        ".",
    ]
    assert (call.start_us, call.end_us) == (turn.start_us, turn.end_us)


@pytest.mark.parametrize("mark", ["isMeta", "isSidechain", "isCompactSummary"])
def test_what_the_program_put_in_is_no_turn(mark):
    put_in = entry(4, "user", "Caveat: the messages below", **{mark: True})

    turns = [span for span in read(ASKED, put_in) if span.kind == "turn"]

    assert [span.attributes["user_prompt"] for span in turns] == ["what is this?"]


def test_an_error_of_the_api_is_a_failed_call_without_a_model():
    told = {"id": "x", "model": "<synthetic>", "usage": {"input_tokens": 0, "output_tokens": 0}}
    failed = entry(
        2,
        "assistant",
        [{"type": "text", "text": "API Error: 529 overloaded"}],
        message=told,
        isApiErrorMessage=True,
    )

    call, _ = read(ASKED, failed)

    assert call.error == "API Error: 529 overloaded"
    assert call.attributes["gen_ai.request.model"] == ""
    assert "gen_ai.usage.input_tokens" not in call.attributes


def test_the_programs_own_words_are_no_call():
    told = {"id": "x", "model": "<synthetic>"}

    spans = read(ASKED, entry(2, "assistant", [{"type": "text", "text": "No."}], message=told))

    assert [span.kind for span in spans] == ["turn"]


def test_an_answer_of_a_tool_that_nobody_called_is_passed_over():
    result = entry(3, "user", [{"type": "tool_result", "tool_use_id": "toolu_x", "content": "y"}])

    assert [span.kind for span in read(ASKED, result)] == ["turn"]


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff\xfe", b"[" * 5000])
def test_a_line_that_is_no_object_is_told(line):
    with pytest.raises(InputError, match="cannot read the line"):
        ClaudeCodeReader().read(line)


@pytest.mark.parametrize(
    "line",
    [
        {"type": "user"},
        {"type": "user", "message": 3},
        {"type": "assistant", "message": {"content": 4}},
        {"type": "assistant", "message": {"content": [1, None, {"type": "tool_use"}]}},
        {"type": "assistant", "message": {"usage": {"output_tokens": "many"}}},
        {"type": "user", "timestamp": "soon", "sessionId": 7},
    ],
)
def test_a_field_of_another_type_counts_as_not_there(line):
    assert all(span.session == "" for span in read(json.dumps(line).encode()))


def used(second, kind, *blocks, **more):
    """Return a line of a message of the model, or of what tools answered it."""
    message = {}
    if kind == "assistant":
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {"id": more.pop("id", "msg_1"), "model": "claude-sonnet-4-5", "usage": usage}
    return entry(second, kind, list(blocks), message=message, **more)


def asks(call_id, name="Bash"):
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def answers(call_id):
    return {"type": "tool_result", "tool_use_id": call_id, "content": "done"}


def test_a_message_that_goes_on_after_a_tool_answered_stays_whole():
    spans = read(
        ASKED,
        used(1, "assistant", asks("toolu_a")),
        used(2, "user", answers("toolu_a")),
        used(3, "assistant", asks("toolu_b")),
        used(4, "user", answers("toolu_b")),
    )

    calls = [span for span in spans if span.kind == "model"]
    assert len({span.span_id for span in calls}) == 1
    parts = calls[-1].attributes["gen_ai.output.messages"][0]["parts"]
    assert [part["id"] for part in parts] == ["toolu_a", "toolu_b"]
    assert calls[-1].start_us == calls[0].start_us


def test_a_message_that_goes_on_in_a_later_reading_stays_whole():
    reader = ClaudeCodeReader()
    reader.read(ASKED)
    reader.read(answer(1, 1, "A"))
    reader.finish()
    reader.read(answer(2, 30, "test"))

    call, _ = reader.finish()

    parts = call.attributes["gen_ai.output.messages"][0]["parts"]
    assert [part["content"] for part in parts] == ["A", "test"]


def test_a_sub_agent_among_the_lines_of_its_session_stands_below_its_tool():
    aside = {"isSidechain": True, "id": "msg_2"}

    spans = read(
        ASKED,
        used(1, "assistant", asks("toolu_a", "Task"), asks("toolu_x")),
        entry(2, "user", "do it", isSidechain=True),
        used(3, "assistant", asks("toolu_b"), {"type": "text", "text": "mine"}, **aside),
        used(4, "user", answers("toolu_b"), isSidechain=True),
        used(5, "user", answers("toolu_a")),
        used(6, "assistant", {"type": "text", "text": "ours"}, id="msg_3"),
    )

    above = {span.key: span.above for span in spans}
    assert above == {
        "msg_1": "",
        "msg_2": "toolu_a",
        "toolu_b": "toolu_a",
        "toolu_a": "",
        "msg_3": "",
        "": "",
    }
    assert spans[-1].attributes["output.value"] == "ours"
