import json

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.transcripts.codex import CodexReader

USED = {"input_tokens": 1000, "cached_input_tokens": 600, "output_tokens": 50}


def line(second, kind, **payload):
    when = f"2026-11-18T09:00:{second:02d}.000Z"
    return json.dumps({"timestamp": when, "type": kind, "payload": payload}).encode()


def counted(second, total, **last):
    info = {"total_token_usage": {"total_tokens": total}, "last_token_usage": USED | last}
    return line(second, "event_msg", type="token_count", info=info)


META = line(0, "session_meta", id="s-1", cwd="/home/dev/shop", cli_version="0.169.0")
CONTEXT = line(1, "turn_context", model="gpt-5.1-codex", cwd="/home/dev/shop")
STARTED = line(1, "event_msg", type="task_started", turn_id="t-1")
ASKED = line(1, "event_msg", type="user_message", message="run the tests")


def read(*lines):
    reader = CodexReader()
    told = [span for each in lines for span in reader.read(each)]
    return [*told, *reader.finish()]


def test_a_call_has_four_disjoint_counts_and_the_answer():
    said = line(3, "response_item", type="message", role="assistant", content=[{"text": "Ran."}])

    call, turn = read(
        META, CONTEXT, STARTED, ASKED, said, counted(4, 1050, reasoning_output_tokens=20)
    )

    assert call.attributes["gen_ai.usage.input_tokens"] == 1000
    assert call.attributes["gen_ai.usage.cache_read.input_tokens"] == 600
    assert call.attributes["gen_ai.usage.reasoning.output_tokens"] == 20
    assert call.attributes["gen_ai.request.model"] == "gpt-5.1-codex"
    assert "Ran." in str(call.attributes["gen_ai.output.messages"])
    assert (turn.session, turn.turn, turn.version) == ("s-1", "t-1", "0.169.0")
    assert turn.attributes["user_prompt"] == "run the tests"


def test_a_count_that_comes_again_for_the_limits_is_no_other_call():
    spans = read(META, CONTEXT, STARTED, ASKED, counted(4, 1050), counted(5, 1050))

    assert [span.kind for span in spans] == ["model", "turn"]


def test_a_tool_runs_from_its_call_to_its_output():
    call = line(
        2,
        "response_item",
        type="function_call",
        name="shell",
        call_id="call_1",
        arguments='{"command": ["make", "test"]}',
    )
    output = line(
        9,
        "response_item",
        type="function_call_output",
        call_id="call_1",
        output=json.dumps({"output": "2 failed", "metadata": {"exit_code": 2}}),
    )

    tool, _ = read(META, CONTEXT, STARTED, ASKED, call, output)

    assert (tool.name, tool.key, tool.end_us - tool.start_us) == (
        "execute_tool shell",
        "call_1",
        7_000_000,
    )
    assert tool.attributes["gen_ai.tool.call.arguments"] == {"command": ["make", "test"]}
    assert tool.error == "2 failed"


def test_an_older_file_without_starts_has_a_turn_for_each_prompt():
    second = line(6, "event_msg", type="user_message", message="and now?")

    spans = read(META, CONTEXT, ASKED, counted(4, 1), second, counted(7, 2))

    assert [span.attributes.get("user_prompt") for span in spans if span.kind == "turn"] == [
        "run the tests",
        "and now?",
    ]
    assert len({span.turn for span in spans}) == 2


@pytest.mark.parametrize("rubbish", [b"", b"[]", b'{"type": "new_kind"}', b'{"payload": 3}'])
def test_what_is_not_known_is_passed_over_and_what_is_no_object_is_told(rubbish):
    reader = CodexReader()

    if rubbish.startswith(b"{"):
        assert list(reader.read(rubbish)) == []
    else:
        with pytest.raises(InputError):
            reader.read(rubbish)


def test_a_call_that_a_fork_copied_is_the_same_call():
    first = [STARTED, ASKED, counted(4, 1050)]
    fork = line(9, "session_meta", id="s-2", forked_from_id="s-1", cwd="/home/dev/shop")

    original, _ = read(META, CONTEXT, *first)
    copy, _ = read(fork, META, CONTEXT, *first)

    assert (copy.session, copy.span_id) == ("s-2", original.span_id)


@pytest.mark.parametrize(
    ("said", "is_failed"),
    [
        ("Exit code: 101\nWall time: 1 seconds\nOutput:\nno", True),
        ("Chunk ID: a1\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\n", True),
        ("Exit code: 0\nOutput:\nExit code: none", False),
        ("no code at all", False),
    ],
)
def test_a_command_that_ended_badly_failed(said, is_failed):
    call = line(2, "response_item", type="function_call", name="shell", call_id="call_1")
    output = line(3, "response_item", type="function_call_output", call_id="call_1", output=said)

    tool, _ = read(META, CONTEXT, STARTED, ASKED, call, output)

    assert bool(tool.error) == is_failed
