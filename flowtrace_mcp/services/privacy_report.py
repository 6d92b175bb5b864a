"""What of what is stored looks personal or secret, how long it is kept, and who has read it.

The figures come from looking: every memory, and the newest spans as they were sent. A kind is found
by its form, so a figure says where to look, not what is certain.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.model.redaction import redact
from flowtrace_mcp.model.times import DAY_US, iso_time
from flowtrace_mcp.services.backups import list_backups
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.retention import effective_rules
from flowtrace_mcp.storage.retention_rules import ALL_PROJECTS

SPANS_LOOKED_AT: Final = 5_000
ACCESS_DAYS: Final = 30
_PAGE: Final = 500
_TEXT_MOST: Final = 20_000  # characters of one span
_MARK: Final = re.compile(r"\[redacted:([a-z0-9-]{1,40})\]")
_PERSONAL: Final = {
    "email": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"),
    "phone": re.compile(r"(?<![\w+])\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]?\d){6,11}\b"),
    "ip-address": re.compile(
        r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"
    ),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "card": re.compile(r"\b(?:\d[ -]?){13,19}\b"),
}
_LOCAL: Final = ("127.", "0.0.0.0")  # noqa: S104 - nobody's address, not one to listen on


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was found in one sort of thing, by kind."""

    looked_at: int = 0
    personal: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)
    taken_out: Counter[str] = field(default_factory=Counter)  # when it was stored

    def look(self, text: str) -> None:
        """Count what is in a text."""
        self.looked_at += 1
        self.taken_out.update(_MARK.findall(text))
        for kind, pattern in _PERSONAL.items():
            self.personal[kind] += sum(_is_one(kind, found[0]) for found in pattern.finditer(text))
        cleaned = redact(text).text
        self.secrets.update(_MARK.findall(cleaned))
        self.secrets.subtract(_MARK.findall(text))

    def body(self) -> dict[str, object]:
        """Return the figures as JSON has them."""
        return {
            "looked_at": self.looked_at,
            "personal": {kind: n for kind, n in sorted(self.personal.items()) if n > 0},
            "secrets": {kind: n for kind, n in sorted(self.secrets.items()) if n > 0},
            "taken_out": {kind: n for kind, n in sorted(self.taken_out.items()) if n > 0},
        }


def privacy_report(context: Context) -> dict[str, object]:
    """Return the report as JSON has it."""
    now_us = context.now_us()
    memories, spans = Findings(), Findings()
    for line in context.store.records.memory_lines(None):
        memories.look(f"{line.content}\n{line.topic}\n{line.author}")
    for text in _span_texts(context):
        spans.look(text)
    access = context.store.access.count_entries(now_us - ACCESS_DAYS * DAY_US)
    keys = context.store.access.list_keys()
    return {
        "made_at_us": now_us,
        "memories": memories.body(),
        "spans": spans.body(),
        "retention": {
            "rules": [
                {
                    "project": "all" if rule.project_id == ALL_PROJECTS else rule.project_id,
                    "sensitivity": rule.sensitivity,
                    "days": rule.keep_days,
                    "bytes": rule.keep_bytes,
                }
                for rule in effective_rules(context)
            ],
            "file_bytes_most": context.settings.retention_bytes,
            "memories": "kept until they are forgotten",
        },
        "access": {
            "days": ACCESS_DAYS,
            "by": [{"who": who, "action": action, "count": n} for who, action, n in access],
            "keys_in_force": sum(key.revoked_us is None for key in keys),
        },
        "backups": {
            "total": len(found := list_backups(context)),
            "encrypted": sum(one.manifest.encryption is not None for one in found),
        },
        "requires_auth": context.settings.require_auth,
        "encrypted_at_rest": False,
    }


def as_markdown(report: dict[str, object]) -> str:
    """Return the report for people."""
    lines = ["# Privacy report", "", f"Made {iso_time(_number(report['made_at_us']))}.", ""]
    for part in ("memories", "spans"):
        found = _table(report[part])
        lines += [f"## {part.capitalize()}", "", f"{found['looked_at']} looked at.", ""]
        lines += ["| what | kind | count |", "| --- | --- | ---: |"]
        for what in ("personal", "secrets", "taken_out"):
            rows = _table(found[what]).items()
            lines += [f"| {what.replace('_', ' ')} | {kind} | {n} |" for kind, n in rows]
        lines.append("")
    access = _table(report["access"])
    lines += ["## Access", "", f"The last {access['days']} days, over HTTP and by commands.", ""]
    lines += ["| who | action | count |", "| --- | --- | ---: |"]
    entries = access["by"] if isinstance(access["by"], list) else []
    lines += [f"| {one['who']} | {one['action']} | {one['count']} |" for one in entries]
    lines += ["", "## Kept", "", "```json", str(report["retention"]), "```", ""]
    return "\n".join(lines)


def _span_texts(context: Context) -> "list[str]":
    texts: list[str] = []
    until_us = 2**52
    while len(texts) < SPANS_LOOKED_AT:
        keyed = context.store.spans.list_edges((0, until_us), _PAGE)
        spans = context.store.spans.get_spans(keyed)
        texts += [
            one.payload.raw.decode("utf-8", "ignore")[:_TEXT_MOST] for one in spans if one.payload
        ]
        if len(keyed) < _PAGE or keyed[-1][1].timestamp_us >= until_us:
            break
        until_us = keyed[-1][1].timestamp_us
    return texts[:SPANS_LOOKED_AT]


def _is_one(kind: str, text: str) -> bool:
    if kind == "ip-address":
        return not text.startswith(_LOCAL)
    return _passes_luhn(text) if kind == "card" else True


def _passes_luhn(text: str) -> bool:
    """Say whether digits end with the check digit of their own (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [d if at % 2 == 0 else sum(divmod(2 * d, 10)) for at, d in enumerate(digits[::-1])]
    return len(digits) >= 13 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
