"""The report counts what is really there."""

import pytest

from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.privacy_report import Findings, as_markdown, privacy_report
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.storage.audit import AuditEntry
from flowtrace_mcp.storage.retention_rules import RetentionRule
from tests.services.work import START_US, Work


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to ada@example.com", "email"),
        ("call +49 30 1234567", "phone"),
        ("from 203.0.113.9", "ip-address"),
        ("IBAN DE89 3704 0044 0532 0130 00", "iban"),
        ("card 4111 1111 1111 1111", "card"),
    ],
)
def test_each_kind_is_found_once(text: str, kind: str) -> None:
    found = Findings()

    found.look(text)

    assert found.body()["personal"] == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "listen on 127.0.0.1 or 0.0.0.0",
        "order 4111 1111 1111 1112",
        "version 1.2.3",
        "a@b",
        "0" * 16,
    ],
)
def test_what_only_looks_alike_is_not_counted(text: str) -> None:
    found = Findings()

    found.look(text)

    assert found.body()["personal"] == {}


def test_the_report_tells_findings_rules_and_access(context: Context, caller: Caller) -> None:
    remember(context, RememberRequest(content="Ask ada@example.com about the deploy"), caller)
    remember(context, RememberRequest(content="The key is AKIA" + "ABCDEFGHIJKLMNOP"), caller)
    work = Work(context)
    work.tool("mail", arguments={"to": "bob@example.com", "key": "AKIA" + "ABCDEFGHIJKLMNOQ"})
    work.store()
    context.store.retention.set_rule(RetentionRule(keep_days=30))
    entry = AuditEntry(at_us=START_US, who="key:k1", action="read", what="GET /api/v1/traces")
    context.store.access.insert_entries([entry, entry])

    report = privacy_report(context)

    assert report["memories"]["personal"] == {"email": 1}
    assert sum(report["memories"]["taken_out"].values()) == 1
    assert report["spans"]["personal"] == {"email": 1}
    assert sum(report["spans"]["secrets"].values()) >= 1
    assert report["retention"]["rules"][0]["days"] == 30
    assert report["access"]["by"] == [{"who": "key:k1", "action": "read", "count": 2}]
    page = as_markdown(report)
    assert "| personal | email | 1 |" in page
    assert "| key:k1 | read | 2 |" in page
