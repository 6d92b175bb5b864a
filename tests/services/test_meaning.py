"""Vectors come from here, from the owner of the listener, or from nowhere: never with an error."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from flowtrace_mcp.embedding.encoding import encode
from flowtrace_mcp.embedding.loader import Embedder
from flowtrace_mcp.embedding.names import MINILM_ID
from flowtrace_mcp.errors import EmbeddingError, SettingsError
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services import meaning as meaning_module
from flowtrace_mcp.services.meaning import Meaning, MeaningState
from tests.fakes import FakeEmbedder

TEXTS = ("deploys run from main", "staging runs Postgres")
LIMIT_S = 5.0


class Loader:
    """Loads the fake once it is let go on, and counts."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.count = 0
        self.error: Exception | None = None

    def __call__(self, choice: str) -> Embedder:
        self.count += 1
        assert self.may_go_on.wait(LIMIT_S)
        if self.error is not None:
            raise self.error
        return FakeEmbedder()


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    loading = Loader()
    monkeypatch.setattr(meaning_module, "load_embedder", loading)
    yield loading
    loading.may_go_on.set()


class RemoteOwner:
    """The owner of the listener: absent, without a model, or with one."""

    def __init__(self) -> None:
        self.make: Callable[[Sequence[str]], list[VectorCode] | None] = lambda _: None
        self.count = 0

    def __call__(self, texts: Sequence[str]) -> list[VectorCode] | None:
        self.count += 1
        return self.make(texts)

    def has_a_model(self) -> None:
        self.make = lambda texts: encode(FakeEmbedder(), texts)


@pytest.fixture
def remote() -> RemoteOwner:
    return RemoteOwner()


def test_switched_off_nothing_is_asked_and_nothing_is_loaded(
    loader: Loader, remote: RemoteOwner
) -> None:
    meaning = Meaning("off", remote)

    meaning.load()

    assert meaning.state is MeaningState.OFF
    assert not meaning.is_wanted
    assert meaning.encode(TEXTS) is None
    assert (loader.count, remote.count) == (0, 0)


def test_nothing_is_loaded_before_the_first_need(loader: Loader, remote: RemoteOwner) -> None:
    meaning = Meaning("minilm", remote)

    assert meaning.state is MeaningState.IDLE
    assert meaning.embedder_prefix == MINILM_ID
    assert meaning.encode_here(TEXTS) is None
    assert loader.count == 0


def test_without_an_owner_the_model_is_loaded_here(loader: Loader, remote: RemoteOwner) -> None:
    meaning = Meaning("minilm", remote)

    codes = meaning.encode(TEXTS, patience_s=LIMIT_S)

    assert codes == encode(FakeEmbedder(), TEXTS)
    assert meaning.state is MeaningState.READY
    assert meaning.embedder_id == FakeEmbedder.embedder_id


def test_once_loaded_here_the_owner_is_asked_no_more(loader: Loader, remote: RemoteOwner) -> None:
    meaning = Meaning("minilm", remote)
    meaning.encode(TEXTS, patience_s=LIMIT_S)
    asked = remote.count

    assert meaning.encode(TEXTS) is not None
    assert (remote.count, loader.count) == (asked, 1)


def test_the_owners_codes_spare_a_model_of_ones_own(loader: Loader, remote: RemoteOwner) -> None:
    remote.has_a_model()
    meaning = Meaning("minilm", remote)

    codes = meaning.encode(TEXTS)

    assert codes == encode(FakeEmbedder(), TEXTS)
    assert meaning.state is MeaningState.REMOTE
    assert meaning.embedder_id == FakeEmbedder.embedder_id
    assert loader.count == 0


def test_an_owner_that_is_still_loading_means_words_alone(
    loader: Loader, remote: RemoteOwner
) -> None:
    remote.make = lambda _: []
    meaning = Meaning("minilm", remote)

    assert meaning.encode(TEXTS) is None
    assert meaning.state is MeaningState.REMOTE
    assert loader.count == 0


def test_when_the_owner_ends_the_model_is_loaded_here(loader: Loader, remote: RemoteOwner) -> None:
    remote.has_a_model()
    meaning = Meaning("minilm", remote)
    meaning.encode(TEXTS)
    remote.make = lambda _: None

    assert meaning.encode(TEXTS, patience_s=LIMIT_S) == encode(FakeEmbedder(), TEXTS)
    assert meaning.state is MeaningState.READY


def test_a_question_does_not_wait_for_a_load_longer_than_its_patience(
    loader: Loader, remote: RemoteOwner
) -> None:
    loader.may_go_on.clear()
    meaning = Meaning("minilm", remote)

    assert meaning.encode(TEXTS, patience_s=0) is None
    assert meaning.state is MeaningState.LOADING
    assert not meaning.wait(0)
    loader.may_go_on.set()
    assert meaning.wait(LIMIT_S)


def test_a_load_under_way_is_not_begun_again_and_the_owner_not_asked(
    loader: Loader, remote: RemoteOwner
) -> None:
    loader.may_go_on.clear()
    meaning = Meaning("minilm", remote)
    meaning.load()

    meaning.load()
    assert meaning.encode(TEXTS, patience_s=0) is None

    loader.may_go_on.set()
    assert meaning.wait(LIMIT_S)
    assert (loader.count, remote.count) == (1, 0)


def test_a_model_that_cannot_be_loaded_is_told_and_not_tried_again(
    loader: Loader, remote: RemoteOwner
) -> None:
    loader.error = EmbeddingError("cannot load the embedding model", why="a file is cut off")
    meaning = Meaning("minilm", remote)

    assert meaning.encode(TEXTS, patience_s=LIMIT_S) is None

    assert meaning.state is MeaningState.FAILED
    assert meaning.failure is loader.error
    assert not meaning.is_wanted
    assert not meaning.wait(0)
    meaning.load()
    assert meaning.encode(TEXTS) is None
    assert loader.count == 1


def test_whatever_a_library_raises_ends_the_loading(loader: Loader, remote: RemoteOwner) -> None:
    loader.error = RuntimeError("no kernel image is available")
    meaning = Meaning("minilm", remote)

    assert meaning.encode(TEXTS, patience_s=LIMIT_S) is None

    assert meaning.state is MeaningState.FAILED
    assert isinstance(meaning.failure, EmbeddingError)
    assert "RuntimeError" in str(meaning.failure)
    assert "kernel" not in str(meaning.failure)


def test_an_embedder_that_there_is_not_is_a_failure(remote: RemoteOwner) -> None:
    meaning = Meaning("word2vec", remote)

    meaning.load()

    assert not meaning.wait(LIMIT_S)
    assert isinstance(meaning.failure, SettingsError)
