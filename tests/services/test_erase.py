"""What is erased is nowhere: not in rows, packed bytes, index terms, free pages, log, spool, backups.

The same search finds every one of them before the erasure, or it would prove nothing.
"""

import json
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.backups import BackupRequest, create_backup, list_backups
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.erase import (
    EraseRequest,
    erase,
    search_everywhere,
    verify_words,
)
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.keeping import finish_owed
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.services.subject_export import export_subject
from flowtrace_mcp.storage.erasure_store import Subject
from flowtrace_mcp.storage.use_hours import UseFilter
from tests.ingest import otlp_bodies
from tests.services.work import START_US, Work
from tests.waiting import wait_until

CANARIES = {
    "memory": "zylophrastic",
    "long": "quombarillion",
    "name": "vexatronical",
    "argument": "plimsorthoid",
    "log": "grindelwosh",
    "user": "user-tremblewick",
    "session": "session-crimbulous",
}
SESSION = CANARIES["session"]


@pytest.fixture
def lived(context: Context, caller: Caller) -> Context:
    """A session that is to go, with a canary in each thing of it, and one that is to stay."""
    who = Caller(project=caller.project, session=SESSION, agent="claude-code")
    text = f"The staging password rotates by {CANARIES['memory']} on Mondays"
    remember(context, RememberRequest(content=text, author=CANARIES["user"]), who)
    remember(context, RememberRequest(content="Another session knows this"), caller)
    work = Work(context, SESSION)
    work.span(f"GET {CANARIES['name']}", trace=7, **{"user.id": CANARIES["user"]})
    work.tool("grep", 1.0, trace=7, arguments={"pattern": CANARIES["argument"]})
    work.call("claude-sonnet-4-5", 2.0, trace=7, **{"input.value": "x" * 5000 + CANARIES["long"]})
    work.store()
    other = Work(context, "s-stays")
    other.span("GET stays")
    other.call("claude-sonnet-4-5", **{"input.value": "stays " * 1000})
    other.store()
    request = otlp_bodies.logs(1)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.body.string_value = f"said {CANARIES['log']}"
    record.attributes[0].value.string_value = SESSION
    pipeline = Pipeline(context.store, context.now_us)
    pipeline.logs(request.SerializeToString(), PayloadEncoding.PROTOBUF)
    return context


def counts(context: Context) -> tuple[int, int, int, int]:
    facts = context.store.facts()
    return facts.memory_count, facts.span_count, facts.log_count, facts.session_count


@pytest.mark.parametrize("what", ["name", "argument"])
def test_the_words_of_spans_leave_the_text_index(lived: Context, what: str) -> None:
    SpanIndexing(lived).run_once()
    before = verify_words(lived, [CANARIES[what]])

    receipt = erase(lived, EraseRequest(session=SESSION))

    assert before.hits["span_text terms"] == 1
    assert verify_words(lived, [CANARIES[what]]).hits == {}
    assert receipt.verified is not None
    assert receipt.verified.total == 0


@pytest.mark.parametrize("what", list(CANARIES))
def test_the_search_finds_each_before_and_none_after(lived: Context, what: str) -> None:
    before = verify_words(lived, [CANARIES[what]])

    receipt = erase(lived, EraseRequest(session=SESSION))

    assert before.total > 0, "or the search would prove nothing"
    after = verify_words(lived, [CANARIES[what]])
    assert after.hits == {}
    assert receipt.verified is not None
    assert receipt.verified.total == 0
    assert receipt.is_log_empty


def test_the_search_unpacks_what_is_packed_and_looks_into_the_index(lived: Context) -> None:
    packed = verify_words(lived, [CANARIES["argument"]])
    cut = verify_words(lived, [CANARIES["long"]])
    log = verify_words(lived, [CANARIES["log"]])
    word = verify_words(lived, [CANARIES["memory"]])

    assert set(packed.hits) == {"packs.data"}, "a plain search of the file finds nothing"
    assert "contents.data" in cut.hits
    assert "logs.data" in log.hits
    assert {"memories.content", "memory_text terms", "file and free pages"} <= set(word.hits)


