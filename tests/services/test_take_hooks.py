"""Events find what came before them, however much came between."""

import json

from flowtrace_mcp.services.take_hooks import CANDIDATES, HookDelivery, HookDesk

START_US = 1_795_340_369_304_000


def tell(desk, number, event, turn, **more):
    body = {"session_id": "s", "hook_event_name": event, "prompt_id": turn, **more}
    desk.take(
        HookDelivery(
            agent="claude-code", body=json.dumps(body).encode(), time_us=START_US + number * 1000
        )
    )


def test_the_end_of_a_turn_finds_its_prompt_behind_many_others(context):
    desk = HookDesk(context)
    tell(desk, 0, "UserPromptSubmit", "first", prompt="what is this?")
    for number in range(1, CANDIDATES + 5):
        tell(desk, number, "UserPromptSubmit", f"turn {number}", prompt="and this?")

    tell(desk, 900, "Stop", "first", last_assistant_message="a test")
    desk.close()

    longest = max(edge.duration_us for _, edge in context.store.spans.list_edges((0, 2**52), 100))
    assert longest == 900_000


def test_a_session_is_bound_once_and_again_at_its_next_start(context, tmp_path):
    desk = HookDesk(context)
    for name in ("shop", "bank"):
        (tmp_path / name).mkdir()
    shop, bank = (str(tmp_path / name) for name in ("shop", "bank"))

    tell(desk, 0, "SessionStart", "", cwd=shop)
    tell(desk, 1, "PreCompact", "", cwd=bank)
    desk.close()
    bound = context.store.spans.find_session_project("s")
    again = HookDesk(context)
    tell(again, 2, "SessionStart", "", cwd=bank)
    again.close()

    assert bound == context.store.find_project_named("shop")
    moved = context.store.spans.find_session_project("s")
    assert moved == context.store.find_project_named("bank")
