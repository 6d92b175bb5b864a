"""The id of an embedder is known, or how it begins, before it is loaded."""

import pytest

from flowtrace_mcp.embedding.names import MINILM_ID, embedder_prefix


@pytest.mark.parametrize(
    ("choice", "prefix"),
    [
        ("minilm", MINILM_ID),
        (" minilm ", MINILM_ID),
        ("sentence-transformers:org/some-model", "some-model@"),
        ("sentence-transformers:/models/tiny", "tiny@"),
        ("sentence-transformers:", "sentence-transformers::"),
        ("word2vec", "word2vec:"),
        ("off", "off:"),
    ],
)
def test_a_choice_tells_how_the_ids_of_its_vectors_begin(choice: str, prefix: str) -> None:
    assert embedder_prefix(choice) == prefix
