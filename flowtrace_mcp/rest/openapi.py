"""The OpenAPI description of the REST interface, made from what its routes declare.

Source: OpenAPI Specification 3.1.1, https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp import __version__
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US
from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute, Parameter

OPENAPI_VERSION: Final = "3.1.1"
_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_FORM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["backup"],
    "properties": {"backup": {"type": "string", "format": "binary"}},
}
_REF: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")

_Schema = dict[str, Any]

_FORMS: Final[Mapping[str, _Schema]] = {
    "text": {"type": "string"},
    "id": {"type": "string", "pattern": "^(0x)?[0-9a-fA-F]+$"},
    "time": {
        "anyOf": [
            {
                "type": "integer",
                "description": "microseconds since the epoch",
                "minimum": EARLIEST_US,
                "exclusiveMaximum": LATEST_US,
            },
            {"type": "string", "format": "date-time"},
        ]
    },
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
}
_ERROR: Final[_Schema] = {
    "type": "object",
    "required": ["error", "code", "mend"],
    "properties": {
        "error": {"type": "string", "description": "what is wrong, and why"},
        "code": {"type": "string", "description": "a stable code"},
        "mend": {"type": "string", "description": "one thing to do now"},
    },
}
_REFUSALS: Final[Mapping[str, str]] = {
    "400": "the question cannot be understood",
    "401": "the token is missing or wrong",
    "403": "the caller may not ask",
    "404": "there is no such thing",
    "409": "something of that name is there already",
    "413": "the body is too large",
    "415": "the body is no JSON",
    "default": "it cannot be answered now",
}


def openapi_document(routes: Iterable[DeclaredRoute]) -> dict[str, Any]:
    """Return the description of all routes."""
    declared = [route.declared for route in routes]
    types = dict.fromkeys(
        shape for each in declared for shape in (*each.bodies, each.answers) if shape is not None
    )
    shapes, components = msgspec.json.schema_components(types, ref_template=_REF)
    schemas = dict(zip(types, shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in declared:
        path = _IN_PATH.sub(r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Flowtrace",
            "version": __version__,
            "description": "Memory and observability of coding agents, on this machine.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(declared: Declaration, schemas: Mapping[Any, _Schema]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(declared),
        "summary": _LINK.sub(r"\1", declared.says).replace("`", ""),
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _IN_PATH.findall(declared.path)
            ),
            *(_parameter(parameter) for parameter in declared.takes),
        ],
        "responses": _responses(declared, schemas),
    }
    if declared.bodies or declared.body:
        operation["requestBody"] = _body(declared, schemas)
    if declared.is_open:
        operation["security"] = []
    return operation


def _operation_id(declared: Declaration) -> str:
    words = re.findall(r"[a-z0-9]+", declared.path.removeprefix("/api/").lower())
    return "_".join((declared.method.lower(), *words))


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_FORMS[parameter.form])
    told = {
        "enum": list(parameter.one_of) or None,
        "minimum": parameter.least,
        "maximum": parameter.most,
        "default": parameter.default,
    }
    schema |= {key: value for key, value in told.items() if value is not None}
    also = f" Also called {', '.join(parameter.also)}." if parameter.also else ""
    description = f"{parameter.means}.{also}"
    return {"name": parameter.name, "in": "query", "description": description, "schema": schema}


def _body(declared: Declaration, schemas: Mapping[Any, _Schema]) -> dict[str, Any]:
    shapes = [schemas[shape] for shape in declared.bodies]
    schema = {"anyOf": shapes} if len(shapes) > 1 else shapes[0] if shapes else {}
    told = {"description": declared.body} if declared.body else {}
    if declared.body_type == _FORM:
        schema = _FORM_SCHEMA
    return {**told, "required": True, "content": {declared.body_type: {"schema": schema}}}


def _responses(declared: Declaration, schemas: Mapping[Any, _Schema]) -> dict[str, Any]:
    good: _Schema = {"type": "object"} if declared.media_type == _JSON else {}
    if declared.answers is not None:
        good = schemas[declared.answers]
    refusal = {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}
    return {
        str(declared.status): {
            "description": "answered",
            "content": {declared.media_type: {"schema": good}},
        },
        **{status: {"description": why, "content": refusal} for status, why in _REFUSALS.items()},
    }
