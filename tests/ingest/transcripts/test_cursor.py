import json

from flowtrace_mcp.ingest.transcripts.cursor import CursorReader

WRITTEN_US = 1_795_000_000_000_000


def read(*entries):
    reader = CursorReader("c-1", WRITTEN_US)
    told = [span for each in entries for span in reader.read(json.dumps(each).encode())]
    return [*told, *reader.finish()]


def said(role, *blocks):
    return {"role": role, "message": {"content": list(blocks)}}


def test_turns_and_tools_stand_in_their_order_at_the_time_of_the_file():
    asked = said("user", {"type": "text", "text": "<user_query>\nfix it\n</user_query>"})
    did = said(
        "assistant",
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "name": "read_file", "input": {"path": "a.py"}},
    )
    done = said("assistant", {"type": "text", "text": "Fixed."})

    tool, turn = read(asked, did, done)

    assert (tool.name, tool.start_us) == ("execute_tool read_file", WRITTEN_US + 2)
    assert turn.attributes["user_prompt"] == "fix it"
    assert turn.attributes["output.value"] == "Fixed."
    assert (turn.session, turn.start_us, turn.end_us) == ("c-1", WRITTEN_US + 1, WRITTEN_US + 3)


def test_nothing_is_made_up_of_tokens_and_models():
    turn = read(said("user", {"type": "text", "text": "hi"}))[-1]

    assert not [name for name in turn.attributes if "usage" in name or "model" in name]
