import json

from flowtrace_mcp.ingest.transcripts.gemini import GeminiReader

USER = {"id": "u-1", "timestamp": "2026-11-18T09:00:00Z", "type": "user", "content": "list files"}
MODEL = {
    "id": "m-1",
    "timestamp": "2026-11-18T09:00:03Z",
    "type": "gemini",
    "content": "Two files.",
    "model": "gemini-2.5-pro",
    "tokens": {"input": 900, "output": 40, "cached": 300, "thoughts": 25, "tool": 10, "total": 975},
    "toolCalls": [
        {
            "id": "ls-1",
            "name": "list_directory",
            "args": {"path": "."},
            "status": "success",
            "timestamp": "2026-11-18T09:00:04Z",
            "resultDisplay": "a b",
        }
    ],
}
WHOLE = {"sessionId": "s-1", "projectHash": "h", "messages": [USER, MODEL]}


def read(*entries):
    reader = GeminiReader()
    told = [span for each in entries for span in reader.read(json.dumps(each).encode())]
    return [*told, *reader.finish()]


def test_a_whole_file_tells_turn_call_and_tool():
    model, tool, turn = read(WHOLE)

    assert (model.kind, tool.kind, turn.kind) == ("model", "tool", "turn")
    assert {span.session for span in (model, tool, turn)} == {"s-1"}
    assert turn.attributes["user_prompt"] == "list files"
    assert tool.attributes["gen_ai.tool.call.result"] == "a b"
    assert tool.end_us - tool.start_us == 1_000_000


def test_thoughts_are_part_of_the_output_and_what_tools_gave_part_of_the_input():
    attributes = read(WHOLE)[0].attributes

    assert attributes["gen_ai.usage.input_tokens"] == 910
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 300
    assert attributes["gen_ai.usage.output_tokens"] == 65
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 25


def test_a_message_a_line_says_the_same_and_again_when_it_has_grown():
    head = {"sessionId": "s-1", "projectHash": "h"}
    lines = read(head, USER, {**MODEL, "toolCalls": []}, MODEL)

    assert {span.span_id for span in lines} == {span.span_id for span in read(WHOLE)}
    assert lines[-1].kind == "turn"


def test_a_tool_that_failed_says_how():
    failed = {**MODEL["toolCalls"][0], "status": "error", "resultDisplay": "no such folder"}

    tool = read({**WHOLE, "messages": [USER, {**MODEL, "toolCalls": [failed]}]})[1]

    assert tool.error == "no such folder"


def test_messages_that_are_set_anew_say_the_same():
    lines = [{"sessionId": "s-1"}, USER, MODEL]

    again = read(*lines, {"$set": {"messages": [USER, MODEL]}})

    assert {span.span_id for span in again} == {span.span_id for span in read(*lines)}
    assert [span.kind for span in read(lines[0], {"$set": {"messages": [USER, MODEL]}})] == [
        "model",
        "tool",
        "turn",
    ]
