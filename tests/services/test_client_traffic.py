import json

from flowtrace_mcp.clients.table import BY_NAME, CLIENTS
from flowtrace_mcp.services.client_traffic import SESSIONS_LOOKED, Traffic, traffic_of
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk
from tests.services.work import SECOND_US, START_US, Work


def tell(context, agent, session, event, at_s=0):
    body = {"session_id": session, "hook_event_name": event, "prompt": "what is this?"}
    desk = HookDesk(context)
    at_us = START_US + at_s * SECOND_US
    desk.take(HookDelivery(agent=agent, body=json.dumps(body).encode(), time_us=at_us))
    desk.close()


def export(context, agent, session, at_s=0):
    work = Work(context, session)
    work.span("chat", at_s, 2.0, **{"gen_ai.agent.name": agent})
    work.store()


def test_of_a_client_that_is_not_there_nothing_is_known(context):
    assert traffic_of(context, CLIENTS) == {client.name: Traffic() for client in CLIENTS}


def test_spans_by_opentelemetry_are_traces(context):
    export(context, "codex_exec", "s-1", at_s=10)

    assert traffic_of(context, [BY_NAME["codex"]])["codex"] == Traffic(
        seen_us=START_US + 12 * SECOND_US, traces_us=START_US + 12 * SECOND_US
    )


def test_spans_of_hooks_are_hooks_and_no_traces(context):
    tell(context, "gemini", "s-1", "AfterAgent", at_s=5)

    found = traffic_of(context, [BY_NAME["gemini"]])["gemini"]

    assert found.traces_us is None
    assert found.hooks_us == START_US + 5 * SECOND_US
    assert found.seen_us is not None


def test_a_client_may_do_both(context):
    tell(context, "claude-code", "s-1", "UserPromptSubmit", at_s=1)
    export(context, "claude-code", "s-2", at_s=100)

    found = traffic_of(context, [BY_NAME["claude-code"], BY_NAME["cursor"]])

    assert found["claude-code"].hooks_us == START_US + SECOND_US
    assert found["claude-code"].traces_us == START_US + 102 * SECOND_US
    assert found["cursor"] == Traffic()


def test_what_came_long_ago_is_not_looked_for(context):
    tell(context, "claude-code", "s-old", "UserPromptSubmit")
    for number in range(SESSIONS_LOOKED):
        export(context, "claude-code", f"s-{number}", at_s=100 + number)

    assert traffic_of(context, [BY_NAME["claude-code"]])["claude-code"].hooks_us is None
