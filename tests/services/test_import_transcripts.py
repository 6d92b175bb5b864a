"""Session files become traces: once, with the right sums, whoever else told of them."""

import hashlib
import json
import shutil
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services import import_transcripts
from flowtrace_mcp.services.import_transcripts import TranscriptImporter, TranscriptsRequest
from flowtrace_mcp.services.settle_costs import settle_waiting
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk
from flowtrace_mcp.services.trace_reading import read_session
from flowtrace_mcp.services.transcript_sources import SOURCES

DATA = Path(__file__).parents[1] / "data/transcripts"
SESSION = "0b6a7013-d14b-4288-ad29-22aacd5843ca"
FORK = "1787b0a0-0087-4c84-a61a-27ba7f3d03f0"
# What Claude Code itself says at its end, in the line `cost-state`.
TOLD = {"input": 759, "cache_read": 384, "cache_write": 192, "output": 141}
TOLD_USD = 0.0053622


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "projects"
    shutil.copytree(DATA / "claude-code", copy)
    return copy


@pytest.fixture
def whole(folder):
    """Return the file of the first session, alone but for its sub-agent."""
    next(folder.rglob(f"{FORK}.jsonl")).unlink()
    return next(folder.rglob(f"{SESSION}.jsonl"))


@pytest.fixture
def importer(context, folder):
    def make(path=folder, agent="claude-code", **more):
        request = TranscriptsRequest(source=SOURCES[agent], path=path, **more)
        return TranscriptImporter(context, request, {})

    make.folder = folder
    return make


def sums(context, session=SESSION):
    """Return tokens, cost, model calls, tool calls and errors of a session."""
    reading = read_session(context, session)
    totals = [trace.totals for trace in reading.traces]
    usage = {name: sum(getattr(each.usage, name) or 0 for each in totals) for name in TOLD}
    rollup = context.store.spans.find_session(session).measures
    cost = sum(each.cost_usd or 0 for each in totals)
    assert rollup.cost_usd == pytest.approx(cost)
    assert (rollup.model_call_count, rollup.tool_call_count) == (
        sum(each.model_calls for each in totals),
        sum(each.tool_calls for each in totals),
    )
    return (
        usage,
        pytest.approx(cost),
        sum(each.model_calls for each in totals),
        sum(each.tool_calls for each in totals),
    )


def without(text, session):
    """Return an OTLP body in JSON without the spans and records of a session."""

    def keep(found):
        if isinstance(found, list):
            return [keep(each) for each in found if not is_of(each)]
        return {key: keep(value) for key, value in found.items()} if is_object(found) else found

    def is_object(found):
        return isinstance(found, dict)

    def is_of(item):
        said = item.get("attributes", ()) if is_object(item) else ()
        return {"key": "session.id", "value": {"stringValue": session}} in said

    return keep(text)


def send_telemetry(context, left_out=""):
    pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
    for line in (DATA / "claude-code.otlp.jsonl").read_text().splitlines():
        sent = without(json.loads(line), left_out)
        take = pipeline.traces if sent["path"].endswith("traces") else pipeline.logs
        take(json.dumps(sent["body"]).encode(), PayloadEncoding.JSON)
    settle_waiting(context)


def send_hooks(context):
    desk = HookDesk(context)
    lines = (DATA / "claude-code.hooks.jsonl").read_bytes().splitlines()
    # Hooks name no time; these ran while the session did.
    start_us = 1_795_583_357_400_000
    desk.take_late(
        [
            HookDelivery(agent="claude-code", body=line, time_us=start_us + number * 20_000)
            for number, line in enumerate(lines)
        ]
    )
    desk.close()


@pytest.mark.promise("past-sessions")
def test_the_sums_are_those_that_the_agent_tells_itself(context, importer):
    told = importer().run_once()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)
    assert (told.files, told.sessions, told.refused) == (3, {SESSION, FORK}, 0)


def test_a_second_reading_finds_nothing_new(context, importer):
    importer().run_once()
    before = context.store.facts().span_count

    again = importer().run_once()

    assert (again.files, sum(again.spans.values())) == (0, 0)
    assert context.store.facts().span_count == before


