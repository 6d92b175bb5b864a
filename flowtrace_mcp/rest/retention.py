"""Rules of retention as JSON: listed, set, and run."""

from typing import Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.retention import Enforcement, effective_rules
from flowtrace_mcp.storage.retention_rules import ALL_PROJECTS, RetentionRule

BITS_MOST: Final = 15
_MOST: Final = 2**53


class RuleBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule; without days and bytes the present one goes."""

    project: str | None = None
    sensitivity: int | None = None
    days: int | None = None
    bytes: int | None = None


def retention_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of retention."""
    base = "/api/v1/admin/retention"
    return [
        endpoints.get(base, _rules, says='`{"rules", "file_bytes_most"}`'),
        endpoints.post(
            base,
            _set,
            bodies=(RuleBody,),
            body="`project` (else all), `sensitivity` bits, `days`, `bytes`",
            says="the rules, with this one set; without `days` and `bytes` it goes",
        ),
        endpoints.post(
            f"{base}/run",
            _run,
            says='runs the rules: `{"deleted_spans", "deleted_records", "bytes_after", ...}`',
        ),
    ]


def _rules(context: Context, question: Question) -> object:
    del question
    names = {one.project_id: one.name for one in context.store.list_projects()}
    return {
        "rules": [
            {
                "project": "all" if rule.project_id == ALL_PROJECTS else names.get(rule.project_id),
                "sensitivity": rule.sensitivity,
                "days": rule.keep_days,
                "bytes": rule.keep_bytes,
            }
            for rule in effective_rules(context)
        ],
        "file_bytes_most": context.settings.retention_bytes,
    }


def _set(context: Context, question: Question) -> object:
    body = shaped(json_object(question.body), RuleBody)
    sensitivity = body.sensitivity or 0
    if not 0 <= sensitivity <= BITS_MOST:
        raise InputError("sensitivity is a number of bits", why=f"it is 0 to {BITS_MOST}")
    if any(one is not None and not 0 <= one < _MOST for one in (body.days, body.bytes)):
        raise InputError("cannot set the rule", why="days and bytes are 0 or more")
    project_id = ALL_PROJECTS
    if body.project:
        project = named_project(context, body.project)
        project_id = context.store.project_id(project.identity, project.name)
    if body.days is None and body.bytes is None:
        context.store.retention.delete_rule(project_id, sensitivity)
    else:
        context.store.retention.set_rule(
            RetentionRule(
                project_id=project_id,
                sensitivity=sensitivity,
                keep_days=body.days,
                keep_bytes=body.bytes,
            )
        )
    return _rules(context, question)


def _run(context: Context, question: Question) -> object:
    del question
    return Enforcement(context=context).run().body()
