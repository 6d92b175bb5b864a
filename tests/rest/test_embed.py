"""Vectors for other processes of ours."""

import base64

import pytest

from flowtrace_mcp.embedding.encoding import encode
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.meaning import TEXTS_LIMIT, MeaningState
from tests.fakes import FakeEmbedder


def code_of(body):
    return VectorCode(
        embedder=body["embedder"],
        sign_code=base64.b64decode(body["sign"]),
        int8_code=base64.b64decode(body["int8"]),
        scale=body["scale"],
    )


@pytest.fixture
def with_model(context):
    context.meaning._embedder, context.meaning._encode = FakeEmbedder(), encode
    context.meaning.state = MeaningState.READY


@pytest.mark.usefixtures("with_model")
def test_each_text_gets_the_code_that_the_model_gives_it(client):
    texts = ["a cat", "a dog"]
    answer = client.post("/api/v1/embed", json={"texts": texts})
    assert [code_of(body) for body in answer.json()["codes"]] == encode(FakeEmbedder(), texts)


def test_without_a_model_there_are_no_codes(client):
    answer = client.post("/api/v1/embed", json={"texts": ["a cat"]})
    assert (answer.status_code, answer.json()) == (200, {"codes": []})


def test_who_asks_makes_an_idle_model_load(client, context):
    context.meaning._choice = "no-such-model"
    context.meaning.state = MeaningState.IDLE
    client.post("/api/v1/embed", json={"texts": ["a cat"]})
    context.meaning.wait(5)
    assert context.meaning.state is MeaningState.FAILED


@pytest.mark.parametrize(
    "body", [{}, {"texts": []}, {"texts": "x"}, {"texts": ["x"] * (TEXTS_LIMIT + 1)}, {"text": "x"}]
)
def test_what_is_not_a_list_of_texts_is_refused(client, body):
    assert client.post("/api/v1/embed", json=body).status_code == 400
