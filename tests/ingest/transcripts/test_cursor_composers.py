"""Conversations of Cursor's database become turns, calls of models and runs of tools."""

import json

from flowtrace_mcp.ingest.transcripts.cursor_composers import CursorComposersReader

START_MS = 1_795_340_369_304


def composer(session="c", **more):
    """Return the line of a conversation."""
    said = {
        "composerId": session,
        "createdAt": START_MS,
        "modelConfig": {"modelName": "composer-2.5"},
        "workspaceIdentifier": {"uri": {"fsPath": "/home/dev/shop"}},
    }
    return {"composer": said | more}


def user(key, after_ms, text="hello"):
    """Return the line of a message of the user's."""
    return {"bubble": {"type": 1, "bubbleId": key, "text": text, "createdAt": START_MS + after_ms}}


def model(key, after_ms, **more):
    """Return the line of a message of the model's."""
    return {"bubble": {"type": 2, "bubbleId": key, "createdAt": START_MS + after_ms} | more}


def told(*lines):
    """Return the spans of a whole file, by kind."""
    reader = CursorComposersReader()
    spans = [span for line in lines for span in reader.read(json.dumps(line).encode())]
    by_kind = {"turn": [], "model": [], "tool": []}
    for span in [*spans, *reader.finish()]:
        by_kind[span.kind].append(span)
    return by_kind


def test_a_message_of_the_user_begins_a_turn_that_ends_with_the_last_answer():
    spans = told(composer(), user("u", 0, "what?"), model("m", 2000, text="that"))

    (turn,) = spans["turn"]
    assert (turn.session, turn.turn) == ("c", "u")
    assert turn.end_us - turn.start_us == 2_000_000
    assert turn.attributes["user_prompt"] == "what?"
    assert turn.attributes["output.value"] == "that"


def test_tokens_make_a_call_of_the_model_and_zeros_do_not():
    counted = {"tokenCount": {"inputTokens": 120, "outputTokens": 7}}
    silent = {"tokenCount": {"inputTokens": 0, "outputTokens": 0}}

    spans = told(composer(), user("u", 0), model("a", 1, **counted), model("b", 2, **silent))

    (call,) = spans["model"]
    assert call.attributes["gen_ai.usage.input_tokens"] == 120
    assert call.attributes["gen_ai.usage.output_tokens"] == 7
    assert call.attributes["gen_ai.request.model"] == "composer-2.5"


def test_a_message_names_its_own_model_and_default_is_none():
    counted = {"tokenCount": {"inputTokens": 1, "outputTokens": 1}}
    own = counted | {"modelInfo": {"modelName": "gpt-5"}}

    spans = told(
        composer(modelConfig={"modelName": "default"}),
        user("u", 0),
        model("a", 1, **own),
        model("b", 2, **counted),
    )

    assert [call.attributes["gen_ai.request.model"] for call in spans["model"]] == ["gpt-5", ""]


def test_a_tool_has_its_arguments_and_its_result_parsed():
    ran = {
        "toolCallId": "call_1",
        "name": "read_file",
        "rawArgs": '{"path":"a.py"}',
        "result": '{"contents":"x"}',
        "status": "completed",
    }

    (tool,) = told(composer(), user("u", 0), model("a", 1, toolFormerData=ran))["tool"]

    assert (tool.key, tool.error) == ("call_1", "")
    assert tool.attributes["gen_ai.tool.call.arguments"] == {"path": "a.py"}
    assert tool.attributes["gen_ai.tool.call.result"] == {"contents": "x"}


def test_a_tool_that_failed_says_so():
    ran = {"name": "run_terminal_cmd", "status": "error"}

    (tool,) = told(composer(), user("u", 0), model("a", 1, toolFormerData=ran))["tool"]

    assert tool.error == "error"


def test_conversations_of_a_file_are_sessions_of_their_own():
    reader = CursorComposersReader()
    lines = [composer("one"), user("u", 0), composer("two"), user("v", 9)]

    spans = [span for line in lines for span in reader.read(json.dumps(line).encode())]

    assert [(span.session, span.turn) for span in [*spans, *reader.finish()]] == [
        ("one", "u"),
        ("two", "v"),
    ]
    assert reader.folder == "/home/dev/shop"


def test_times_may_stand_as_text_and_a_message_without_one_stands_at_the_last():
    dated = user("u", 0)
    dated["bubble"]["createdAt"] = "2026-11-22T09:51:34.000Z"
    undated = model("a", 0, text="x")
    del undated["bubble"]["createdAt"]

    (turn,) = told(composer(createdAt=None), dated, undated)["turn"]

    assert turn.start_us == turn.end_us == 1_795_341_094_000_000
