"""A long text in parts, each short enough for an embedder to read whole."""

from typing import Final

# The default embedder reads 256 word pieces: of prose about 4.7 bytes each, of code 3.2, and of
# scripts without blanks 3. What is longer than it reads is not found by meaning.
PART_BYTES: Final = 768
# Where a part may end, the best place first.
_BREAKS: Final = ("\n\n", "\n", ". ", "。", " ")


def split_text(text: str, limit_bytes: int = PART_BYTES) -> list[str]:
    """Return a text in parts of about equal length that give it again when joined.

    A part ends at a paragraph, a line, a sentence or a word where one ends in its second half.

    Args:
        text: Without lone surrogates.
        limit_bytes: At most so long is a part in UTF-8, at least 4.
    """
    size_bytes = len(text.encode())
    count = -(-size_bytes // limit_bytes)
    share_bytes = max(4, -(-size_bytes // max(count, 1)))
    parts = []
    start = 0
    while start < len(text):
        # The rest fits, though it is more than its share, when breaks came late.
        rest = text[start : start + limit_bytes + 1]
        if len(rest.encode()) <= limit_bytes:
            parts.append(rest)
            break
        end = start + _length(rest, share_bytes)
        parts.append(text[start:end])
        start = end
    return parts


def _length(text: str, limit_bytes: int) -> int:
    """Return how many characters of a longer text make the next part."""
    fitting = text.encode()[:limit_bytes].decode(errors="ignore")
    for mark in _BREAKS:
        at = fitting.rfind(mark, len(fitting) // 2)
        if at >= 0:
            return at + len(mark)
    return len(fitting)
