"""Vectors as they are stored: sign codes to scan, 8-bit numbers to score.

Imports numpy (0.15 s), so nothing on the start-up path imports this module.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_INT8_MAX: Final = 127


def sign_code(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the sign bits of each vector, packed; (n, 384) gives (n, 48).

    A bit is 1 where the component is above 0; the first component is the highest bit of the
    first byte. The bits in which two codes differ grow with the angle between their vectors.
    """
    return np.packbits(vectors > 0, axis=1)


def to_int8(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return vectors as 8-bit numbers (n, dimensions) and one scale each (n,).

    Formula:
        scale = max |x| / 127; code = round(x / scale). A zero vector has scale 0.
    """
    scales = np.abs(vectors).max(axis=1, initial=0).astype(np.float32) / np.float32(_INT8_MAX)
    divisors = np.where(scales > 0, scales, np.float32(1))
    # Rounding of a subnormal scale can carry a quotient past 127.
    codes = np.rint(vectors / divisors[:, None]).clip(-_INT8_MAX, _INT8_MAX)
    return codes.astype(np.int8), scales


def from_int8(codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors that 8-bit codes and their scales stand for: code times scale."""
    return codes.astype(np.float32) * scales[:, None]
