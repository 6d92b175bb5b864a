"""Keys, the audit record, erasure and the privacy report as JSON: for admins."""

from typing import Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.rest.declared import LIMIT, SINCE, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.erase import EraseRequest, erase, verify_words
from flowtrace_mcp.services.keys import Role, create_key, revoke_key
from flowtrace_mcp.services.privacy_report import privacy_report
from flowtrace_mcp.storage.api_keys import ApiKey

_BELOW: Final = Parameter(name="below", form="integer", least=1, means="entries with a smaller id")
_ABOVE_ALL: Final = 2**62


class KeyBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a key is to be."""

    name: str
    role: Role | None = None
    projects: list[str] | None = None
    days: int | None = None


class EraseBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to erase."""

    session: str | None = None
    project: str | None = None
    user: str | None = None
    since: int | str | None = None
    until: int | str | None = None
    backups: bool | None = None


class WordsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to look for."""

    words: list[str]


def key_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of keys, audit and privacy."""
    return [
        endpoints.get("/api/v1/admin/keys", _list, says='`{"keys", "total"}`, newest first'),
        endpoints.post(
            "/api/v1/admin/keys",
            _create,
            bodies=(KeyBody,),
            body="`name`, `role` (reader, writer, admin), `projects`, `days`",
            says="the key with its `secret`, which is told this once",
        ),
        endpoints.route(
            "DELETE", "/api/v1/admin/keys/{key_id}", _revoke, says='`{"success", "key_id"}`'
        ),
        endpoints.get(
            "/api/v1/admin/audit",
            _audit,
            SINCE,
            LIMIT,
            _BELOW,
            says="items, newest first: who did what on which path; never what was read",
        ),
        endpoints.post(
            "/api/v1/admin/erase",
            _erase,
            bodies=(EraseBody,),
            body="`session`, `project` or `user`; `since`, `until`, `backups`",
            says="the receipt ([privacy.md](privacy.md))",
        ),
        endpoints.post(
            "/api/v1/admin/erase/verify",
            _verify,
            bodies=(WordsBody,),
            body="`words`",
            says='where any of them is: `{"hits", "places", "backups", "backups_not_read"}`',
        ),
        endpoints.get(
            "/api/v1/admin/privacy", _report, says="findings by kind, rules in force, access"
        ),
    ]


def key_body(key: ApiKey) -> dict[str, object]:
    """Return a key as JSON has it; of the secret nothing is known here."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role,
        "projects": list(key.projects),
        "created_us": key.created_us,
        "expires_us": key.expires_us,
        "revoked_us": key.revoked_us,
    }


def _list(context: Context, question: Question) -> object:
    del question
    keys = [key_body(key) for key in context.store.access.list_keys()]
    return {"keys": keys, "total": len(keys)}


def _create(context: Context, question: Question) -> object:
    body = shaped(json_object(question.body), KeyBody)
    key, secret = create_key(
        context, body.name, body.role or Role.READER, projects=body.projects or (), days=body.days
    )
    return {**key_body(key), "secret": secret}


def _revoke(context: Context, question: Question) -> object:
    revoke_key(context, question.path["key_id"])
    return {"success": True, "key_id": question.path["key_id"]}


def _audit(context: Context, question: Question) -> object:
    text = question.text(_BELOW)
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InputError("below is a number", why=f"{text[:20]!r} is none", mend="leave it out")
    since_us = question.window.since_us or 0
    entries = context.store.access.list_entries(int(text or _ABOVE_ALL), since_us, question.limit)
    is_full = len(entries) == question.limit
    return {"items": entries, "next": entries[-1].entry_id if is_full else None}


def _erase(context: Context, question: Question) -> object:
    body = shaped(json_object(question.body), EraseBody)
    request = EraseRequest(
        session=body.session or "",
        project=body.project or "",
        user=body.user or "",
        since_us=None if body.since is None else parse_time_us(body.since, name="since"),
        until_us=None if body.until is None else parse_time_us(body.until, name="until"),
        with_backups=bool(body.backups),
    )
    return erase(context, request).body()


def _verify(context: Context, question: Question) -> object:
    return verify_words(context, shaped(json_object(question.body), WordsBody).words).body()


def _report(context: Context, question: Question) -> object:
    del question
    return privacy_report(context)
