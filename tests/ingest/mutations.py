"""Requests as nobody sends them: recorded ones, cut, flipped, doubled and spliced."""

import gzip
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.ingest import otlp_bodies
from tests.ingest.conformance.receiver import JSON, LOGS, METRICS, PROTOBUF, TRACES, Signal
from tests.mutating import change

DATA: Final = Path(__file__).parent.parent / "data" / "otlp"
RECORDED_LIMIT_BYTES: Final = 11_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One request to send."""

    signal: Signal
    content_type: str
    body: bytes
    is_gzip: bool

    @property
    def encoding(self) -> PayloadEncoding:
        return PayloadEncoding.JSON if self.content_type == JSON else PayloadEncoding.PROTOBUF


def _seeds() -> dict[tuple[str, str], list[bytes]]:
    """Return bodies by signal and content type: recorded ones, and small ones made here."""
    seeds: dict[tuple[str, str], list[bytes]] = {}
    for signal in (TRACES, LOGS, METRICS):
        made = signal.request(2)
        seeds[signal.name, PROTOBUF] = [made.SerializeToString()]
        seeds[signal.name, JSON] = [otlp_bodies.otlp_json_of(made)]
        for path in sorted(DATA.glob(f"*.{signal.name}*.pb")):
            body = path.read_bytes()
            if len(body) <= RECORDED_LIMIT_BYTES:
                seeds[signal.name, PROTOBUF].append(body)
                request = type(made).FromString(body)
                seeds[signal.name, JSON].append(otlp_bodies.otlp_json_of(request))
    return seeds


SEEDS: Final = _seeds()


@st.composite
def mutants(draw: st.DrawFn) -> Mutant:
    """Draw a request; how it is broken follows from one drawn number, which keeps drawing cheap."""
    signal = draw(st.sampled_from((TRACES, LOGS, METRICS)))
    content_type = draw(st.sampled_from((PROTOBUF, JSON)))
    seeds = SEEDS[signal.name, content_type]
    body = bytearray(draw(st.sampled_from(seeds)))
    changes = draw(st.integers(0, 6))
    chance = random.Random(draw(st.integers(0, 2**32 - 1)))
    for _ in range(changes):
        change(body, chance, seeds)
    packing = draw(st.sampled_from(("plain", "plain", "gzip", "broken")))
    sent = bytes(body)
    if packing != "plain":
        packed = bytearray(gzip.compress(sent, 1))
        if packing == "broken":
            change(packed, chance, seeds)
        sent = bytes(packed)
    return Mutant(signal=signal, content_type=content_type, body=sent, is_gzip=packing != "plain")
