"""Any model of the sentence-transformers library, from a folder or by its hub name.

Needs the extra of the same name. Importing this module imports torch (seconds, hundreds of
megabytes), so only ``loader.py`` imports it, and late.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from flowtrace_mcp.embedding.names import model_name
from flowtrace_mcp.errors import EmbeddingError
from flowtrace_mcp.model.text import storable

_BATCH_TEXTS: Final = 16


class SentenceTransformerEmbedder:
    """Embeds text with a sentence-transformers model.

    A folder, or a hub name that is in the local cache, is loaded without any use of the network.
    Another name is fetched from the model hub: the owner of the machine asked for it.

    Args:
        name_or_path: A folder that holds a model, or a hub name.

    Raises:
        EmbeddingError: There is no such model, or it cannot be read.
    """

    def __init__(self, name_or_path: str) -> None:
        try:
            self._model = _load(name_or_path)
        except (OSError, ValueError) as error:
            raise EmbeddingError(
                f"cannot load the sentence-transformers model {Path(name_or_path).name!r}",
                why=f"the library says {type(error).__name__}",
                mend="set FLOWTRACE_EMBEDDER to sentence-transformers:<folder of a model>",
            ) from error
        self.dimensions: Final = self._encode([""]).shape[1]
        self.embedder_id: Final = f"{model_name(name_or_path)}@{_weights_digest(self._model)}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, in order; shape (texts, dimensions).

        A text is read up to the model's own limit.
        """
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return self._encode([storable(text) for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            texts, batch_size=_BATCH_TEXTS, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)


def _load(name_or_path: str) -> SentenceTransformer:
    try:
        return SentenceTransformer(name_or_path, local_files_only=True)
    except OSError:
        # Asking the hub first would cost a cached model a minute of retries without a network.
        if Path(name_or_path).exists():
            raise
        return SentenceTransformer(name_or_path)


def _weights_digest(model: SentenceTransformer) -> str:
    """Return 8 hex digits that change with any weight, wherever the model was loaded from."""
    digest = hashlib.blake2b(digest_size=4)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
