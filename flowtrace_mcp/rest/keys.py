"""The routes of keys, the audit record, erasure and the privacy report; `key_answers` answers."""

from typing import Final

import msgspec

from flowtrace_mcp.rest.declared import LIMIT, SINCE, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late
from flowtrace_mcp.services.keys import Role

BELOW: Final = Parameter(name="below", form="integer", least=1, means="entries with a smaller id")


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
        endpoints.get(
            "/api/v1/admin/keys",
            late("key_answers", "list_keys"),
            says='`{"keys", "total"}`, newest first',
        ),
        endpoints.post(
            "/api/v1/admin/keys",
            late("key_answers", "create"),
            bodies=(KeyBody,),
            body="`name`, `role` (reader, writer, admin), `projects`, `days`",
            says="the key with its `secret`, which is told this once",
        ),
        endpoints.route(
            "DELETE",
            "/api/v1/admin/keys/{key_id}",
            late("key_answers", "revoke"),
            says='`{"success", "key_id"}`',
        ),
        endpoints.get(
            "/api/v1/admin/audit",
            late("key_answers", "list_audit"),
            SINCE,
            LIMIT,
            BELOW,
            says="items, newest first: who did what on which path; never what was read",
        ),
        endpoints.post(
            "/api/v1/admin/erase",
            late("key_answers", "erase_data"),
            bodies=(EraseBody,),
            body="`session`, `project` or `user`; `since`, `until`, `backups`",
            says="the receipt ([privacy.md](privacy.md))",
        ),
        endpoints.post(
            "/api/v1/admin/erase/verify",
            late("key_answers", "verify"),
            bodies=(WordsBody,),
            body="`words`",
            says='where any of them is: `{"hits", "places", "backups", "backups_not_read"}`',
        ),
        endpoints.get(
            "/api/v1/admin/privacy",
            late("key_answers", "report"),
            says="findings by kind, rules in force, access",
        ),
    ]
