"""What of a span is searched by words: its names, what a tool was given and gave, what went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from flowtrace_mcp.analytics.span_words import span_words
from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.redaction import redact
from flowtrace_mcp.model.span_facts import SpanFacts, SpanTexts
from flowtrace_mcp.model.telemetry import AttributeValue, SpanExtras, SpanRecord

# Of one text so much of its beginning is indexed, and of its end: errors stand there.
HEAD_CHARACTERS: Final = 1_500
TAIL_CHARACTERS: Final = 500
NAME_CHARACTERS: Final = 300
_VALUES_LIMIT: Final = 200  # of one nested value
_NO_EVENT: Final = EventFacts()


def span_document(
    record: SpanRecord, facts: SpanFacts, extras: SpanExtras, told: EventFacts = _NO_EVENT
) -> str:
    """Return the words by which a span is found, joined by blanks, without secrets.

    Args:
        record: As it was sent.
        facts: What it means.
        extras: Its events.
        told: What log events say of its tool call.
    """
    texts = texts_of(record, extras)
    shown = [*_names(record, facts), *_said(texts, told)]
    return " ".join(span_words(redact("\n".join(text for text in shown if text)).text.split("\n")))


def _names(record: SpanRecord, facts: SpanFacts) -> list[str]:
    names = (record.name, facts.display, facts.tool_name, facts.tool_server, facts.agent)
    named = list(dict.fromkeys(name[:NAME_CHARACTERS] for name in names))
    errors = dict.fromkeys((facts.error_type, facts.error_message, record.status_message))
    return [*named, facts.model[:NAME_CHARACTERS], *map(_ends, errors)]


def _said(texts: SpanTexts, told: EventFacts) -> Iterator[str]:
    arguments = told.tool_arguments if texts.tool_arguments is None else texts.tool_arguments
    result = told.tool_result if texts.tool_result is None else texts.tool_result
    yield plain_text(arguments)
    yield plain_text(result)
    yield plain_text(texts.output_messages)
    yield plain_text(_last(texts.input_messages))


def _last(messages: AttributeValue) -> AttributeValue:
    """Return the newest of the messages that a model was given: the rest was answered before."""
    if isinstance(messages, list | tuple) and messages:
        newest: AttributeValue = messages[-1]
        return newest
    return messages


def plain_text(value: AttributeValue) -> str:
    """Return the texts in a value, its beginning and its end where it is long."""
    return _ends("\n".join(islice(_strings(value), _VALUES_LIMIT)))


def _strings(value: AttributeValue) -> Iterator[str]:
    """Yield the texts in a value in their order; not a recursion: a sender may nest at will."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting += reversed(list(one.values()))
        elif isinstance(one, Sequence) and not isinstance(one, bytes):
            waiting += reversed(one)


def _ends(text: str) -> str:
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return f"{text[:HEAD_CHARACTERS]}\n{text[-TAIL_CHARACTERS:]}"
