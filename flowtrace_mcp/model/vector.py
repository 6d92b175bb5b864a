"""A vector in the form it is stored and compared in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorCode:
    """A unit vector as 1 bit and as 8 bits a dimension; vectors of one embedder compare."""

    embedder: str
    sign_code: bytes
    int8_code: bytes
    scale: float  # int8 times this is the vector