def test_calls_that_a_fork_copied_count_in_their_own_session_alone(context, importer):
    told = importer().run_once()

    usage, _, calls, _ = sums(context, FORK)
    assert (calls, usage["output"]) == (1, 36)
    assert told.copied == 7


def test_calls_that_a_fork_copied_are_known_though_telemetry_tells_the_first(context, importer):
    send_telemetry(context, left_out=FORK)
    fork = next(importer.folder.rglob(f"{FORK}.jsonl"))
    later = fork.rename(fork.with_suffix(".later"))
    importer().run_once()

    later.rename(fork)
    importer().run_once()

    usage, _, calls, _ = sums(context, FORK)
    assert (calls, usage["output"]) == (1, 36)
    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_sub_agent_stands_below_the_tool_that_called_it(context, importer):
    importer().run_once()

    reading = read_session(context, SESSION)
    spans = {span.record.span_id: span for trace in reading.traces for span in trace.spans}
    agent = next(span for span in spans.values() if span.facts.tool_name == "Agent")
    below = [s for s in spans.values() if s.record.parent_span_id == agent.record.span_id]
    assert sorted(span.record.name for span in below) == [
        "chat claude-sonnet-4-5",
        "chat claude-sonnet-4-5",
        "execute_tool Bash",
    ]


def test_a_failed_tool_says_what_went_wrong(context, importer):
    importer().run_once()

    reading = read_session(context, SESSION)
    failed = [span for trace in reading.traces for span in trace.spans if span.record.status == 2]
    assert ["No such file" in span.record.status_message for span in failed] == [True]


def test_the_session_belongs_to_the_project_of_its_folder(context, importer):
    importer().run_once()

    number = context.store.spans.find_session_project(SESSION)
    assert number == context.store.find_project_named("shop")


@pytest.mark.parametrize("order", ["files first", "telemetry first"])
def test_what_telemetry_tells_too_counts_once(context, importer, order):
    steps = [lambda: importer().run_once(), lambda: send_telemetry(context)]
    for step in steps if order == "files first" else steps[::-1]:
        step()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


@pytest.mark.parametrize("order", ["files first", "hooks first"])
def test_what_hooks_tell_too_counts_once(context, importer, order):
    steps = [lambda: importer().run_once(), lambda: send_hooks(context)]
    for step in steps if order == "files first" else steps[::-1]:
        step()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_telemetry_alone_has_the_same_sums(context):
    send_telemetry(context)

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def send_events_alone(context):
    """Send the log events as Claude Code does where traces are not switched on."""
    pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
    for line in (DATA / "claude-code.otlp.jsonl").read_text().splitlines():
        sent = json.loads(line)
        if sent["path"].endswith("logs"):
            for resource in sent["body"]["resourceLogs"]:
                for scope in resource["scopeLogs"]:
                    for record in scope["logRecords"]:
                        record.pop("traceId", None)
                        record.pop("spanId", None)
            pipeline.logs(json.dumps(sent["body"]).encode(), PayloadEncoding.JSON)
    settle_waiting(context)


@pytest.mark.promise("events-alone")
def test_events_alone_have_the_same_sums(context):
    send_events_alone(context)
    send_events_alone(context)

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_tool_told_by_an_event_has_its_arguments_and_its_failure(context):
    send_events_alone(context)

    reading = read_session(context, SESSION)
    tools = [s for t in reading.traces for s in t.spans if s.facts.tool_name == "Bash"]
    failed = [span for span in tools if span.record.status == 2]
    assert len(failed) == 1
    assert "nonexistent" in str(failed[0].record.attributes["gen_ai.tool.call.arguments"])


