"""Keys, the audit record, erasure and the privacy report as JSON: for admins."""

from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.rest.keys import BELOW, EraseBody, KeyBody, WordsBody
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.erase import EraseRequest, erase, verify_words
from flowtrace_mcp.services.keys import Role, create_key, revoke_key
from flowtrace_mcp.services.privacy_report import privacy_report
from flowtrace_mcp.storage.api_keys import ApiKey

_ABOVE_ALL: Final = 2**62


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


def list_keys(context: Context, question: Question) -> object:
    """Return all keys."""
    del question
    keys = [key_body(key) for key in context.store.access.list_keys()]
    return {"keys": keys, "total": len(keys)}


def create(context: Context, question: Question) -> object:
    """Make a key."""
    body = shaped(json_object(question.body), KeyBody)
    key, secret = create_key(
        context, body.name, body.role or Role.READER, projects=body.projects or (), days=body.days
    )
    return {**key_body(key), "secret": secret}


def revoke(context: Context, question: Question) -> object:
    """Take a key out of force."""
    revoke_key(context, question.path["key_id"])
    return {"success": True, "key_id": question.path["key_id"]}


def list_audit(context: Context, question: Question) -> object:
    """Return a page of the record of access."""
    text = question.text(BELOW)
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InputError("below is a number", why=f"{text[:20]!r} is none", mend="leave it out")
    since_us = question.window.since_us or 0
    entries = context.store.access.list_entries(int(text or _ABOVE_ALL), since_us, question.limit)
    is_full = len(entries) == question.limit
    return {"items": entries, "next": entries[-1].entry_id if is_full else None}


def erase_data(context: Context, question: Question) -> object:
    """Erase what is asked for."""
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


def verify(context: Context, question: Question) -> object:
    """Look for words everywhere."""
    return verify_words(context, shaped(json_object(question.body), WordsBody).words).body()


def report(context: Context, question: Question) -> object:
    """Return the privacy report."""
    del question
    return privacy_report(context)
