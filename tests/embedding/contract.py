"""What every embedder promises. A test module inherits the class and says which it tests."""

import numpy as np
import pytest

from flowtrace_mcp.embedding.loader import Embedder

TEXTS = [
    "the staging database listens on port 5433",
    "knead the bread and bake it for forty minutes at 220 degrees",
    "def retry(call, attempts): return next(filter(None, map(call, range(attempts))))",
    "ok",
    "deploys wait for a green build, and a green build waits for the soak test " * 9,
]
ODD_TEXTS = ["", " \n\t", "\x00", "a\x00b", "\ud800", "🙂👩‍🚀", "数据库端口", "قاعدة", "x" * 5000]


class EmbedderContract:
    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    def test_vectors_are_float32_of_length_one(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)

        assert vectors.dtype == np.float32
        assert vectors.shape == (len(TEXTS), embedder.dimensions)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)

    def test_no_texts_give_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed([]).shape == (0, embedder.dimensions)

    def test_a_vector_depends_on_its_own_text_alone(self, embedder: Embedder) -> None:
        together = embedder.embed(TEXTS)
        alone = np.vstack([embedder.embed([text]) for text in TEXTS])

        assert together == pytest.approx(alone, abs=1e-5)

    def test_the_same_text_has_the_same_vector_again(self, embedder: Embedder) -> None:
        first, second = embedder.embed(TEXTS[:1]), embedder.embed(TEXTS[:1])

        assert np.array_equal(first, second)

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
    def test_odd_text_has_a_vector_too(self, embedder: Embedder, text: str) -> None:
        (vector,) = embedder.embed([text])

        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    def test_a_very_long_text_is_read_in_part(self, embedder: Embedder) -> None:
        (vector,) = embedder.embed(["port 5433 serves the staging database. " * 20_000])

        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    def test_a_question_is_nearest_to_its_answer(self, embedder: Embedder) -> None:
        (question,) = embedder.embed(["on which port does the staging database listen?"])

        assert np.argmax(embedder.embed(TEXTS) @ question) == 0

    def test_an_embedder_has_a_name_to_store(self, embedder: Embedder) -> None:
        assert embedder.embedder_id
        assert embedder.embedder_id.isprintable()