def test_others_lose_nothing(lived: Context) -> None:
    assert counts(lived) == (2, 5, 1, 2)

    receipt = erase(lived, EraseRequest(session=SESSION))

    assert counts(lived) == (1, 2, 0, 1)
    assert (receipt.spans, receipt.records, receipt.memories) == (3, 1, 1)
    (span, _) = lived.store.spans.list_trace_spans(bytes.fromhex(Work(lived, "s-stays").trace_id()))
    assert span.payload is not None
    assert lived.store.check() == []


def test_the_sums_of_use_are_those_of_what_stays_at_once(lived: Context) -> None:
    erase(lived, EraseRequest(session=SESSION))

    everything = UseFilter(since_us=0, until_us=2**52)
    (total,) = lived.store.uses.list_uses("nothing", everything, 10)
    tools = [one.first for one in lived.store.uses.list_uses("tool", everything, 10)]
    assert (total.measures.span_count, total.measures.model_call_count) == (2, 1)
    assert tools == [0]
    assert lived.store.uses.list_stale(10) == []


def test_vectors_of_what_is_gone_are_gone(lived: Context) -> None:
    (key,) = lived.store.erasure.list_memory_keys(Subject(session=SESSION), 9)
    code = VectorCode(embedder="e@1", sign_code=b"\xa5" * 48, int8_code=bytes(range(200)), scale=1)
    lived.store.memories.insert_vectors([(key, [code])])
    needle = [bytes(range(200))]
    before = search_everywhere(lived, needle)

    erase(lived, EraseRequest(session=SESSION))

    assert "memory_vectors.int8_code" in before.hits
    assert search_everywhere(lived, needle).total == 0


@pytest.mark.parametrize("named", ["project", "user", "time"])
def test_a_project_a_user_and_a_time_can_be_erased(
    lived: Context, caller: Caller, named: str
) -> None:
    project_id = place_of(lived, caller).project_id
    lived.store.spans.bind_session(SESSION, project_id)
    request = {
        "project": EraseRequest(project="shop"),
        "user": EraseRequest(user=CANARIES["user"]),
        "time": EraseRequest(since_us=START_US, until_us=START_US + 10**12),
    }[named]

    receipt = erase(lived, request)

    assert receipt.spans >= 3
    assert receipt.verified is not None
    assert receipt.verified.total == 0
    assert verify_words(lived, [CANARIES["argument"]]).total == 0
    assert lived.store.check() == []


def test_a_backup_that_holds_it_is_told_and_goes_when_asked(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="plain", is_compressed=True))
    create_backup(lived, BackupRequest(name="sealed", passphrase="a long passphrase"))

    told = erase(lived, EraseRequest(session=SESSION))
    found = verify_words(lived, [CANARIES["argument"]])

    assert told.verified is not None
    assert list(told.verified.backups) == ["plain"]
    assert told.verified.unread == ("sealed",)
    assert found.hits == {}
    assert found.backups["plain"] > 0


def test_backups_that_hold_it_are_deleted_when_asked(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="plain"))

    receipt = erase(lived, EraseRequest(session=SESSION, with_backups=True))

    assert receipt.deleted_backups == ["plain"]
    assert list_backups(lived) == []
    assert verify_words(lived, [CANARIES["memory"]]).total == 0


def test_events_that_wait_in_the_spool_are_found(lived: Context) -> None:
    spool = lived.settings.home / "hooks.spool"
    spool.write_bytes(b"said grindelwosh again\n")

    assert "hooks.spool" in verify_words(lived, [CANARIES["log"]]).hits


