"""Vectors for this process: made here, or by the process of ours that has the model loaded."""

import importlib
import threading
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from flowtrace_mcp.embedding.loader import Embedder, load_embedder
from flowtrace_mcp.embedding.names import embedder_prefix
from flowtrace_mcp.errors import EmbeddingError, FlowtraceError
from flowtrace_mcp.model.vector import VectorCode

# A question waits this long for a model that is just being loaded, then asks words alone.
LOADING_PATIENCE_S: Final = 0.5
TEXTS_LIMIT: Final = 256

RemoteEncode = Callable[[Sequence[str]], "list[VectorCode] | None"]


class MeaningState(StrEnum):
    """Where vectors come from just now."""

    OFF = "off"
    IDLE = "idle"  # not needed yet
    LOADING = "loading"
    READY = "ready"
    REMOTE = "remote"  # another process of ours has the model
    FAILED = "failed"


class Meaning:
    """The embedder of this process, loaded on first need on a thread of its own.

    Args:
        choice: The setting ``FLOWTRACE_EMBEDDER``.
        remote: Asks the process that owns the listener; None when there is none.
    """

    def __init__(self, choice: str, remote: RemoteEncode) -> None:
        self._choice = choice
        self._remote = remote
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._embedder: Embedder | None = None
        self._encode: Callable[[Embedder, Sequence[str]], list[VectorCode]] | None = None
        self._thread: threading.Thread | None = None
        self.state = MeaningState.OFF if choice.strip() == "off" else MeaningState.IDLE
        self.failure: FlowtraceError | None = None
        self.embedder_id = ""  # known once a vector was made
        self._prefix = embedder_prefix(choice)

    @property
    def is_wanted(self) -> bool:
        """Say whether search by meaning is switched on and has not failed."""
        return self.state not in (MeaningState.OFF, MeaningState.FAILED)

    @property
    def embedder_prefix(self) -> str:
        """Return how the id of the embedder begins; all of it once a vector was made."""
        return self.embedder_id or self._prefix

    def encode(
        self, texts: Sequence[str], *, patience_s: float = LOADING_PATIENCE_S
    ) -> list[VectorCode] | None:
        """Return one code a text, or None when there is no model or it is still loading.

        Args:
            texts: At most ``TEXTS_LIMIT``.
            patience_s: How long to wait for a model that is being loaded.
        """
        if not self.is_wanted:
            return None
        if self._embedder is None:
            codes = self._ask_owner(texts)
            if codes is not None:
                return codes or None  # an owner without a model ready
            self.load()
            self._settled.wait(patience_s)
        return self.encode_here(texts)

    def encode_here(self, texts: Sequence[str]) -> list[VectorCode] | None:
        """Return codes made by the model of this very process; None when it is not loaded."""
        embedder, encode = self._embedder, self._encode
        return None if embedder is None or encode is None else encode(embedder, texts)

    def load(self) -> None:
        """Start loading the model here, unless that has begun."""
        with self._lock:
            if self.state not in (MeaningState.IDLE, MeaningState.REMOTE):
                return
            self.state = MeaningState.LOADING
            self._settled.clear()
            self._thread = threading.Thread(
                target=self._load, name="flowtrace-embedder", daemon=True
            )
            self._thread.start()

    def wait(self, limit_s: float) -> bool:
        """Wait for a load under way; say whether the model is ready here."""
        self._settled.wait(limit_s)
        return self.state is MeaningState.READY

    def _ask_owner(self, texts: Sequence[str]) -> list[VectorCode] | None:
        if self.state is MeaningState.LOADING:
            return None
        codes = self._remote(texts)
        if codes is not None:
            self.state = MeaningState.REMOTE
            self.embedder_id = codes[0].embedder if codes else self.embedder_id
        return codes

    def _load(self) -> None:
        try:
            embedder = load_embedder(self._choice)
            if embedder is not None:
                # By name and late, like the embedders: it imports numpy.
                encoding = importlib.import_module("flowtrace_mcp.embedding.encoding")
                encoding.encode(embedder, ["warm"])  # the first run allocates
                self._encode = encoding.encode
                self._embedder = embedder
                self.embedder_id = embedder.embedder_id
                self.state = MeaningState.READY
        except FlowtraceError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the outer edge of the thread: any library's
            self._fail(
                EmbeddingError(
                    "cannot load the embedding model",
                    why=f"a library that it needs failed ({type(error).__name__})",
                    mend="install flowtrace-mcp again, or set FLOWTRACE_EMBEDDER=off",
                )
            )
        finally:
            self._settled.set()

    def _fail(self, error: FlowtraceError) -> None:
        self.failure = error
        self.state = MeaningState.FAILED
