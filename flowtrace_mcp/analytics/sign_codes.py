"""Many sign codes at once: those nearest to a question, from memory, without a graph.

Importing numpy takes 0.2 to 0.4 s, so only a search over thousands of vectors comes here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

_WORD_BYTES: Final = 8
_Number = TypeVar("_Number", np.uint64, np.int64)
_SCAN_ROWS: Final = 32_768  # one column of so many words stays in the cache of the processor
_WORDS_A_BYTE: Final = 3  # their 192 bits are counted in a byte, an eighth of what else is moved
_GROWTH: Final = 1.25
_LEAST_ROWS: Final = 1024
# Among many codes, so many times as many are taken by half of their bits as by all.
_HALF_FACTOR: Final = 8
# So many times as many are taken by their bits as are kept by the question's own numbers.
REFINE_FACTOR: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCodes:
    """The sign codes of one set of vectors, in the order in which they were stored.

    A value: ``appended`` gives a new one, which shares its memory with the old one where there is
    room, so that a search goes on undisturbed. A code of 48 bytes takes 64 bytes with its keys.
    """

    words: NDArray[np.uint64]  # (words a code, room): column by column, as the scan reads it
    vector_keys: NDArray[np.int64]  # (room,), ascending
    memory_keys: NDArray[np.int64]  # (room,)
    count: int
    code_bytes: int

    @classmethod
    def empty(cls, code_bytes: int, room: int = 0) -> Self:
        """Return no codes yet, with room for some.

        Args:
            code_bytes: The length of a code.
            room: For so many, before memory is taken anew.
        """
        words = -(-code_bytes // _WORD_BYTES)
        return cls(
            words=np.empty((words, room), np.uint64),
            vector_keys=np.empty(room, np.int64),
            memory_keys=np.empty(room, np.int64),
            count=0,
            code_bytes=code_bytes,
        )

    @property
    def newest_key(self) -> int:
        """Return the key of the vector stored last, 0 when there is none."""
        return int(self.vector_keys[self.count - 1]) if self.count else 0

    def appended(
        self, vector_keys: Sequence[int], memory_keys: Sequence[int], codes: bytes
    ) -> "SignCodes":
        """Return these codes and further ones, whose keys are larger.

        Only the newest value may be appended to: the room behind it is written.

        Args:
            vector_keys: Of the further vectors, ascending.
            memory_keys: Of their memories, in the same order.
            codes: Their sign codes, one after the other.
        """
        start, end = self.count, self.count + len(vector_keys)
        room = len(self.vector_keys)
        if end > room:
            room = max(int(end * _GROWTH), _LEAST_ROWS) if start else end
        grown = SignCodes(
            words=_with_room(self.words, start, room),
            vector_keys=_with_room(self.vector_keys, start, room),
            memory_keys=_with_room(self.memory_keys, start, room),
            count=end,
            code_bytes=self.code_bytes,
        )
        grown.words[:, start:end] = _to_words(codes, self.code_bytes)
        grown.vector_keys[start:end] = vector_keys
        grown.memory_keys[start:end] = memory_keys
        return grown

    def near_by_bits(self, code: bytes, most: int) -> NDArray[np.intp]:
        """Return the rows whose codes differ in the fewest bits, those first; ties by row.

        Args:
            code: The question's sign code.
            most: At most so many.
        """
        middle = len(self.words) // 2
        distances = self._distances(code, slice(0, middle))
        if most * _HALF_FACTOR * 4 < self.count:
            rows = _lowest(distances, most * _HALF_FACTOR)
            distances = distances[rows] + self._distances(code, slice(middle, None), rows)
            return rows[_nearest(distances, most)]
        return _nearest(distances + self._distances(code, slice(middle, None)), most)

    def near_among(self, code: bytes, memory_keys: Sequence[int], most: int) -> NDArray[np.intp]:
        """Return the rows of some memories whose codes differ in the fewest bits, those first.

        Args:
            code: The question's sign code.
            memory_keys: Of the memories; those without a code are passed over.
            most: At most so many.
        """
        wanted = np.asarray(memory_keys, np.int64)
        rows = np.flatnonzero(np.isin(self.memory_keys[: self.count], wanted))
        return rows[_nearest(self._distances(code, slice(None), rows), most)]

    def near(self, code: bytes, numbers: bytes, most: int) -> NDArray[np.intp]:
        """Return the rows that are probably nearest, in no order.

        Four times as many are taken by their bits; of these the ones are kept whose signs agree
        with the largest numbers of the question. Half as many candidates as by bits alone hold as
        many of the nearest ten.

        Args:
            code: The question's sign code.
            numbers: The question's signed bytes, one a dimension.
            most: At most so many.

        Formula:
            sum over dimensions of q * (1 where the bit is set, else 0), which orders like
            the product of q with the signs.
        """
        rows = self.near_by_bits(code, most * REFINE_FACTOR)
        if len(rows) <= most:
            return rows
        packed = np.ascontiguousarray(np.take(self.words, rows, axis=1).T).view(np.uint8)
        agreement = _sums_of_bytes(numbers, packed.shape[1])
        at = packed + np.arange(0, len(agreement), 256, dtype=np.intp)
        scores = agreement.take(at).sum(axis=1)
        return rows[np.argpartition(scores, len(rows) - most)[-most:]]

    def _distances(
        self, code: bytes, words: slice, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.uint16]:
        """Return in how many bits of some words each code, or each of some, differs."""
        asked = _to_words(code, self.code_bytes)[words, 0]
        columns = self.words[words, : self.count]
        if rows is not None:
            columns = np.take(columns, rows, axis=1)
        distances = np.zeros(columns.shape[1], np.uint16)
        width = min(len(distances), _SCAN_ROWS)
        differing, bits = np.empty(width, np.uint64), np.empty((2, width), np.uint8)
        for start in range(0, len(distances), _SCAN_ROWS):
            part = distances[start : start + _SCAN_ROWS]
            block = columns[:, start : start + len(part)]
            for first in range(0, len(block), _WORDS_A_BYTE):
                some = slice(first, first + _WORDS_A_BYTE)
                counted = bits[:, : len(part)]
                part += _count_bits(block[some], asked[some], differing[: len(part)], counted)
        return distances


def _nearest(distances: NDArray[np.uint16], most: int) -> NDArray[np.intp]:
    """Return the rows of the ``most`` smallest distances, those first; ties by row."""
    rows = _lowest(distances, most)
    return rows[np.argsort(distances[rows], kind="stable")[:most]]


def _lowest(distances: NDArray[np.uint16], most: int) -> NDArray[np.intp]:
    """Return the rows of the smallest distances, at least ``most`` of them, in their order."""
    if most >= len(distances):
        return np.arange(len(distances))
    return np.flatnonzero(distances <= np.partition(distances, most)[most])


def _count_bits(
    columns: NDArray[np.uint64],
    asked: NDArray[np.uint64],
    differing: NDArray[np.uint64],
    bits: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Return in how many bits a few words of each code differ, in buffers that are used again."""
    counted: NDArray[np.uint8] = bits[0]
    of_one: NDArray[np.uint8] = bits[1]
    for number, (column, word) in enumerate(zip(columns, asked, strict=True)):
        np.bitwise_xor(column, word, out=differing)
        np.bitwise_count(differing, out=of_one if number else counted)
        if number:
            np.add(counted, of_one, out=counted)
    return counted


def _to_words(codes: bytes, code_bytes: int) -> NDArray[np.uint64]:
    """Return codes as words, one column a code; what a last word lacks is 0 in all of them."""
    rows = np.frombuffer(codes, np.uint8).reshape(-1, code_bytes)
    filled = np.pad(rows, ((0, 0), (0, -code_bytes % _WORD_BYTES)))
    return filled.view(np.uint64).T


def _sums_of_bytes(numbers: bytes, code_bytes: int) -> NDArray[np.float32]:
    """Return for each byte of a code and each of its 256 values the sum of q where a bit is set."""
    question = np.zeros(code_bytes * 8, np.float32)
    question[: len(numbers)] = np.frombuffer(numbers, np.int8)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    return np.ravel(question.reshape(-1, 8) @ bits.T.astype(np.float32))


def _with_room(array: NDArray[_Number], count: int, room: int) -> NDArray[_Number]:
    if array.shape[-1] == room:
        return array
    grown = np.empty((*array.shape[:-1], room), array.dtype)
    grown[..., :count] = array[..., :count]
    return grown