def test_what_a_repair_or_an_upgrade_has_kept_is_looked_into(lived: Context) -> None:
    home, word = lived.settings.home, CANARIES["argument"]
    (home / "damaged_1").mkdir()
    lived.store.copies.copy_raw(home / "damaged_1" / "flowtrace.db")
    (home / "damaged_1" / "flowtrace.db-wal").write_bytes(b"x" * 100 + word.encode())
    lived.store.copies.copy_raw(home / "flowtrace.db.schema-0")

    erase(lived, EraseRequest(session=SESSION))

    found = verify_words(lived, [word]).hits
    assert set(found) == {
        "damaged_1/flowtrace.db",
        "damaged_1/flowtrace.db-wal",
        "flowtrace.db.schema-0",
    }


def test_a_log_that_a_reader_holds_is_pending_and_emptied_later(lived: Context) -> None:
    held, done = threading.Event(), threading.Event()

    def read() -> None:
        with lived.store._database.snapshot() as reader:
            reader.execute("SELECT count(*) FROM memories").get  # noqa: B018 - takes the snapshot
            held.set()
            done.wait(9)

    thread = threading.Thread(target=read)
    thread.start()
    held.wait(5)

    receipt = erase(lived, EraseRequest(session=SESSION, is_verified=False))
    owed = lived.store.erasure.owes_log()
    done.set()
    thread.join(5)
    wait_until(lambda: finish_owed(lived))  # the background thread empties it too

    assert not receipt.is_log_empty
    assert receipt.body()["log"] == "pending"
    assert owed
    assert not lived.store.erasure.owes_log()
    assert verify_words(lived, [CANARIES["memory"]]).total == 0


@pytest.mark.promise("hard-forget")
def test_a_memory_that_is_forgotten_hard_is_nowhere(lived: Context, caller: Caller) -> None:
    text = f"The staging password rotates by {CANARIES['memory']} on Mondays"
    before = verify_words(lived, [CANARIES["memory"]])
    (line,) = [one for one in lived.store.records.memory_lines(None) if one.content == text]
    forget(lived, ForgetRequest(id=memory_handle(bytes.fromhex(line.id)), hard=True), caller)

    assert before.total > 0
    assert verify_words(lived, [CANARIES["memory"]]).total == 0


def test_it_must_be_said_what(lived: Context) -> None:
    for request in (EraseRequest(), EraseRequest(session="a", user="b")):
        with pytest.raises(InputError):
            erase(lived, request)
    with pytest.raises(NotFoundError):
        erase(lived, EraseRequest(project="unheard of"))
    with pytest.raises(InputError):
        verify_words(lived, [" "])

    assert counts(lived) == (2, 5, 1, 2)


def test_a_subject_gets_all_that_is_stored_and_nothing_of_others(
    lived: Context, tmp_path: Path
) -> None:
    target = tmp_path / "subject.zip"

    made = export_subject(lived, EraseRequest(user=CANARIES["user"]), target)

    with zipfile.ZipFile(target) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert (made["memories"], made["traces"], made["logs"]) == (1, 1, 1)
    everything = "".join(held.values())
    assert all(one in everything for one in CANARIES.values())
    assert "stays" not in everything
    assert json.loads(held["about.json"])["sessions"] == [SESSION]
    with pytest.raises(InputError):
        export_subject(lived, EraseRequest(user=CANARIES["user"]), target)


def test_an_archive_leaves_without_secrets(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    context = make_context()
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    work = Work(context, SESSION)
    work.tool("env", arguments={"key": secret})
    work.store()

    made = export_subject(context, EraseRequest(session=SESSION), tmp_path / "s.zip")

    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        assert secret not in archive.read("traces.jsonl").decode()
    assert made["redactions"] > 0


def test_a_global_memory_of_the_session_goes_too(lived: Context, caller: Caller) -> None:
    who = Caller(project=caller.project, session=SESSION)
    text = "Ada prefers blorptangle everywhere"
    remember(lived, RememberRequest(content=text, scope=ScopeName.GLOBAL), who)

    erase(lived, EraseRequest(session=SESSION))

    assert verify_words(lived, ["blorptangle"]).total == 0
