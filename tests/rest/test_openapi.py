"""The description of the interface, and the interface held to it by generated questions."""

from contextlib import suppress

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from flowtrace_mcp.rest.access import AccessPolicy
from flowtrace_mcp.rest.openapi import openapi_document
from flowtrace_mcp.rest.rest_app import rest_app, rest_routes
from flowtrace_mcp.services.status import ListenerFacts

# Of each kind of question that schemathesis makes for a path.
EXAMPLES = 10
TOKEN = "t" * 32
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def document(endpoints, pipeline):
    return openapi_document(rest_routes(endpoints, pipeline, ListenerFacts))


def test_every_operation_has_a_name_of_its_own_and_says_what_it_answers(document):
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]

    assert len({operation["operationId"] for operation in operations}) == len(operations) > 20
    assert all(operation["summary"] for operation in operations)


def test_parameters_in_a_path_are_declared(document):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            told = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert told == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_bodies_are_described_by_the_types_that_check_them(document):
    recall = document["paths"]["/api/v1/memories/recall"]["post"]["requestBody"]
    schema = recall["content"]["application/json"]["schema"]

    described = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    assert {"query", "strict", "as_of"} <= set(described["properties"])
    assert described["additionalProperties"] is False


def test_only_what_needs_no_token_says_so(document):
    free = [
        path
        for path, methods in document["paths"].items()
        if any(operation.get("security") == [] for operation in methods.values())
    ]

    assert sorted(free) == ["/health", "/live", "/ready"]


def test_the_document_and_the_page_are_served(client, document):
    served = client.get("/openapi.json").json()
    page = client.get("/api/docs")

    assert served == msgspec.json.decode(msgspec.json.encode(document))
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert all(path in page.text for path in document["paths"])


def as_local(app):
    """Return the app asked under a name that it knows: schemathesis uses one of its own."""

    async def asked(scope, receive, send):
        if scope["type"] == "http":
            headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope = {**scope, "headers": [*headers, (b"host", b"127.0.0.1:9600")]}
        await app(scope, receive, send)

    return asked


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_generated_questions_get_what_the_description_promises(endpoints, pipeline, mode):
    policy = AccessPolicy(require_auth="true", token=TOKEN)
    app = as_local(rest_app(endpoints, pipeline, ListenerFacts, policy))
    described = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)
    # A stream has no end to wait for.
    described = described.exclude(path_regex="/stream$")

    for found in described.get_all_operations():
        ask_much(found.ok(), mode)


def ask_much(operation, mode):
    # A cursor that belongs to no list, or a window turned round, is refused and has no schema; of
    # posted spans the bad ones are named in a good answer, and a text that is too long for the
    # model is too long for the door before.
    excluded = [positive_data_acceptance]
    if operation.definition.raw["operationId"] in (
        "post_v1_traces",
        "post_v1_edges_batch",
        "post_v1_embed",
    ):
        excluded.append(negative_data_rejection)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        # An empty parameter means the same as leaving it out.
        assume("" not in (case.query or {}).values())
        case.call_and_validate(headers=HEADERS, excluded_checks=excluded)

    with suppress(Unsatisfiable):  # it takes nothing that could be wrong
        ask()
