"""Text to stored codes in one step. Imports numpy: reached by name, late, like the embedders."""

from collections.abc import Sequence

from flowtrace_mcp.embedding.codes import sign_code, to_int8
from flowtrace_mcp.embedding.loader import Embedder
from flowtrace_mcp.model.vector import VectorCode


def encode(embedder: Embedder, texts: Sequence[str]) -> list[VectorCode]:
    """Return one code a text, in order."""
    vectors = embedder.embed(texts)
    numbers, scales = to_int8(vectors)
    return [
        VectorCode(
            embedder=embedder.embedder_id,
            sign_code=sign.tobytes(),
            int8_code=number.tobytes(),
            scale=float(scale),
        )
        for sign, number, scale in zip(sign_code(vectors), numbers, scales, strict=True)
    ]
