"""Vectors for other processes of ours, so that the model is in memory once."""

from typing import Annotated, Final

import msgspec

from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import TEXTS_LIMIT

TEXT_CHARACTERS: Final = 100_000


class EmbedBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be embedded."""

    texts: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS)]],
        msgspec.Meta(min_length=1, max_length=TEXTS_LIMIT),
    ]


def embed_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the route that embeds texts."""
    return [
        endpoints.post(
            "/api/v1/embed",
            _embed,
            bodies=(EmbedBody,),
            body='`{"texts": [...]}`, at most 256',
            says=(
                '`{"codes": [...]}`, empty while no model is loaded;'
                " other processes of Flowtrace ask this"
            ),
        )
    ]


def _embed(context: Context, question: Question) -> object:
    """Return one code a text, or none at all while no model is ready here."""
    texts = shaped(json_object(question.body), EmbedBody).texts
    codes = context.meaning.encode_here(texts)
    if codes is None:
        context.meaning.load()  # who asks will not load one of its own
    return {
        "codes": [
            {
                "embedder": code.embedder,
                "sign": code.sign_code,
                "int8": code.int8_code,
                "scale": code.scale,
            }
            for code in codes or ()
        ]
    }
