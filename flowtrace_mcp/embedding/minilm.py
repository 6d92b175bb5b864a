"""The default embedder: all-MiniLM-L6-v2 as int8 ONNX, shipped with the package.

Importing this module and loading the model cost 0.3 s and 90 MB (numpy, onnxruntime,
tokenizers), so only ``loader.py`` imports it, and late.
"""

import ctypes
import hashlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from flowtrace_mcp.embedding.names import MINILM_ID, MINILM_SHA256
from flowtrace_mcp.errors import EmbeddingError
from flowtrace_mcp.model.text import storable

TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
LIMIT_WORD_PIECES: Final = 256  # what the model was trained on
# Bounds the tokenizer's work: prose has about 5 characters a word piece, so far fewer are read.
LIMIT_CHARACTERS: Final = LIMIT_WORD_PIECES * 32
_FOLDER: Final = Path(__file__).with_name("minilm")


class MiniLmEmbedder:
    """Embeds text with the model in ``folder``; safe to call from several threads.

    Args:
        folder: Holds ``minilm-l6-v2-int8.onnx`` and ``tokenizer.json``.

    Raises:
        EmbeddingError: A file is missing or not the one that this release was made with.
    """

    embedder_id: Final = MINILM_ID
    dimensions: Final = 384

    def __init__(self, folder: Path = _FOLDER) -> None:
        model = _checked(folder / "minilm-l6-v2-int8.onnx", MINILM_SHA256)
        self._tokenizer = Tokenizer.from_file(
            str(_checked(folder / "tokenizer.json", TOKENIZER_SHA256))
        )
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LIMIT_WORD_PIECES)
        onnxruntime.disable_telemetry_events()  # its Windows builds send them
        self._session = onnxruntime.InferenceSession(
            str(model), _session_options(), providers=["CPUExecutionProvider"]
        )
        _give_back_what_loading_took()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector of 384 dimensions a text, in order; shape (texts, 384).

        A text is read up to 256 word pieces. Its vector depends on nothing but the text.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._embed_one(text)
        return vectors

    # One text a run. The quantisation takes its scale from the whole batch, so in a batch of
    # 16 a text's vector moves to a cosine of 0.990 (0.979 at worst) from its own, while on one
    # thread a batch of 60-word texts is no faster and takes 150 MB more.
    def _embed_one(self, text: str) -> NDArray[np.float32]:
        pieces = self._tokenizer.encode(storable(text[:LIMIT_CHARACTERS])).ids
        input_ids = np.array([pieces], np.int64)
        (vectors,) = self._session.run(
            ["embedding"],
            {
                "input_ids": input_ids,
                "attention_mask": np.ones_like(input_ids),
                "token_type_ids": np.zeros_like(input_ids),
            },
        )
        vector: NDArray[np.float32] = vectors[0]
        return vector


def _give_back_what_loading_took() -> None:
    """Return freed memory to the system: 9 MB of 107 on glibc, which keeps it otherwise."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another libc
            ctypes.CDLL(None).malloc_trim(0)


def _session_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Plans memory for each length of text seen and keeps it: 4 MB more after 200 texts.
    options.enable_mem_pattern = False
    # The arena never gives back what the longest text needed.
    options.enable_cpu_mem_arena = False
    return options


def _checked(file: Path, sha256: str) -> Path:
    mend = "install flowtrace-mcp again, or set FLOWTRACE_EMBEDDER=off for text search alone"
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingError(
            f"cannot read {file.name} of the embedding model", why=error.strerror or "", mend=mend
        ) from error
    if found != sha256:
        raise EmbeddingError(
            f"{file.name} of the embedding model has sha256 {found[:16]}…",
            why=f"this release was made with {sha256[:16]}…",
            mend=mend,
        )
    return file
