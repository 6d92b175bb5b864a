import pytest

from flowtrace_mcp.embedding.loader import Embedder
from tests.embedding.contract import EmbedderContract
from tests.fakes import FakeEmbedder


class TestFakeEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()
