"""Token counts of every source, turned into four disjoint numbers and one part."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from flowtrace_mcp.ingest.conventions import Concept, Found
from flowtrace_mcp.model.telemetry import Attributes, AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

# Above any model's count by far; what is more is a mistake of the sender.
_MOST_TOKENS: Final = 10**12
_LONGEST_OBJECT: Final = 16_384

# Names in usage objects of the model APIs and of Langfuse; a dot leads into an inner object.
_INPUT: Final = ("prompt_tokens", "promptTokens", "promptTokenCount", "input_tokens", "inputTokens")
_OUTPUT: Final = (
    "completion_tokens",
    "completionTokens",
    "candidatesTokenCount",
    "output_tokens",
    "outputTokens",
    "output",
)
_CACHED_PART: Final = (
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "inputTokenDetails.cacheReadTokens",
    "cachedInputTokens",
    "cachedContentTokenCount",
)
_CACHE_READ: Final = (
    "cache_read_input_tokens",
    "input_cache_read",
    "input_cached_tokens",
    "cache_read",
)
_CACHE_WRITE: Final = (
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
    "input_cache_creation",
    "cache_write",
    "cache_creation",
)
_REASONING: Final = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "outputTokenDetails.reasoningTokens",
    "reasoningTokens",
    "output_reasoning",
    "output_reasoning_tokens",
    "reasoning_tokens",
)
_THOUGHTS: Final = ("thoughtsTokenCount",)

_SOME_COUNT: Final = frozenset(("input", "output", "input_without_cache", "usage_object"))
_OF_A_CALL: Final[tuple[tuple[Concept, str], ...]] = (
    ("input", "input"),
    ("output", "output"),
    ("cache_read", "cache_read"),
    ("cache_write", "cache_write"),
    ("reasoning", "reasoning"),
)
_OF_A_SUM: Final[tuple[tuple[Concept, str], ...]] = (
    ("sum_input", "input"),
    ("sum_output", "output"),
    ("sum_cache_read", "cache_read"),
    ("sum_cache_write", "cache_write"),
    ("sum_reasoning", "reasoning"),
)


class Counts(msgspec.Struct):
    """Counts as a source gave them, before its meaning of "input" is undone."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    is_exclusive: bool = False  # input leaves out what was read from or written to a cache

    def usage(self) -> TokenUsage | None:
        """Return the disjoint counts, None when there are none.

        Cache counts larger than the input cannot be a part of it, whatever the source's
        convention says (old Anthropic instrumentations), nor reasoning larger than the output
        a part of that.
        """
        uncached, output = self.input, self.output
        read, written, reasoning = self.cache_read, self.cache_write, self.reasoning
        if uncached is None and output is None and read is None and written is None:
            return None
        if uncached and not self.is_exclusive:
            cached = (read or 0) + (written or 0)
            if cached <= uncached:
                uncached -= cached
        if reasoning and output is not None and reasoning > output:
            output += reasoning
        return TokenUsage(uncached, read, written, output, reasoning)


def token_count(value: AttributeValue) -> int | None:
    """Return a count sent as a number or as text; None for anything else."""
    if type(value) is int:
        return value if 0 <= value < _MOST_TOKENS else None
    if isinstance(value, str):
        is_count = value.isascii() and value.isdigit() and len(value) < 13
        return int(value) if is_count else None
    if isinstance(value, float) and value.is_integer():
        return token_count(int(value))
    return None


def usage_of(found: Found) -> TokenUsage | None:
    """Return the usage of one call that a span's attributes state, None when they do not."""
    if found.keys().isdisjoint(_SOME_COUNT):
        return None
    counts = _counts(found, _OF_A_CALL)
    if counts.input is None and "input_without_cache" in found:
        counts.input = token_count(found["input_without_cache"])
        counts.is_exclusive = True
    if "usage_object" in found:
        _complete(counts, counts_of_object(found["usage_object"]))
    return counts.usage()


def plain_usage_of(attributes: Attributes, keys: Sequence[str | None]) -> TokenUsage | None:
    """Return the usage of one call that a span states count by count, each once.

    Args:
        attributes: Of the span.
        keys: Of input, output, cache read, cache write and reasoning; None where it has none.

    Returns:
        None too where the span says neither input nor output in a way that is a count.
    """
    fresh, output, read, written, reasoning = [
        None if key is None else token_count(attributes[key]) for key in keys
    ]
    if fresh is None and output is None:
        return None
    return Counts(fresh, output, read, written, reasoning).usage()


def summed_usage_of(found: Found) -> TokenUsage | None:
    """Return the usage that a span sums up over the calls below it, None when it does not."""
    return _counts(found, _OF_A_SUM).usage()


def _counts(found: Found, concepts: tuple[tuple[Concept, str], ...]) -> Counts:
    counts = Counts()
    for concept, name in concepts:
        if concept in found:
            setattr(counts, name, token_count(found[concept]))
    return counts


def counts_of_object(sent: AttributeValue) -> Counts:
    """Return the counts in a usage object of a model API or of Langfuse.

    Args:
        sent: A mapping, its JSON, or its Python notation (LiteLLM).
    """
    usage = parsed_object(sent)
    counts = Counts(
        input=_first(usage, _INPUT),
        output=_first(usage, _OUTPUT),
        cache_read=_first(usage, _CACHED_PART),
        cache_write=_first(usage, _CACHE_WRITE),
        reasoning=_first(usage, _REASONING),
    )
    if counts.input is None:
        # Langfuse's own classes are disjoint.
        counts.input = token_count(usage.get("input"))
        counts.is_exclusive = True
    if counts.cache_read is None:
        counts.cache_read = _first(usage, _CACHE_READ)
        # Anthropic's API: beside "input_tokens", and no "details" that would make it a part.
        counts.is_exclusive |= counts.cache_read is not None and "prompt_tokens" not in usage
    thoughts = _first(usage, _THOUGHTS)
    if thoughts is not None:
        counts.reasoning = thoughts
        counts.output = (counts.output or 0) + thoughts
    return counts


def parsed_object(sent: AttributeValue) -> Mapping[str, Any]:
    """Return a mapping sent as one, as JSON or in Python notation; empty for anything else."""
    if isinstance(sent, Mapping):
        return sent
    if not isinstance(sent, str) or len(sent) > _LONGEST_OBJECT:
        return {}
    for text in (sent, _python_as_json(sent)):
        try:
            parsed = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            continue
        return parsed if isinstance(parsed, dict) else {}
    return {}


def _python_as_json(text: str) -> str:
    """Return Python notation of names and numbers as JSON."""
    for python, json in (("'", '"'), ("None", "null"), ("True", "true"), ("False", "false")):
        text = text.replace(python, json)
    return text


def _complete(counts: Counts, others: Counts) -> None:
    """Fill what is unknown from another statement about the same call."""
    if counts.input is None:
        counts.input, counts.is_exclusive = others.input, others.is_exclusive
    if counts.output is None:
        counts.output = others.output
    if counts.cache_read is None:
        counts.cache_read = others.cache_read
    if counts.cache_write is None:
        counts.cache_write = others.cache_write
    if counts.reasoning is None:
        counts.reasoning = others.reasoning


def _first(usage: Mapping[str, Any], paths: tuple[str, ...]) -> int | None:
    for path in paths:
        outer, _, inner = path.partition(".")
        value = usage.get(outer)
        if inner:
            # Some senders flatten the inner object into dotted keys.
            value = value.get(inner) if isinstance(value, Mapping) else usage.get(path)
        count = token_count(value)
        if count is not None:
            return count
    return None
