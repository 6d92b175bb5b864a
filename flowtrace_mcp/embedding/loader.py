"""Which embedder serves: read from the setting, loaded late."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from flowtrace_mcp.errors import EmbeddingError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowtrace_mcp.embedding.minilm import MiniLmEmbedder
    from flowtrace_mcp.embedding.sentence_transformers import SentenceTransformerEmbedder


class Embedder(Protocol):
    """Turns text into vectors whose cosine says how near two texts are in meaning."""

    @property
    def embedder_id(self) -> str:
        """Return what is stored with each vector; vectors of different ids do not compare."""

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return one unit vector a text, in order; shape (texts, dimensions)."""


def load_embedder(choice: str) -> Embedder | None:
    """Return the embedder of a ``FLOWTRACE_EMBEDDER`` value, or None for ``off``.

    Takes 0.3 s for ``minilm`` and seconds for ``sentence-transformers``: call it on a thread.

    Args:
        choice: ``minilm``, ``sentence-transformers:<hub name or folder>`` or ``off``.

    Raises:
        SettingsError: Another value.
        EmbeddingError: The model, or a library that it needs, cannot be loaded.
    """
    backend, _, model = choice.strip().partition(":")
    if backend == "sentence-transformers" and model:
        return _load_sentence_transformer(model)
    if choice.strip() == "minilm":
        return _load_minilm()
    if choice.strip() == "off":
        return None
    raise SettingsError(
        f"FLOWTRACE_EMBEDDER is {choice[:80]!r}",
        why="it is minilm, sentence-transformers:<name or folder>, or off",
        mend="set it to minilm, or unset it",
    )


# Both modules are imported by name at the moment of use: they cost 0.3 s and seconds, and a
# server must answer its first request before that. import_module says so to the reader, where
# an import statement inside a function would look like a hidden cycle.
def _load_minilm() -> Embedder:
    try:
        module = importlib.import_module("flowtrace_mcp.embedding.minilm")
    except ImportError as error:
        raise EmbeddingError(
            "cannot load the embedding model",
            why=f"a library that it needs does not import ({error.name})",
            mend="install flowtrace-mcp again, or set FLOWTRACE_EMBEDDER=off",
        ) from error
    build: type[MiniLmEmbedder] = module.MiniLmEmbedder
    return build()


def _load_sentence_transformer(model: str) -> Embedder:
    try:
        module = importlib.import_module("flowtrace_mcp.embedding.sentence_transformers")
    except ImportError as error:
        raise EmbeddingError(
            "cannot load a sentence-transformers model",
            why=f"a library that it needs does not import ({error.name})",
            mend="pip install 'flowtrace-mcp[sentence-transformers]'",
        ) from error
    build: type[SentenceTransformerEmbedder] = module.SentenceTransformerEmbedder
    return build(model)
