"""Hook events of coding agents over REST: kept whole, joined to spans, counted once."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtrace_mcp.ingest.hook_reading import PARSERS
from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.waiting import wait_until

DATA = Path(__file__).parents[1] / "data"
SESSION = "4a7f0f31-6688-4d58-943f-7ce1948924f8"
TRACE = "ca1c5d3a1033f257aabe0d84dc80cfb9"
# Where the recorded export has its interaction, and the end of its tool.
TURN_START_US = 1_795_340_369_304_000
TURN_END_US = 1_795_340_369_908_874
TOOL_END_US = 1_795_340_369_669_000
SESSIONS = {
    "claude-code": [SESSION, "f82892de-82ae-42ef-84e9-ab5301063cf9"],
    "codex": ["01a202ab-0c95-7092-aa1b-71dd50d0028d"],
}
TIMES_US = {
    "SessionStart": TURN_START_US - 2_000_000,
    "UserPromptSubmit": TURN_START_US + 20_000,
    "PreToolUse": TOOL_END_US - 100_000,
    "PostToolUse": TOOL_END_US + 15_000,
    "Stop": TURN_END_US + 10_000,
}


def recorded(agent):
    return (DATA / "hooks" / f"{agent}.jsonl").read_bytes().splitlines()


@pytest.fixture
def post(client):
    times_us = itertools.count(TURN_START_US, 1_000_000)

    def post_event(agent, body, time_us=None, **more):
        body = json.dumps(body) if isinstance(body, dict) else body
        query = {"time_us": next(times_us) if time_us is None else time_us, **more}
        answer = client.post(
            f"/api/v1/hooks/{agent}",
            params=query,
            content=body,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 200, answer.text
        return answer

    return post_event


@pytest.fixture
def send(pipeline):
    def send_export():
        for signal, take in (("traces", pipeline.traces), ("logs", pipeline.logs)):
            path = DATA / "otlp" / f"claude-code.{signal}.pb"
            take(path.read_bytes(), PayloadEncoding.PROTOBUF)

    return send_export


@pytest.fixture
def post_recorded(post):
    """Post the events of the recorded session at the times of its recorded spans."""

    def post_all():
        for line in recorded("claude-code"):
            event = json.loads(line)
            if event["session_id"] == SESSION:
                post("claude-code", line, TIMES_US.get(event["hook_event_name"], TURN_END_US))

    return post_all


@pytest.fixture
def session_of(client):
    return lambda session: client.get(f"/api/v1/sessions/{session}").json()


@pytest.mark.parametrize("agent", sorted(SESSIONS))
def test_every_recorded_event_is_kept_whole(post, items_of, agent):
    for line in recorded(agent):
        post(agent, line)

    kept = [
        item for session in SESSIONS[agent] for item in items_of("/api/v1/logs", session=session)
    ]

    told = [json.loads(line) for line in recorded(agent)]
    assert [item["body"] for item in kept] == told
    assert [item["event"] for item in kept] == [
        f"hook.{agent}.{event['hook_event_name']}" for event in told
    ]


@pytest.mark.parametrize("agent", sorted(SESSIONS))
def test_an_agent_without_opentelemetry_has_its_turns_and_tools(post, session_of, agent):
    for line in recorded(agent):
        post(agent, line)

    for session in SESSIONS[agent]:
        told = session_of(session)
        assert told["agent"] == agent
        assert told["totals"]["tool_calls"] == 1
        assert [trace["totals"]["spans"] for trace in told["traces"]] == [2]
        assert told["traces"][0]["prompt"] in ("What is the weather in Paris?", "ping please")


def test_a_tool_of_hooks_alone_has_its_arguments_result_and_times(post, client, session_of):
    for line in recorded("claude-code"):
        post("claude-code", line)

    trace_id = session_of(SESSION)["traces"][0]["trace_id"]
    turn, tool = client.get(f"/api/v1/traces/{trace_id}").json()["spans"]

    assert turn["operation"] == "invoke_agent"
    assert tool["parent_span_id"] == turn["span_id"]
    assert tool["tool"]["name"] == "Bash"
    assert tool["tool"]["call_id"] == "toolu_fake1"
    assert tool["tool"]["arguments"] == {"command": "echo hi", "description": "Say hi"}
    assert tool["tool"]["result"]["stdout"] == "hi"
    assert tool["duration_us"] == 86_000


def test_a_tool_without_a_duration_begins_with_its_own_start_event(post, client, session_of):
    for line in recorded("codex"):
        post("codex", line)

    trace_id = session_of(SESSIONS["codex"][0])["traces"][0]["trace_id"]
    spans = client.get(f"/api/v1/traces/{trace_id}").json()["spans"]

    tool = next(span for span in spans if span["operation"] == "execute_tool")
    assert tool["duration_us"] == 1_000_000


@pytest.mark.parametrize("hooks_first", [True, False])
def test_what_hooks_and_opentelemetry_both_tell_counts_once(
    post_recorded, send, client, session_of, hooks_first
):
    for step in (post_recorded, send) if hooks_first else (send, post_recorded):
        step()

    told = session_of(SESSION)
    assert [trace["trace_id"] for trace in told["traces"]] == [TRACE]
    assert told["totals"]["tool_calls"] == 1
    assert told["totals"]["spans"] == 6
    assert told["totals"]["cost_usd"] == pytest.approx(0.0015084)


@pytest.mark.parametrize("hooks_first", [True, False])
def test_a_span_shows_what_hooks_told_of_its_tool(post_recorded, send, client, hooks_first):
    for step in (post_recorded, send) if hooks_first else (send, post_recorded):
        step()

    trace = client.get(f"/api/v1/traces/{TRACE}").json()

    tool = next(span["tool"] for span in trace["spans"] if span["operation"] == "execute_tool")
    assert tool["arguments"] == {"command": "echo hi", "description": "Say hi"}
    assert tool["result"] == "hi"  # the span's own goes first
    assert tool["hooks"] == [
        {"event": "PreToolUse", "time_us": TIMES_US["PreToolUse"]},
        {"event": "PostToolUse", "time_us": TIMES_US["PostToolUse"], "duration_us": 86_000},
    ]
    assert trace["prompt"] == "What is the weather in Paris?"


def test_a_trace_read_before_its_hooks_came_is_read_anew(post_recorded, send, client):
    send()
    before = client.get(f"/api/v1/traces/{TRACE}").json()

    post_recorded()
    after = client.get(f"/api/v1/traces/{TRACE}").json()

    assert "prompt" not in before
    assert after["prompt"] == "What is the weather in Paris?"


@pytest.mark.parametrize("hooks_first", [True, False])
def test_a_join_by_ids_holds_when_the_clocks_do_not_agree(
    post, send, client, session_of, hooks_first
):
    def post_all():
        for number, line in enumerate(recorded("claude-code")):
            post("claude-code", line, TURN_START_US + 86_400_000_000 + number)

    for step in (post_all, send) if hooks_first else (send, post_all):
        step()

    trace = client.get(f"/api/v1/traces/{TRACE}").json()

    tool = next(span["tool"] for span in trace["spans"] if span["operation"] == "execute_tool")
    assert [hook["event"] for hook in tool["hooks"]] == ["PreToolUse", "PostToolUse"]
    assert session_of(SESSION)["totals"]["tool_calls"] == 1
    assert [each["trace_id"] for each in session_of(SESSION)["traces"]] == [TRACE]


def test_an_event_that_comes_twice_is_kept_once(post, items_of, session_of):
    for number, line in enumerate([*recorded("codex"), *recorded("codex")]):
        post("codex", line, TURN_START_US + number % 6)

    session = SESSIONS["codex"][0]
    assert len(items_of("/api/v1/logs", session=session)) == 6
    assert session_of(session)["totals"]["spans"] == 2


def test_a_failed_tool_is_an_error(post, client, session_of):
    failed = {
        "session_id": "s",
        "prompt_id": "p",
        "hook_event_name": "PostToolUseFailure",
        "tool_name": "Bash",
        "tool_input": {"command": "false"},
        "tool_use_id": "toolu_1",
        "error": "exit code 1",
    }
    post("claude-code", failed)

    trace = client.get(f"/api/v1/traces/{session_of('s')['traces'][0]['trace_id']}").json()

    assert trace["totals"]["errors"] == 1
    assert trace["spans"][0]["error"]["message"] == "exit code 1"


def test_a_session_moves_to_the_project_of_its_folder(post, send, tmp_path, session_of):
    send()
    folder = tmp_path / "shop"
    folder.mkdir()
    start = {"session_id": SESSION, "hook_event_name": "SessionStart", "cwd": str(folder)}

    post("claude-code", start)

    wait_until(lambda: session_of(SESSION)["project"] == "shop")


def test_what_the_environment_says_of_the_folder_goes_before_the_working_folder(
    post, tmp_path, session_of
):
    inner = tmp_path / "shop" / "docs"
    inner.mkdir(parents=True)
    prompt = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "cwd": str(inner)}

    post("claude-code", prompt, folder=str(tmp_path / "shop"))

    wait_until(lambda: session_of("s")["project"] == "shop")


def test_a_session_does_not_go_along_to_another_folder(post, tmp_path, session_of, items_of):
    for name in ("shop", "other"):
        (tmp_path / name).mkdir()
    for name in ("shop", "other"):
        prompt = {
            "session_id": "s",
            "hook_event_name": "UserPromptSubmit",
            "cwd": str(tmp_path / name),
        }
        post("claude-code", prompt)
        wait_until(lambda: session_of("s")["project"] == "shop")

    probe = {"session_id": "t", "hook_event_name": "UserPromptSubmit", "cwd": str(tmp_path)}
    post("claude-code", probe)
    wait_until(lambda: session_of("t")["project"])  # one thread binds: the others are done
    assert session_of("s")["project"] == "shop"


def test_an_unknown_event_is_kept_as_it_is(post, items_of):
    told = {"session_id": "s", "hook_event_name": "SomethingNew", "field": [1, {"a": None}]}

    post("claude-code", told)

    kept = items_of("/api/v1/logs", session="s")
    assert [(item["event"], item["body"]) for item in kept] == [
        ("hook.claude-code.SomethingNew", told)
    ]


@pytest.mark.parametrize("body", [b"not json", b"{", b"\xff\xfe", b"[1, 2]", b'"text"', b"null"])
def test_what_is_no_event_is_kept_all_the_same(post, items_of, body):
    post("codex", body)

    kept = items_of("/api/v1/logs")

    assert [item["event"] for item in kept] == ["hook.codex.unknown"]


def test_a_character_cut_in_two_loses_no_event(post, session_of):
    cut = (
        b'{"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "Bash",'
        b' "tool_use_id": "t", "tool_response": "half \\ud83d"}'
    )

    post("claude-code", cut)

    assert session_of("s")["totals"]["tool_calls"] == 1


def test_an_agent_without_hooks_is_not_found(client):
    answer = client.post("/api/v1/hooks/emacs", json={})

    assert answer.status_code == 404
    assert "claude-code" in answer.json()["error"]


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = (
    "session_id",
    "hook_event_name",
    "prompt_id",
    "prompt",
    "tool_name",
    "tool_input",
    "tool_use_id",
    "tool_response",
    "duration_ms",
    "cwd",
    "agent_action_name",
    "tool_info",
    "hookName",
    "taskId",
    "preToolUse",
)
EVENTS = st.sampled_from(["PostToolUse", "Stop", "stop", "post_mcp_tool_use", "AfterTool"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    agent=st.sampled_from(sorted(PARSERS)),
    fields=st.dictionaries(st.sampled_from(FIELDS), any_json | EVENTS | st.just("s")),
)
def test_no_json_is_refused(client, agent, fields):
    answer = client.post(
        f"/api/v1/hooks/{agent}",
        content=json.dumps(fields),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 200, answer.text


def test_deep_json_is_kept(post, items_of):
    post("cline", b'{"hookName": "PostToolUse", "x": ' + b"[" * 3000 + b"]" * 3000 + b"}")

    assert len(items_of("/api/v1/logs")) == 1
