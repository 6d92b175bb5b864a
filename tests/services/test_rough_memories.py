"""What is hard to write down: long, in any script, with characters no text has, contradictory."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.memory import CONTENT_LIMIT_CHARACTERS, Memory, Outcome, ScopeName
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.history import history
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import (
    Remembered,
    RememberRequest,
    remember,
    remember_all,
)
from tests.strategies import rough_texts

SCRIPTS = {
    "Latin": ("Überraschung am Çarşamba günü", "Überraschung"),
    "Greek": ("η βάση δεδομένων είναι Postgres", "βάση δεδομένων"),
    "Cyrillic": ("сервер перезапускается по вторникам", "сервер"),
    "Arabic": ("قاعدة البيانات على المنفذ الخامس", "قاعدة البيانات"),
    "Hebrew": ("מסד הנתונים בשרת השני", "מסד הנתונים"),
    "Devanagari": ("डेटाबेस सोमवार को चलता है", "डेटाबेस"),
    "Thai": ("ฐานข้อมูล ทำงาน วันจันทร์", "ฐานข้อมูล"),
    "Han": ("数据库 在 星期一 重启", "数据库"),
    "Kana": ("データベース は 月曜日 に 再起動", "データベース"),
    "Hangul": ("데이터베이스는 월요일에 재시작", "데이터베이스는"),
    "emoji": ("deploy 🚀 on fridays 👩‍👩‍👧 never", "deploy fridays"),
}


def note(context: Context, caller: Caller, content: str, **more: Any) -> Remembered:
    return remember(context, RememberRequest(content=content, **more), caller)


def stored(context: Context, handle: str) -> Memory:
    memory = context.store.memories.find_memory(handle)
    assert memory is not None
    return memory


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_kept_and_found(context: Context, caller: Caller, script: str) -> None:
    content, query = SCRIPTS[script]
    handle = note(context, caller, content).id

    found = recall(context, RecallRequest(query=query), caller).memories

    assert [row.id for row in found] == [handle]
    assert stored(context, handle).content == content


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rough_texts, rough_texts, rough_texts)
def test_any_text_in_any_field_is_stored_escaped_and_never_dropped(
    context: Context, caller: Caller, first: str, second: str, third: str
) -> None:
    told = note(
        context,
        caller,
        f"zebra {first}",
        topic=second[:400],
        author=third[:400],
        agent=first,
        session=second,
        tags=[third[:400]],
        aliases=[first[:400]],
        files=[second[:400]],
        metadata={third: first},
    )

    memory = stored(context, told.id)
    assert memory.content == storable(f"zebra {first}")
    assert history(context, told.id, caller)[-1].memory.handle == told.id
    gone = forget(context, ForgetRequest(id=told.id, reason=third), caller)
    assert gone.text == memory.content
    context.store.memories.delete(told.id)


def test_a_long_memory_is_kept_whole_and_found_by_its_last_words(
    context: Context, caller: Caller
) -> None:
    for number in range(40):
        note(context, caller, f"note {number} on the build of the shop")
    end = " The zeppelin hangar opens at the Friedrichshafen gate."
    filling = "the build of the shop takes long. " * (CONTENT_LIMIT_CHARACTERS // 34)
    content = filling[: CONTENT_LIMIT_CHARACTERS - len(end)] + end

    handle = note(context, caller, content).id

    assert len(content) == CONTENT_LIMIT_CHARACTERS
    assert stored(context, handle).content == content
    found = recall(context, RecallRequest(query="where is the zeppelin hangar"), caller)
    assert found.memories[0].id == handle
    assert "zeppelin hangar opens at the Friedrichshafen gate" in found.memories[0].text
    opened = recall(context, RecallRequest(query="zeppelin", expand=[handle]), caller)
    assert "zeppelin hangar" in opened.memories[0].text


def test_one_character_more_is_refused(context: Context, caller: Caller) -> None:
    with pytest.raises(InputError, match="100001 characters"):
        note(context, caller, "x" * (CONTENT_LIMIT_CHARACTERS + 1))


def test_supersedes_of_what_is_not_there_stores_nothing(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    foreign = note(context, stranger, "the door is red").id
    own = note(context, caller, "the door is blue").id
    near = own[:-1] + ("z" if own[-1] != "z" else "y")

    for told, kind, hint in (
        (foreign, NotFoundError, "copy the id"),
        ("0000000000", NotFoundError, "copy the id"),
        (near, NotFoundError, f"did you mean {own}"),
        (own[:6], InputError, f"did you mean {own}"),
        ("nonsense", InputError, "copy it"),
        (0, InputError, "put the older memory first"),
        (-1, InputError, "put the older memory first"),
    ):
        requests = [
            RememberRequest(content="the first of two"),
            RememberRequest(content="the door is green", supersedes=told),
        ]
        with pytest.raises(kind) as caught:
            remember_all(context, requests if told != 0 else requests[1:], caller)
        assert hint in caught.value.mend
    assert not recall(context, RecallRequest(query="first green"), caller).memories
    assert stored(context, foreign).retracted_us is None


def test_supersedes_takes_an_id_as_it_is_typed(context: Context, caller: Caller) -> None:
    old = note(context, caller, "the door is blue")

    new = note(context, caller, "a red door it is", supersedes=f" {old.id.upper()} ")

    assert (new.outcome, new.old_id) == (Outcome.SUPERSEDES, old.id)


def test_a_memory_does_not_supersede_itself(context: Context, caller: Caller) -> None:
    first = note(context, caller, "the door is blue")

    again = note(context, caller, "the door is blue", supersedes=first.id)

    assert (again.id, again.outcome) == (first.id, Outcome.SAME)


def test_the_same_text_with_a_topic_for_the_first_time_takes_the_place_of_the_one_without(
    context: Context, caller: Caller
) -> None:
    first = note(context, caller, "the port is 5432")
    second = note(context, caller, "the port is 5432", topic="port")
    third = note(context, caller, "now it is 5433", topic="port")

    assert (second.outcome, second.old_id) == (Outcome.SUPERSEDES, first.id)
    assert (third.outcome, third.old_id) == (Outcome.SUPERSEDES, second.id)


def test_the_same_text_of_two_topics_is_two_facts(context: Context, caller: Caller) -> None:
    first = note(context, caller, "it is 5432", topic="port")
    second = note(context, caller, "it is 5432", topic="door")

    assert second.id != first.id
    assert stored(context, first.id).retracted_us is None


def test_a_topic_and_a_supersedes_retire_both(context: Context, caller: Caller) -> None:
    topic = note(context, caller, "the port is 5432", topic="port")
    other = note(context, caller, "we hide the door")

    note(context, caller, "all is 5433", topic="port", supersedes=other.id)

    assert stored(context, topic.id).retracted_us is not None
    assert stored(context, other.id).retracted_us is not None


def test_a_session_layer_without_a_session_is_refused(context: Context, caller: Caller) -> None:
    nowhere = Caller(project=caller.project)

    with pytest.raises(InputError, match="no session is known"):
        note(context, nowhere, "for now", scope=ScopeName.SESSION)
    assert note(context, nowhere, "for now", scope=ScopeName.SESSION, session="s-9").id


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"since": "2026-11-20", "until": "2026-11-19"}, "until is not after since"),
        ({"since": "2026-11-19", "until": "2026-11-19"}, "until is not after since"),
        ({"since": "2026-11-10", "as_of": "2026-11-01"}, "as_of lies before since"),
        ({"as_of": "2150-01-01"}, "future"),
        ({"since": "yesterday-ish"}, "not a time"),
    ],
)
def test_contradictory_times_are_refused(
    context: Context, caller: Caller, times: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        recall(context, RecallRequest(query="x", **times), caller)  # type: ignore[arg-type]  # times only


def test_a_reason_is_bounded_and_without_secrets(context: Context, caller: Caller) -> None:
    handle = note(context, caller, "the door is blue").id

    with pytest.raises(InputError, match="reason has"):
        forget(context, ForgetRequest(id=handle, reason="x" * 1001), caller)
    forget(context, ForgetRequest(id=handle, reason="<private>my\x00 key</private> old"), caller)

    assert "key" not in stored(context, handle).retraction
    assert stored(context, handle).retraction.endswith("old")
