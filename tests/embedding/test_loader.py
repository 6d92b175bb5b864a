import subprocess
import sys

import pytest

from flowtrace_mcp.embedding.loader import load_embedder
from flowtrace_mcp.errors import SettingsError


@pytest.mark.promise("no-network")
def test_minilm_loads_the_model_of_the_package() -> None:
    embedder = load_embedder("minilm")

    assert embedder is not None
    assert embedder.embedder_id.startswith("minilm-l6-v2-int8@")


def test_off_is_no_embedder() -> None:
    assert load_embedder("off") is None


@pytest.mark.parametrize(
    "choice",
    ["", "mini", "MiniLM", "minilm:x", "off:", "sentence-transformers", "sentence-transformers:"],
)
def test_another_choice_is_refused_with_the_ones_there_are(choice: str) -> None:
    with pytest.raises(
        SettingsError, match="minilm, sentence-transformers:<name or folder>, or off"
    ):
        load_embedder(choice)


_BLOCKED = """
import sys
for name in {blocked}: sys.modules[name] = None
from flowtrace_mcp.embedding.loader import load_embedder
from flowtrace_mcp.errors import EmbeddingError
try:
    load_embedder({choice!r})
except EmbeddingError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.parametrize(
    ("choice", "blocked", "mend"),
    [
        ("minilm", ["onnxruntime"], "FLOWTRACE_EMBEDDER=off"),
        ("minilm", ["tokenizers"], "FLOWTRACE_EMBEDDER=off"),
        (
            "sentence-transformers:any",
            ["torch", "sentence_transformers"],
            "'flowtrace-mcp[sentence-transformers]'",
        ),
    ],
)
def test_a_missing_library_is_an_embedding_error(
    choice: str, blocked: list[str], mend: str
) -> None:
    program = _BLOCKED.format(blocked=blocked, choice=choice)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=9
    )

    assert blocked[0] in done.stdout
    assert mend in done.stdout


def test_the_loader_itself_imports_nothing_heavy() -> None:
    program = (
        "import sys, flowtrace_mcp.embedding.loader;"
        "sys.exit(sorted({'numpy', 'onnxruntime', 'tokenizers', 'torch'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=9
    )

    assert done.returncode == 0, done.stderr
