"""Names of embedders, known before any of them is loaded."""

from pathlib import PurePath
from typing import Final

MINILM_SHA256: Final = "9310b6c6df1e4d5efdd51b0d8862b06920900c2010b15070acc53f8ca0478867"
MINILM_ID: Final = f"minilm-l6-v2-int8@{MINILM_SHA256[:8]}"


def model_name(name_or_path: str) -> str:
    """Return the name of a sentence-transformers model: the last part of its hub name or folder."""
    return PurePath(name_or_path).name


def embedder_prefix(choice: str) -> str:
    """Return how the id of an embedder begins that a ``FLOWTRACE_EMBEDDER`` value asks for.

    Of the default it is the whole id; what follows of another is a digest of its weights.

    Args:
        choice: The setting; a value that is none gives a prefix that no id has.
    """
    backend, _, model = choice.strip().partition(":")
    if backend == "sentence-transformers" and model:
        return f"{model_name(model)}@"
    return MINILM_ID if choice.strip() == "minilm" else f"{choice.strip()}:"
