import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from flowtrace_mcp.embedding import minilm
from flowtrace_mcp.embedding.loader import Embedder
from flowtrace_mcp.embedding.minilm import MiniLmEmbedder
from flowtrace_mcp.embedding.names import MINILM_SHA256
from flowtrace_mcp.errors import EmbeddingError
from tests.embedding.contract import TEXTS, EmbedderContract

FILES = Path(minilm.__file__).with_name("minilm")


@pytest.fixture(scope="module")
def minilm_embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


class TestMiniLmEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm_embedder: MiniLmEmbedder) -> Embedder:
        return minilm_embedder


def test_the_embedder_id_names_the_bytes_of_the_model(minilm_embedder: MiniLmEmbedder) -> None:
    assert minilm_embedder.embedder_id == "minilm-l6-v2-int8@" + MINILM_SHA256[:8]


def test_words_after_256_word_pieces_are_not_read(minilm_embedder: MiniLmEmbedder) -> None:
    filled = "word " * (256 - 2)  # the model's own two marks stand around the text
    read, unread, other = minilm_embedder.embed([filled, filled + "bread", "bread " + filled])

    assert np.array_equal(read, unread)
    assert not np.array_equal(read, other)


def test_words_after_128_word_pieces_are_read(minilm_embedder: MiniLmEmbedder) -> None:
    half = "word " * 128
    short, longer = minilm_embedder.embed([half, half + "bread"])

    assert not np.array_equal(short, longer)


def test_threads_share_one_embedder(minilm_embedder: MiniLmEmbedder) -> None:
    alone = minilm_embedder.embed(TEXTS)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: minilm_embedder.embed(TEXTS), range(4)))

    assert all(np.array_equal(answer, alone) for answer in answers)


@pytest.mark.parametrize("name", ["minilm-l6-v2-int8.onnx", "tokenizer.json"])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(FILES, tmp_path / "minilm")
    with (folder / name).open("ab") as file:
        file.write(b" ")

    with pytest.raises(EmbeddingError, match=f"{name} of the embedding model has sha256"):
        MiniLmEmbedder(folder)


def test_a_missing_file_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="cannot read minilm-l6-v2-int8") as caught:
        MiniLmEmbedder(tmp_path / "gone")

    assert str(tmp_path) not in str(caught.value)
    assert "FLOWTRACE_EMBEDDER=off" in caught.value.mend


_GROWTH = """
import sys
from flowtrace_mcp.embedding.minilm import MiniLmEmbedder
import resource
embedder = MiniLmEmbedder()
embedder.embed(["warm"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
embedder.embed(["word " * words for words in range(8, 264, 8)])
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
def test_embedding_takes_less_than_24_mib_beside_the_model() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH], capture_output=True, text=True, check=True, timeout=50
    )

    assert int(done.stdout) < 24 * 1024
    assert done.stderr == ""