@pytest.mark.parametrize("other", ["files", "hooks", "telemetry"])
@pytest.mark.parametrize("order", ["events first", "events last"])
def test_what_events_tell_too_counts_once(context, importer, other, order):
    tell = {
        "files": lambda: importer().run_once(),
        "hooks": lambda: send_hooks(context),
        "telemetry": lambda: send_telemetry(context),
    }[other]
    steps = [lambda: send_events_alone(context), tell]
    for step in steps if order == "events first" else steps[::-1]:
        step()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_all_three_tell_once(context, importer):
    send_hooks(context)
    importer().run_once()
    send_telemetry(context)

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_file_that_grows_is_read_on_from_its_last_prompt(context, importer, whole):
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(lines[: len(lines) // 2]))
    importer().run_once()
    assert context.store.transcripts.find(str(whole)).offset_bytes > 0

    with whole.open("ab") as file:
        file.writelines(lines[len(lines) // 2 :])
    importer().run_once()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_line_that_is_not_written_to_its_end_waits(context, importer, whole):
    text = whole.read_bytes()
    cut = text.rindex(b'"output_tokens"')
    whole.write_bytes(text[:cut])
    one = importer()
    assert one.run_once().refused == 0

    whole.write_bytes(text)
    one.run_once()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_another_file_of_the_same_name_is_read_from_its_start(context, importer, whole):
    text = whole.read_bytes()
    whole.write_bytes(b'{"type":"summary","summary":"' + b"x" * len(text) + b'"}\n')
    one = importer()
    one.run_once()

    whole.write_bytes(text)
    one.run_once()

    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_damaged_line_is_told_and_the_others_are_read(context, importer, whole):
    whole.write_bytes(b'{"type": "user", \n[1]\n' + whole.read_bytes())

    told = importer().run_once()

    assert told.refused == 2
    assert f"{whole.name}, byte 0" in told.problems[0]
    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def test_a_dry_run_counts_and_stores_nothing(context, importer):
    told = importer(is_dry_run=True).run_once()

    assert told.spans["model"] >= 6
    assert context.store.facts().span_count == 0
    assert importer().run_once().files == 3


def test_what_began_before_is_left_out(context, importer):
    told = importer(since_us=1_795_583_358_300_000).run_once()

    assert sums(context)[2] == 1
    assert told.spans["tool"] == 0


def test_one_file_can_be_read_alone(importer, folder):
    told = importer(path=next(folder.rglob(f"{FORK}.jsonl"))).run_once()

    assert told.sessions == {FORK}


def test_a_place_that_is_not_there_is_told(importer, tmp_path):
    with pytest.raises(InputError, match="no sessions of claude-code"):
        importer(path=tmp_path / "nowhere").run_once()


def test_the_share_that_is_done_grows_to_all(importer):
    shares = []

    importer().run_once(shares.append)

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def cursor_state(folder, *conversations):
    """Write a database of Cursor's with conversations of one turn, one call and one tool."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(folder / "state.vscdb"))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
    )
    tool = {"toolCallId": "call_1", "name": "read_file", "rawArgs": "{}", "result": "{}"}
    tokens = {"inputTokens": 100, "outputTokens": 7}
    for name in conversations:
        bubbles = [
            {"bubbleId": "u", "type": 1, "text": "hi", "createdAt": 1_795_583_357_000},
            {"bubbleId": "m", "type": 2, "text": "ho", "createdAt": 1_795_583_358_000}
            | {"tokenCount": tokens, "toolFormerData": tool | {"toolCallId": f"call_{name}"}},
        ]
        head = {"composerId": name, "fullConversationHeadersOnly": bubbles}
        head["workspaceIdentifier"] = {"uri": {"fsPath": f"/home/dev/{name}"}}
        rows = [(f"bubbleId:{name}:{each['bubbleId']}", each) for each in bubbles]
        for key, value in [*rows, (f"composerData:{name}", head)]:
            connection.execute(
                "INSERT INTO cursorDiskKV (key, value) VALUES (?, ?)", (key, json.dumps(value))
            )
    connection.close()


@pytest.fixture
def cursor(context, tmp_path):
    """Return an importer of a home in which Cursor keeps its files."""
    request = TranscriptsRequest(source=SOURCES["cursor"])
    return lambda: TranscriptImporter(context, request, {"HOME": str(tmp_path / "home")})


def test_cursors_database_is_read_and_a_conversation_is_of_its_own_project(
    context, tmp_path, cursor
):
    cursor_state(tmp_path / "home/.config/Cursor/User/globalStorage", "shop", "bank")

    told = cursor().run_once()

    assert told.spans == {"turn": 2, "model": 2, "tool": 2}
    for name in ("shop", "bank"):
        number = context.store.spans.find_session_project(name)
        assert number == context.store.find_project_named(name)


def test_of_cursors_database_only_what_is_new_is_read(context, tmp_path, cursor):
    folder = tmp_path / "home/.config/Cursor/User/globalStorage"
    cursor_state(folder, "a", "b", "c")
    cursor().run_once()
    assert cursor().run_once().files == 0

    cursor_state(folder, "d")

    assert cursor().run_once().sessions == {"c", "d"}  # the last one may have grown
    assert context.store.facts().session_count == 4


def test_a_conversation_that_cursors_database_tells_is_not_read_from_its_file(tmp_path, cursor):
    cursor_state(tmp_path / "home/.config/Cursor/User/globalStorage", "a")
    for name in ("a", "b"):
        folder = tmp_path / "home/.cursor/projects/p/agent-transcripts" / name
        folder.mkdir(parents=True)
        content = [{"type": "text", "text": "hi"}]
        line = json.dumps({"role": "user", "message": {"content": content}})
        (folder / f"{name}.jsonl").write_text(f"{line}\n", encoding="utf-8")

    told = cursor().run_once()

    assert (told.files, told.sessions) == (2, {"a", "b"})


def test_a_database_that_is_none_is_told_and_the_rest_is_read(tmp_path, cursor):
    folder = tmp_path / "home/.config/Cursor/User/globalStorage"
    folder.mkdir(parents=True)
    (folder / "state.vscdb").write_bytes(b"no database")

    told = cursor().run_once()

    assert [problem.partition(":")[0] for problem in told.problems] == ["state.vscdb"]


def test_a_reading_that_was_broken_off_goes_on_where_it_was(context, importer, whole, monkeypatch):
    monkeypatch.setattr(import_transcripts, "BATCH_SPANS", 1)
    reading = importer(path=whole).run_once
    with pytest.raises(KeyboardInterrupt):
        reading(note=_break_off_after(3))

    known = context.store.transcripts.find(str(whole))
    assert 0 < known.offset_bytes < known.size_bytes < whole.stat().st_size
    importer().run_once()
    assert sums(context) == (TOLD, TOLD_USD, 6, 4)


def _break_off_after(count):
    """Return a note that is a Ctrl-C when it was called so often."""
    left = iter(range(count))

    def note(_):
        if next(left, None) is None:
            raise KeyboardInterrupt

    return note


@pytest.mark.parametrize("kept", ["marker", "name", "hash", "nowhere"])
def test_a_session_of_gemini_belongs_to_the_folder_that_is_kept_beside_it(context, tmp_path, kept):
    name = hashlib.sha256(b"/home/dev/shop").hexdigest() if kept == "hash" else "shop-1"
    chats = tmp_path / ".gemini/tmp" / name / "chats"
    chats.mkdir(parents=True)
    said = {"id": "u-1", "timestamp": "2026-11-18T09:00:00Z", "type": "user", "content": "hi"}
    chats.joinpath("session-1.json").write_text(
        json.dumps({"sessionId": "g-1", "messages": [said]}), encoding="utf-8"
    )
    if kept == "marker":
        chats.parent.joinpath(".project_root").write_text("/home/dev/shop", encoding="utf-8")
    elif kept != "nowhere":
        listed = {"projects": {"/home/dev/shop": "shop-1", "/home/dev/bank": "bank"}}
        (tmp_path / ".gemini/projects.json").write_text(json.dumps(listed), encoding="utf-8")
    request = TranscriptsRequest(source=SOURCES["gemini"])

    TranscriptImporter(context, request, {"HOME": str(tmp_path)}).run_once()

    number = context.store.spans.find_session_project("g-1")
    assert number == (context.store.find_project_named("shop") or 0)
    assert bool(number) == (kept != "nowhere")
