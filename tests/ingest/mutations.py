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

DATA: Final = Path(__file__).parent.parent / "data" / "otlp"
RECORDED_LIMIT_BYTES: Final = 11_000
# Ends of the ranges of a byte, of lengths and of text, and what JSON is made of.
TELLING: Final = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff\x0f",
    b"\xff" * 9 + b"\x01",
    b"\x0a\x00",
    b"\x12\x00" * 40,
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"{",
    b"}",
    b"[" * 200,
    b'"',
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
)


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
        _change(body, chance, seeds)
    packing = draw(st.sampled_from(("plain", "plain", "gzip", "broken")))
    sent = bytes(body)
    if packing != "plain":
        packed = bytearray(gzip.compress(sent, 1))
        if packing == "broken":
            _change(packed, chance, seeds)
        sent = bytes(packed)
    return Mutant(signal=signal, content_type=content_type, body=sent, is_gzip=packing != "plain")


def _change(body: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    """Change a body in one place."""
    at = chance.randrange(len(body) + 1)
    until = min(len(body), at + chance.choice((1, 2, 8, 64, 1024)))
    match chance.randrange(7):
        case 0:
            if at < len(body):
                body[at] ^= 1 << chance.randrange(8)
        case 1:
            body[at:until] = b""
        case 2:
            body[at:at] = body[at:until]
        case 3:
            body[at:at] = chance.choice(TELLING)
        case 4:
            body[at:until] = chance.choice(TELLING)
        case 5:
            del body[at:]
        case _:
            other = chance.choice(seeds)
            start = chance.randrange(len(other))
            body[at:until] = other[start : start + chance.choice((4, 64, 2048))]
