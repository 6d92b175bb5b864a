import re
from collections.abc import Callable
from dataclasses import fields

from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.showing import without_secrets

HERON = re.compile("heron")


def test_no_text_of_a_memory_is_shown_with_a_secret(
    make_context: Callable[..., Context], caller: Caller
) -> None:
    context = make_context()
    told = remember(
        context,
        RememberRequest(
            content="heron content",
            topic="heron topic",
            author="heron",
            tags=["heron"],
            aliases=["heron"],
            files=["heron.md"],
            metadata={"heron": ["heron"]},
        ),
        caller,
    )
    memory = context.store.memories.find_memory(told.id)
    assert memory is not None

    shown = without_secrets(memory, [HERON])

    assert not [one.name for one in fields(shown) if "heron" in repr(getattr(shown, one.name))]
    assert without_secrets(memory, []) is memory
