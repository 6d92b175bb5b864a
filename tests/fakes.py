"""Stand-ins for outside models. Each passes the contract tests of the real thing."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class FakeEmbedder:
    """A bag of words: texts that share words are near. Loads nothing, same answer everywhere."""

    embedder_id = "fake-bag-of-words@1"
    dimensions = 384

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                vectors[row] += _word_vector(word)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _word_vector(word: str) -> NDArray[np.float32]:
    digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(384)
    return np.frombuffer(digest, np.uint8).astype(np.float32) - np.float32(127.5)
